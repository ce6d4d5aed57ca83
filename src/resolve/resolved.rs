//! Everything that a run finds out before it begins, as the journal keeps it.

use super::context::{ResolveInputs, secret_sources};
use super::credentials;
use super::environment::{ChosenEnvironment, Variable, admit, choose, slug, variables};
use super::error::ResolveError;
use super::event::{Event, Lookup, PullRequest, Trust, github};
use super::git::Git;
use super::surroundings::{Request, RunIdentity};
use crate::plan::expr::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The events for which GitHub checks out a merge of the pull request.
const MERGED_EVENTS: [&str; 3] =
    ["pull_request", "pull_request_review", "pull_request_review_comment"];

/// What was resolved. It holds no secret: what one went into is left out and
/// read again, by [`Resolved::scope`], from the same plan and its surroundings.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Resolved {
    /// Which run this is.
    pub run: RunIdentity,
    /// The state of the source.
    pub git: Git,
    /// The `github` context.
    pub github: Map<String, Value>,
    /// The pull request.
    pub pull_request: Option<PullRequest>,
    /// What to ask GitHub where the event does not name the pull request.
    pub lookup: Option<Lookup>,
    /// Whose code it is.
    pub trust: Trust,
    /// The environment, where one was chosen.
    pub environment: Option<ChosenEnvironment>,
    /// The plan's variables, in its order.
    pub variables: Vec<Variable>,
    /// Of the variables of the process, those that the plan names.
    pub env: BTreeMap<String, String>,
    /// What whoever started this should know.
    pub notices: Vec<String>,
}

impl Resolved {
    /// Resolves everything: git, event, environment, variables. Masks every
    /// credential of the environment first.
    pub fn resolve(grounds: &ResolveInputs<'_>, request: &Request) -> Result<Self, ResolveError> {
        credentials::mask(&grounds.surroundings.env, grounds.redactor);
        let mut resolved = Self::find(grounds, request)?;
        let scope = resolved.start_scope(grounds)?;
        resolved.env = recorded(grounds, request, &scope);
        let chosen = choose(grounds.plan, request, &scope, &mut resolved.notices)?;
        resolved.variables =
            variables(grounds.plan, chosen.map(|(_, section)| section), request, &scope)?;
        let Some((name, section)) = chosen else { return Ok(resolved) };
        resolved.environment = Some(ChosenEnvironment {
            name: name.value.clone(),
            slug: slug(&name.value),
            protected: section.protected.resolve(&scope)?,
            ttl: None,
        });
        let ttl = match &section.ttl {
            Some(ttl) => Some(ttl.resolve(&resolved.scope(grounds)?)?.as_secs()),
            None => None,
        };
        if let Some(environment) = &mut resolved.environment {
            environment.ttl = ttl;
            admit(environment, &resolved.git, request.run.dry_run, &mut resolved.notices)?;
        }
        Ok(resolved)
    }

    /// What does not depend on the plan.
    fn find(grounds: &ResolveInputs<'_>, request: &Request) -> Result<Self, ResolveError> {
        let mut git = Git::read(grounds.surroundings);
        let event = Event::load(&request.event, grounds.surroundings, &git, request.pull_request)?;
        let event = event.as_ref();
        let github = github::context(event, grounds.surroundings);
        let told = |member: &str| github.get(member).and_then(Value::as_str);
        let pull_request = match event {
            Some(event) => PullRequest::find(event, request.pull_request, told("ref")),
            None => {
                request.pull_request.map(|number| PullRequest { number, ..PullRequest::default() })
            }
        };
        let trust = Trust::of(event, pull_request.as_ref(), &github, &git);
        settle(&mut git, pull_request.as_ref(), &github);
        let lookup = event.filter(|_| pull_request.is_none()).and_then(Lookup::of);
        let run = request.run.clone();
        Ok(Self { run, git, github, pull_request, lookup, trust, ..Self::default() })
    }

    /// The event's name; empty where there is none.
    pub fn event_name(&self) -> &str {
        self.told("event_name").unwrap_or_default()
    }

    /// A member of the `github` context that is a text.
    pub fn told(&self, member: &str) -> Option<&str> {
        self.github.get(member).and_then(Value::as_str)
    }

    /// The repository, `owner/name`: GitHub's word, else the remote's.
    pub fn repository(&self) -> Option<String> {
        self.told("repository")
            .map(str::to_owned)
            .or_else(|| Some(self.git.repository()?.full_name()))
    }

    /// Whose code it is.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

/// Puts what the event knows better into what git says: of a pull request it is
/// the head that is meant, and Actions checks out commits, not branches.
fn settle(git: &mut Git, pull_request: Option<&PullRequest>, github: &Map<String, Value>) {
    let told =
        |member: &str| github.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    let merged = told("event_name").is_some_and(|name| MERGED_EVENTS.contains(&name));
    if let Some(found) = pull_request.filter(|_| merged) {
        git.sha = found.head_sha.clone().or_else(|| git.sha.take());
        git.branch = found.branch.clone().or_else(|| git.branch.take());
        return;
    }
    let here = git.head.is_some() && git.head.as_deref() == told("sha");
    match told("ref_type").filter(|_| here) {
        Some("tag") => git.tag = told("ref_name").map(str::to_owned).or_else(|| git.tag.take()),
        Some("branch") if git.branch.is_none() => git.branch = told("ref_name").map(str::to_owned),
        _ => {}
    }
}

/// The variables of the process whose names occur in the plan, less what is
/// secret. The whole environment is nobody's business, the journal's included.
fn recorded(
    grounds: &ResolveInputs<'_>,
    request: &Request,
    scope: &Scope,
) -> BTreeMap<String, String> {
    let sources = secret_sources(grounds.plan, scope);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: std::collections::BTreeSet<_> =
        request.plan_text.split(|letter| !is_name(letter)).collect();
    let kept = credentials::scrub(&grounds.surroundings.env, &sources);
    kept.into_iter().filter(|(name, _)| words.contains(name.as_str())).collect()
}

#[cfg(test)]
mod tests;
