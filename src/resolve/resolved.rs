//! Everything that a run resolves before it begins, as the journal keeps it.

use super::credentials::{self, secret_sources};
use super::environment::{ChosenEnvironment, Variable, admit, choose, slug, variables};
use super::error::ResolveError;
use super::event::{Event, PullRequest, Trust, github};
use super::git::Git;
use super::inputs::{ResolveInputs, ResolveRequest, RunIdentity};
use crate::plan::expr::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The events for which GitHub checks out a merge of the pull request.
const MERGED_EVENTS: [&str; 3] =
    ["pull_request", "pull_request_review", "pull_request_review_comment"];

/// What was resolved. It holds no secrets: a value that a secret went into is left
/// out, and [`Resolved::scope`] evaluates it again.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Resolved {
    pub run: RunIdentity,
    pub git: Git,
    /// The `github` context.
    pub github: Map<String, Value>,
    pub pull_request: Option<PullRequest>,
    pub trust: Trust,
    pub environment: Option<ChosenEnvironment>,
    /// The plan's variables, in its order.
    pub variables: Vec<Variable>,
    /// The variables of the process that the plan names.
    pub env: BTreeMap<String, String>,
    /// Notes for the report.
    pub notices: Vec<String>,
}

impl Resolved {
    /// Resolves git, event, environment and variables. First it masks every
    /// credential of the process's environment.
    pub fn resolve(
        inputs: &ResolveInputs<'_>,
        request: &ResolveRequest,
    ) -> Result<Self, ResolveError> {
        credentials::mask(&inputs.host.env, inputs.redactor);
        let mut resolved = Self::find(inputs, request)?;
        let scope = resolved.start_scope(inputs)?;
        resolved.env = recorded(inputs, request, &scope);
        let chosen = choose(inputs.plan, request, &scope, &mut resolved.notices)?;
        resolved.variables =
            variables(inputs.plan, chosen.map(|(_, section)| section), request, &scope)?;
        let Some((name, section)) = chosen else { return Ok(resolved) };
        resolved.environment = Some(ChosenEnvironment {
            name: name.value.clone(),
            slug: slug(&name.value),
            protected: section.protected.resolve(&scope)?,
            ttl: None,
        });
        let ttl = match &section.ttl {
            Some(ttl) => Some(ttl.resolve(&resolved.scope(inputs)?)?.as_secs()),
            None => None,
        };
        if let Some(environment) = &mut resolved.environment {
            environment.ttl = ttl;
            admit(environment, &resolved.git, request.run.dry_run, &mut resolved.notices)?;
        }
        Ok(resolved)
    }

    /// What can be known of a run that is refused, and whether its environment is
    /// among that: git, event, pull request, environment.
    pub fn as_far_as_known(inputs: &ResolveInputs<'_>, request: &ResolveRequest) -> (Self, bool) {
        credentials::mask(&inputs.host.env, inputs.redactor);
        let Ok(mut resolved) = Self::find(inputs, request) else { return (Self::default(), false) };
        let mut notices = Vec::new();
        let scope = resolved.start_scope(inputs).ok();
        let chosen = scope.as_ref().map(|scope| choose(inputs.plan, request, scope, &mut notices));
        let Some((scope, Ok(chosen))) = scope.as_ref().zip(chosen) else {
            return (resolved, false);
        };
        resolved.environment = chosen.map(|(name, section)| ChosenEnvironment {
            name: name.value.clone(),
            slug: slug(&name.value),
            protected: section.protected.resolve(scope).unwrap_or_default(),
            ttl: None,
        });
        (resolved, true)
    }

    /// Resolves what does not depend on the plan.
    fn find(inputs: &ResolveInputs<'_>, request: &ResolveRequest) -> Result<Self, ResolveError> {
        let mut git = Git::read(inputs.host);
        let event = Event::load(&request.event, inputs.host, &git, request.pull_request)?;
        let event = event.as_ref();
        let github = github::context(event, inputs.host);
        let told = |member: &str| github.get(member).and_then(Value::as_str);
        let pull_request = match event {
            Some(event) => PullRequest::find(event, request.pull_request, told("ref")),
            None => {
                request.pull_request.map(|number| PullRequest { number, ..PullRequest::default() })
            }
        };
        let trust = Trust::of(event, pull_request.as_ref(), &github, &git);
        prefer_event(&mut git, pull_request.as_ref(), &github);
        let run = request.run.clone();
        Ok(Self { run, git, github, pull_request, trust, ..Self::default() })
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

    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

/// Corrects git by the event: Actions checks out a merge where the head of the pull
/// request is meant, and a commit where a branch or tag is meant.
fn prefer_event(git: &mut Git, pull_request: Option<&PullRequest>, github: &Map<String, Value>) {
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
