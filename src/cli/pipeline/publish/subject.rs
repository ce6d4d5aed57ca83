//! What a report is about, as far as it is known when it is made.

use crate::cli::session::PlanSession;
use crate::event::{Channel, Origin};
use crate::github::client::{BuiltCommit, Marker};
use crate::journal::RunOptions;
use crate::plan::schema::Plan;
use crate::resolve::Resolved;
use std::fmt;

/// The plan, the place and the code of a run that ended, or that was refused
/// before all of these were known.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub struct Subject {
    /// The name of the plan; `None` if it cannot be read.
    pub plan: Option<String>,
    pub environment: EnvironmentName,
    /// The reports that the plan asks for, each once.
    pub channels: Vec<Channel>,
    /// The number of the pull request.
    pub pull_request: Option<u64>,
    /// Whether GitHub gives the run a token that can only read: the pull request
    /// comes from a fork, or from dependabot.
    pub is_fork: bool,
    /// Whether runs are still to come for the pull request.
    pub pull_request_state: PullRequestState,
    /// The commit to report on: the head of the pull request, since GitHub shows
    /// nothing of the merge commit that a workflow checks out. In a rollback the one that is
    /// put back.
    pub commit: Option<String>,
    /// Why the commit is not known.
    pub no_commit: Option<String>,
    pub repository: Option<String>,
    pub origin: Origin,
    pub comment_key: Option<String>,
    /// The services of the plan, or of them those that `--only` names.
    pub services: Vec<String>,
    /// Whether the plan has top-level `steps`, whose service is named as the plan.
    pub is_single: bool,
    /// The services that `--only` names.
    pub only: Vec<String>,
    /// The step that `--from` names.
    pub from: Option<String>,
    /// The step that `--until` names.
    pub until: Option<String>,
    /// What is checked out; `None` where git does not tell when it was committed.
    pub built: Option<BuiltCommit>,
    /// What becomes of a comment about a newer commit.
    pub newer_comment: NewerComment,
    pub dry_run: bool,
    /// Whether the run talks to a local cloud, of a dry run or of `--cloud`.
    pub local: bool,
}

/// Whether a pull request is closed. Without one it counts as open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PullRequestState {
    Open,
    Closed,
}

/// What a run of an older commit does to the comment of a newer one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NewerComment {
    Kept,
    /// An older commit may replace a newer one, by `--allow-older`.
    Replaced,
}

/// The name of the chosen environment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EnvironmentName {
    /// The run has none.
    None,
    Chosen {
        name: String,
        protected: bool,
    },
    /// None of the plan's environments matches, and the run was refused for it.
    Unmatched,
    /// The run was refused before it was chosen.
    Unknown,
}

impl EnvironmentName {
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Chosen { name, .. } => Some(name),
            Self::None | Self::Unmatched | Self::Unknown => None,
        }
    }

    pub fn is_protected(&self) -> bool {
        matches!(self, Self::Chosen { protected: true, .. })
    }
}

impl Subject {
    pub fn of(session: &PlanSession) -> Self {
        Self::new(Some(&session.plan), &session.resolved, &session.options)
    }

    /// Without a plan it is reported where a plan that does not say is.
    pub fn new(plan: Option<&Plan>, resolved: &Resolved, options: &RunOptions) -> Self {
        let mut channels = Vec::new();
        let default = [Channel::Comment, Channel::Summary];
        let asked = plan.map_or(default.as_slice(), |plan| plan.report.0.as_slice());
        // What a commit was found to be by runs of its own does not change when an earlier
        // version of a service is put back.
        let is_of_commit = |channel| matches!(channel, Channel::Status | Channel::ServiceStatus);
        for &channel in asked {
            let is_left_out = options.no_report || options.rolls_back() && is_of_commit(channel);
            if !channels.contains(&channel) && !is_left_out {
                channels.push(channel);
            }
        }
        let pull_request = resolved.pull_request.as_ref();
        let head = pull_request.and_then(|found| found.head_sha.clone());
        let head = head.filter(|_| !options.rolls_back());
        Self {
            plan: plan.map(|plan| plan.name.value.clone()),
            environment: match &resolved.environment {
                Some(chosen) => EnvironmentName::Chosen {
                    name: chosen.name.clone(),
                    protected: chosen.protected,
                },
                None => EnvironmentName::None,
            },
            channels,
            pull_request: pull_request.map(|found| found.number),
            is_fork: pull_request.is_some_and(|found| found.fork == Some(true)),
            pull_request_state: if pull_request.is_some_and(|found| found.closed) {
                PullRequestState::Closed
            } else {
                PullRequestState::Open
            },
            commit: head.or_else(|| resolved.git.sha.clone()),
            no_commit: resolved.git.missing.clone(),
            repository: resolved.repository(),
            origin: origin(resolved),
            comment_key: options.comment_key.clone().filter(|key| !key.is_empty()),
            services: services(plan, &options.only),
            is_single: plan.is_some_and(|plan| plan.services.is_single),
            only: options.only.clone(),
            from: options.from.clone(),
            until: options.until.clone(),
            built: built(resolved),
            newer_comment: if options.allow_older {
                NewerComment::Replaced
            } else {
                NewerComment::Kept
            },
            dry_run: options.dry_run.is_some(),
            local: options.dry_run.is_some() || options.cloud.is_some(),
        }
    }

    /// The name of the status of the commit. That of a run of some services or steps says
    /// nothing of the others, so it does not replace that of the whole plan.
    pub fn status_context(&self, plan: &str) -> String {
        let only = (!self.only.is_empty()).then(|| format!("only {}", self.only.join(", ")));
        let from = self.from.as_ref().map(|step| format!("from {step}"));
        let parts: Vec<String> = only.into_iter().chain(from).collect();
        if parts.is_empty() {
            return format!("shipway/{plan}");
        }
        format!("shipway/{plan} ({})", parts.join(", "))
    }

    /// The name of the status of a service; the plan's for the single service of top-level
    /// `steps`. A run of some services does all of their steps, unless it begins later.
    pub fn service_status_context(&self, plan: &str, service: &str) -> String {
        let service = if self.is_single { String::new() } else { format!("/{service}") };
        let from = self.from.as_ref().map(|step| format!(" (from {step})")).unwrap_or_default();
        format!("shipway/{plan}{service}{from}")
    }

    pub fn is_closed(&self) -> bool {
        self.pull_request_state == PullRequestState::Closed
    }

    /// The commit whose newer ones keep their comment.
    pub fn guarded_commit(&self) -> Option<&BuiltCommit> {
        match self.newer_comment {
            NewerComment::Kept => self.built.as_ref(),
            NewerComment::Replaced => None,
        }
    }

    /// What of the plan is meant, such as `, only web, until web.push`. Empty for all of it.
    pub fn part(&self) -> String {
        let only = (!self.only.is_empty()).then(|| format!(", only {}", self.only.join(", ")));
        let from = self.from.as_ref().map(|step| format!(", from {step}"));
        let until = self.until.as_ref().map(|step| format!(", until {step}"));
        [only, from, until].into_iter().flatten().collect()
    }

    /// What a comment begins with, which GitHub does not show: its marker and its commit.
    pub fn hidden_lines(&self, marker: &Marker) -> String {
        let commit = self.built.as_ref().map(|built| format!("\n{}", built.line()));
        format!("{marker}{}", commit.unwrap_or_default())
    }

    /// Whether `shipway plan` posts what it shows.
    pub fn has_plan_comment(&self) -> bool {
        self.channels.contains(&Channel::Plan)
    }

    /// For a run that was refused, of a plan with environments: without one that is
    /// chosen, it is about the one that its event may not choose, or about none.
    pub fn lacks_environment(&mut self, resolved: &Resolved) {
        if self.environment == EnvironmentName::None {
            self.environment = match &resolved.withheld {
                Some(name) => EnvironmentName::Chosen { name: name.clone(), protected: true },
                None => EnvironmentName::Unmatched,
            };
        }
    }

    /// The environment of GitHub's deployments.
    pub fn deployment_environment(&self) -> String {
        DeploymentName {
            plan: self.plan.as_deref(),
            environment: self.environment.name(),
            pull_request: self.pull_request,
            comment_key: self.comment_key.as_deref(),
        }
        .to_string()
    }
}

/// The name of the environment of GitHub's deployments, the same for the run that
/// deploys and for the command that removes. A new deployment ends the earlier ones
/// of its environment, so each plan, environment, pull request and key has its own.
#[derive(Clone, Copy, Debug)]
pub struct DeploymentName<'a> {
    pub plan: Option<&'a str>,
    pub environment: Option<&'a str>,
    pub pull_request: Option<u64>,
    pub comment_key: Option<&'a str>,
}

impl fmt::Display for DeploymentName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.pull_request.map(|number| format!("pr-{number}"));
        let parts = [self.plan, self.environment, number.as_deref(), self.comment_key];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
    }
}

fn built(resolved: &Resolved) -> Option<BuiltCommit> {
    let hash = resolved.git.sha.clone()?;
    Some(BuiltCommit { hash, time: resolved.git.commit_time()?.parse().ok()? })
}

/// The services of a plan, or those of them that are chosen.
fn services(plan: Option<&Plan>, only: &[String]) -> Vec<String> {
    let Some(plan) = plan else { return Vec::new() };
    let all = plan.services.iter().map(|(name, _)| name.value.clone());
    all.filter(|name| only.is_empty() || only.contains(name)).collect()
}

/// The commit of the source, and the URL of this run's log.
fn origin(resolved: &Resolved) -> Origin {
    let commit = resolved.git.sha.clone().or_else(|| resolved.told("sha").map(str::to_owned));
    let at_github = resolved
        .told("server_url")
        .zip(resolved.told("repository"))
        .map(|(server, repository)| format!("{server}/{repository}"));
    let commit_url = at_github
        .as_ref()
        .zip(commit.as_ref())
        .map(|(repository, commit)| format!("{repository}/commit/{commit}"));
    let run_url = at_github
        .zip(resolved.told("run_id").filter(|id| !id.is_empty()))
        .map(|(repository, run)| format!("{repository}/actions/runs/{run}"));
    let uncommitted = resolved.git.is_dirty() == Some(true);
    Origin { commit, commit_url, uncommitted, run_url }
}

#[cfg(test)]
mod tests {
    use super::{EnvironmentName, Subject};
    use crate::journal::RunOptions;
    use crate::resolve::Resolved;

    #[test]
    fn each_plan_environment_pull_request_and_key_has_its_own_deployments() {
        let whole = Subject {
            plan: Some("storefront".into()),
            environment: EnvironmentName::Chosen { name: "preview".into(), protected: false },
            pull_request: Some(7),
            comment_key: Some("arm".into()),
            ..Subject::new(None, &Resolved::default(), &RunOptions::default())
        };
        let named = |subject: Subject| subject.deployment_environment();
        assert_eq!(named(whole.clone()), "storefront/preview/pr-7/arm");
        let other = Subject { plan: Some("docs".into()), comment_key: None, ..whole.clone() };
        assert_eq!(named(other), "docs/preview/pr-7");
        let pushed = Subject { pull_request: None, comment_key: None, ..whole };
        assert_eq!(named(pushed), "storefront/preview");
    }
}
