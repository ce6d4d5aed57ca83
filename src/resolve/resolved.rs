//! Everything that a run resolves before it begins, as the journal keeps it.

use super::admission::{Decision, EnvironmentFacts, Facts};
use super::credentials::{self, secret_sources, sounds_secret};
use super::environment::{Choice, ChosenEnvironment, Variable, admit, choose, variables};
use super::error::{ResolveError, UnmatchedEnvironment};
use super::event::{Checkout, EventOrigin, LookupFailure, PullRequest, Trust};
use super::git::{Git, safe_directory};
use super::inputs::{ResolveInputs, ResolveRequest, RunIdentity};
use super::trigger::Trigger;
use crate::plan::expr::Scope;
use crate::plan::schema::Plan;
use crate::value::slug;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What was resolved. It holds no secrets: a value that a secret went into is left
/// out, and [`Resolved::scope`] evaluates it again.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Resolved {
    pub run: RunIdentity,
    pub git: Git,
    /// Where the event comes from; `None` without one.
    pub event: Option<EventOrigin>,
    /// The `github` context.
    pub github: Map<String, Value>,
    pub pull_request: Option<PullRequest>,
    pub trust: Trust,
    /// What is checked out of the pull request.
    pub checkout: Checkout,
    /// The commit of the base branch that the plan is read from, where what is checked out
    /// is a fork's that may be deployed.
    pub plan_commit: Option<String>,
    /// Why the pull request is not known.
    pub unknown: Option<LookupFailure>,
    pub environment: Option<ChosenEnvironment>,
    /// The protected environment that would be the run's if its event could choose
    /// it.
    pub withheld: Option<String>,
    /// The plan's variables, in its order.
    pub variables: Vec<Variable>,
    /// The variables of the process that the plan names.
    pub env: BTreeMap<String, String>,
    /// Notes for the report.
    pub notices: Vec<String>,
    /// What is shown when the run begins.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// Resolves git, event, environment and variables, and asks GitHub nothing.
    pub fn resolve(
        inputs: &ResolveInputs<'_>,
        request: &ResolveRequest,
    ) -> Result<Self, ResolveError> {
        Self::of(inputs, request, Trigger::read(inputs, request)?)
    }

    /// Resolves environment and variables.
    pub fn of(
        inputs: &ResolveInputs<'_>,
        request: &ResolveRequest,
        trigger: Trigger,
    ) -> Result<Self, ResolveError> {
        let mut resolved = Self::of_trigger(trigger, request);
        let scope = resolved.start_scope(inputs)?;
        resolved.env = recorded(inputs, request, &scope);
        if resolved.withholds(inputs.allowed) {
            resolved.env.retain(|name, _| !sounds_secret(name));
        }
        let chosen = match choose(inputs.plan, request, &scope)? {
            Choice::Chosen(chosen) => Some(chosen),
            Choice::Withheld(name) => {
                resolved.withheld = Some(name.to_owned());
                None
            }
            Choice::Nothing => None,
        };
        resolved.variables =
            variables(inputs.plan, chosen.map(|(_, section)| section), request, &scope)?;
        let Some((name, section)) = chosen else { return Ok(resolved) };
        resolved.environment = Some(ChosenEnvironment {
            name: name.value.clone(),
            slug: slug(&name.value),
            protected: section.protected.resolve(&scope)?,
            ttl: None,
            max_previews: None,
        });
        let scope = resolved.scope(inputs)?;
        let ttl = section.ttl.as_ref().map(|ttl| ttl.resolve(&scope)).transpose()?;
        let max = section.max_previews.as_ref().map(|max| max.resolve(&scope)).transpose()?;
        if let Some(environment) = &mut resolved.environment {
            environment.ttl = ttl.map(|ttl| ttl.0.as_secs());
            environment.max_previews = max.map(|max| max.0);
            if !request.any_tree {
                admit(environment, &resolved.git, request.run.dry_run, &mut resolved.notices)?;
            }
        }
        Ok(resolved)
    }

    /// What can be known of a run that is refused, and whether its environment is
    /// among that: git, event, pull request, environment.
    pub fn as_far_as_known(inputs: &ResolveInputs<'_>, request: &ResolveRequest) -> (Self, bool) {
        let Ok(trigger) = Trigger::read(inputs, request) else { return (Self::default(), false) };
        let mut resolved = Self::of_trigger(trigger, request);
        let scope = resolved.start_scope(inputs).ok();
        let chosen = scope.as_ref().map(|scope| choose(inputs.plan, request, scope));
        let Some((scope, Ok(choice))) = scope.as_ref().zip(chosen) else {
            return (resolved, false);
        };
        match choice {
            Choice::Chosen((name, section)) => {
                resolved.environment = Some(ChosenEnvironment {
                    name: name.value.clone(),
                    slug: slug(&name.value),
                    protected: section.protected.resolve(scope).unwrap_or_default(),
                    ttl: None,
                    max_previews: None,
                });
            }
            Choice::Withheld(name) => resolved.withheld = Some(name.to_owned()),
            Choice::Nothing => {}
        }
        (resolved, true)
    }

    /// Decides whether this run may push and deploy. `allowed` is the commit of
    /// `--allow-fork-deploy`.
    pub fn decide(&self, plan: &Plan, allowed: Option<&str>) -> Decision {
        let environment = match (&self.withheld, &self.environment) {
            (Some(name), _) => EnvironmentFacts::Withheld(name),
            (None, None) if plan.environments.len() > 0 => {
                EnvironmentFacts::NoMatch(UnmatchedEnvironment::all(plan))
            }
            (None, _) => EnvironmentFacts::Settled,
        };
        let facts = Facts {
            origin: self.event,
            event: self.told("event_name").unwrap_or_default(),
            dry_run: self.run.dry_run,
            pull_request: self.pull_request.as_ref(),
            trust: &self.trust,
            git: &self.git,
            checkout: self.checkout,
            unknown: self.unknown.as_ref(),
            environment,
            allowed,
        };
        facts.decide()
    }

    /// Whether the plan may have no secret, login or other credential, because its code
    /// is a fork's, or may be.
    pub fn withholds(&self, allowed: Option<&str>) -> bool {
        self.trust.withholds(allowed, &self.git)
    }

    /// What a run says of that.
    pub fn withheld_note(&self) -> Option<String> {
        let why = match &self.trust {
            Trust::Trusted => return None,
            Trust::Unknown => "it is not known whether the pull request comes from a fork",
            Trust::Fork { why, .. } => why,
        };
        Some(format!(
            "the plan has no secret, no login and no credential of the environment, because {why}"
        ))
    }

    /// What is known before the plan is looked at.
    fn of_trigger(mut trigger: Trigger, request: &ResolveRequest) -> Self {
        let trust = trust(&trigger, request);
        let checkout = trigger.correct_git();
        if let Some(source) = &request.source {
            trigger.git.take(source);
        }
        let mut resolved = Self {
            run: request.run.clone(),
            trust,
            git: trigger.git,
            event: trigger.event.map(|event| event.origin),
            github: trigger.github,
            pull_request: trigger.pull_request,
            checkout,
            unknown: trigger.unknown,
            notices: trigger.notices,
            ..Self::default()
        };
        if names_git(&request.plan_text) {
            resolved.tell_of_git();
        }
        if request.plan_text.contains("git.version-") {
            resolved.tell_of_versions();
        }
        resolved
    }

    /// Says why what the plan takes from git may be empty.
    fn tell_of_git(&mut self) {
        let Some(missing) = &self.git.missing else { return };
        if self.event == Some(EventOrigin::Workflow) {
            let filled = "the plan names `git`, which is filled from GitHub's variables";
            let remedy = safe_directory(missing).map(|help| format!("; {help}"));
            let remedy = remedy.unwrap_or_default();
            self.warnings.push(format!("{filled}: {missing}{remedy}"));
        } else {
            let known = if self.git.sha.is_some() { "known by its commit alone" } else { "empty" };
            self.notices.push(format!("the plan names `git`, which is {known}: {missing}"));
        }
    }

    /// Says that no tag floats to this version: the clone may lack a higher one.
    fn tell_of_versions(&mut self) {
        if self.git.lacks_tags {
            self.warnings.push(
                "the clone may lack the tag of a higher version, so `git.version-minor`, \
                 `git.version-major` and `git.version-latest` are empty; give actions/checkout \
                 `fetch-depth: 0`"
                    .to_owned(),
            );
        }
    }

    /// The reference of the source that was built, such as `refs/heads/main`.
    pub fn source_reference(&self) -> Option<String> {
        match (&self.pull_request, self.checkout) {
            (Some(one), Checkout::Head) => Some(format!("refs/pull/{}/head", one.number)),
            (Some(one), Checkout::Merge) => Some(format!("refs/pull/{}/merge", one.number)),
            _ if self.git.head.as_deref() == self.told("sha") => {
                self.told("ref").map(str::to_owned)
            }
            _ => None,
        }
    }

    /// A member of the `github` context that is a string.
    pub fn told(&self, member: &str) -> Option<&str> {
        self.github.get(member).and_then(Value::as_str)
    }

    /// The repository, `owner/name`, from the event or else from git's remote.
    pub fn repository(&self) -> Option<String> {
        self.told("repository")
            .map(str::to_owned)
            .or_else(|| Some(self.git.repository()?.full_name()))
    }
}

/// Where the code comes from. Of the pull request that the event of a workflow is about,
/// that has to be known; one that the command line alone names is its user's choice.
fn trust(trigger: &Trigger, request: &ResolveRequest) -> Trust {
    let Trigger { event, pull_request, github, unknown, .. } = trigger;
    let found = Trust::of(event.as_ref(), pull_request.as_ref(), github);
    let in_workflow = event.as_ref().is_some_and(|event| event.origin == EventOrigin::Workflow);
    // A version of it that a maintainer let be deployed is put back.
    if request.source.is_some() && request.pull_request.is_some() {
        return Trust::Trusted;
    }
    let untold = request.pull_request.is_none()
        && pull_request.as_ref().is_some_and(|found| found.fork.is_none());
    match found {
        Trust::Trusted if in_workflow && (unknown.is_some() || untold) => Trust::Unknown,
        found => found,
    }
}

/// Whether an expression of the plan names the `git` context. A comment that does
/// is worth a note too many.
fn names_git(plan: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || "-_./:@".contains(letter);
    plan.match_indices("git.").any(|(at, _)| !plan[..at].ends_with(is_word))
}

/// The variables of the process whose names occur in the plan, without secret ones.
/// Others may hold anything, and do not belong into the journal.
fn recorded(
    inputs: &ResolveInputs<'_>,
    request: &ResolveRequest,
    scope: &Scope,
) -> BTreeMap<String, String> {
    let sources = secret_sources(inputs.plan, scope);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: std::collections::BTreeSet<_> =
        request.plan_text.split(|letter| !is_name(letter)).collect();
    let kept = credentials::scrub(&inputs.host.env, &sources);
    kept.into_iter().filter(|(name, _)| words.contains(name.as_str())).collect()
}

#[cfg(test)]
mod tests;
