//! Makes the contexts of a scope from what was resolved.

use super::credentials::{credential, secret_sources, sounds_secret};
use super::dns_label::dns_label;
use super::environment::definitions;
use super::event::PullRequest;
use super::git::Git;
use super::hash_files::hash_files;
use super::inputs::{ResolveInputs, RunIdentity};
use super::resolved::Resolved;
use super::version::Version;
use crate::plan::expr::contexts::{Phase, context};
use crate::plan::expr::{EvalError, Object, Scope, Taint, Value, references};
use crate::plan::schema::{Plan, Text};
use crate::secret::Secret;
use std::sync::Arc;

impl Resolved {
    /// The contexts before the environment is chosen: phase 0.
    pub fn start_scope(&self, inputs: &ResolveInputs<'_>) -> Result<Scope, EvalError> {
        let dir = inputs.host.dir.clone();
        let mut scope = Scope::new(inputs.redactor.clone())
            .with("git", git(&self.git))
            .with("github", self.github_value())
            .with("pr", self.pull_request_value(inputs))
            .with("run", run(&self.run))
            .with_hash_files(Arc::new(move |patterns| hash_files(&dir, patterns)))
            .with_reason("pr", &self.no_pull_request());
        for (member, reason) in missing_of_git(&self.git) {
            scope = scope.with_reason(member, &reason);
        }
        let variables = self.process_env(inputs, &scope);
        overlay(inputs.plan, scope.with("env", variables), &[Phase::Start])
    }

    /// The contexts once the environment is chosen: phases 0 to 2.
    pub fn scope(&self, inputs: &ResolveInputs<'_>) -> Result<Scope, EvalError> {
        let scope = self.start_scope(inputs)?;
        let chosen = self.environment.as_ref();
        let mut environment = Object::default();
        if let Some(chosen) = chosen {
            environment.set("name", chosen.name.as_str());
            environment.set("slug", chosen.slug.as_str());
        }
        let section = chosen.and_then(|chosen| inputs.plan.environments.get(&chosen.name));
        let texts = definitions(inputs.plan, section);
        let mut variables = Object::default();
        for variable in &self.variables {
            let text = texts.iter().find(|(name, _)| *name == variable.name).map(|(_, text)| text);
            let value = match (&variable.value, text) {
                (Some(value), _) => Value::from(value.as_str()),
                (None, Some(text)) => text.evaluate(&scope)?,
                (None, None) => Value::NULL,
            };
            variables.set(&variable.name, value.with_missing_source(variable.hollow.as_deref()));
        }
        let scope = scope.with("environment", environment).with("vars", variables);
        overlay(inputs.plan, scope, &[Phase::Environment, Phase::Variables])
    }

    /// The variables of the process. Recorded ones keep the value that they had when
    /// the run began.
    fn process_env(&self, inputs: &ResolveInputs<'_>, scope: &Scope) -> Object {
        let sources = secret_sources(inputs.plan, scope);
        let withholds = self.withholds(inputs.allowed);
        let is_seen =
            |name: &String| !withholds || !(sounds_secret(name) || sources.contains(name));
        let own = inputs.host.env.iter().filter(|(name, _)| is_seen(name));
        let own = own.map(|(name, value)| {
            let secret = credential(name).is_some() || sources.contains(name);
            let taint =
                if secret { Taint::from_secret(&format!("env.{name}")) } else { Taint::default() };
            let recorded = self.env.get(name).filter(|_| !secret);
            (name.clone(), Value::from(recorded.unwrap_or(value).as_str()).tainted(&taint))
        });
        let gone = self.env.iter().filter(|(name, _)| !inputs.host.env.contains_key(*name));
        let gone = gone.filter(|(name, _)| is_seen(name));
        let gone = gone.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        Object::case_sensitive().holding(own.chain(gone))
    }

    fn github_value(&self) -> Value {
        Value::from(&serde_json::Value::Object(self.github.clone()))
    }

    fn pull_request_value(&self, inputs: &ResolveInputs<'_>) -> Object {
        let Some(found) = &self.pull_request else { return Object::default() };
        // Without a repository nothing is published: a rehearsal on this machine.
        let folder = || inputs.host.dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let repository = self.repository().or_else(folder).unwrap_or_default();
        pull_request(found).with("dns-label", dns_label(&repository, found.number))
    }

    fn no_pull_request(&self) -> String {
        if let Some(failure) = &self.unknown {
            return format!("the pull request is not known: {failure}");
        }
        match self.github.get("event_name").and_then(serde_json::Value::as_str) {
            Some(event) => format!("`{event}` is about no pull request, or does not say that"),
            None => "there is no pull request outside of GitHub Actions, unless `--pr` or `--event` says so".to_owned(),
        }
    }
}

/// Adds the secrets: phase 3.
pub fn with_secrets(
    scope: Scope,
    plan: &Plan,
    secrets: &[(String, Secret)],
) -> Result<Scope, EvalError> {
    let members = secrets.iter().fold(Object::default(), |members, (name, secret)| {
        members.with(name, Value::secret(secret))
    });
    overlay(plan, scope.with("secrets", members), &[Phase::Secrets])
}

/// Sets the variables of the plan's `env` that become known in these phases, over
/// those of the process.
fn overlay(plan: &Plan, scope: Scope, phases: &[Phase]) -> Result<Scope, EvalError> {
    let due: Vec<_> =
        plan.env.iter().filter(|(_, text)| phases.contains(&latest_phase(text))).collect();
    if due.is_empty() {
        return Ok(scope);
    }
    let known = scope.context("env").cloned().unwrap_or(Value::NULL);
    let known = known.members().map(|(name, value)| (name.to_owned(), value.clone()));
    let mut variables = Object::case_sensitive().holding(known);
    for (name, text) in due {
        variables.set(&name.value, text.evaluate(&scope)?);
    }
    Ok(scope.with("env", variables))
}

/// The latest phase of the contexts that a text uses. An expression that cannot be
/// parsed counts as none, because evaluating it is an error anyway.
fn latest_phase(text: &Text) -> Phase {
    let found = text
        .expressions()
        .flat_map(|expression| references(&expression.value, 0).unwrap_or_default());
    found.filter_map(|found| Some(context(found.context())?.phase)).max().unwrap_or(Phase::Start)
}

/// Why members of `git` are empty.
fn missing_of_git(git: &Git) -> Vec<(&'static str, String)> {
    if let Some(missing) = &git.missing {
        return vec![("git", missing.clone())];
    }
    let shallow = if git.shallow {
        ", or it was not fetched: `fetch-depth: 0` of actions/checkout fetches all tags"
    } else {
        ""
    };
    let tag = format!("no tag points to the commit{shallow}");
    let version = match &git.tag {
        Some(tag) => format!("the tag `{tag}` is not a version such as `v1.2.3`"),
        None => tag.clone(),
    };
    let floating = match git.tag.as_deref().and_then(Version::of_tag) {
        Some(_) if git.lacks_tags => "the clone may lack the tag of a higher version: \
             `fetch-depth: 0` of actions/checkout fetches all tags"
            .to_owned(),
        Some(found) => format!("`{}` is before a release, or a higher version has it", found.whole),
        None => version.clone(),
    };
    vec![
        ("git.branch", "a commit is checked out, and no branch".to_owned()),
        ("git.branch-slug", "a commit is checked out, and no branch".to_owned()),
        ("git.tag", tag),
        ("git.version", version),
        ("git.version-minor", floating.clone()),
        ("git.version-major", floating.clone()),
        ("git.version-latest", floating),
        ("git.remote", "the repository has no remote".to_owned()),
    ]
}

fn git(git: &Git) -> Object {
    let dirty = git.is_dirty();
    let version = git.tag.as_deref().and_then(Version::of_tag);
    // Without all tags a name that floats could move back.
    let released = version.as_ref().filter(|_| !git.lacks_tags);
    let floating = released.map(|version| version.floating(&git.versions));
    let (version, floating) = (version.as_ref(), floating.as_ref());
    Object::default()
        .with("sha", git.sha.as_deref())
        .with("short-sha", git.short_sha())
        .with("branch", git.branch.as_deref())
        .with("branch-slug", git.branch_slug())
        .with("tag", git.tag.as_deref())
        .with("version", version.map(|version| version.whole.as_str()))
        .with("version-minor", floating.and_then(|tags| tags.minor.as_deref()))
        .with("version-major", floating.and_then(|tags| tags.major.as_deref()))
        .with("version-latest", floating.and_then(|tags| tags.latest))
        .with("dirty", dirty)
        .with("dirty-suffix", dirty.map(|dirty| if dirty { "-dirty" } else { "" }))
        .with("commit-time", git.commit_time())
        .with("remote", git.remote.as_deref())
}

fn pull_request(found: &PullRequest) -> Object {
    Object::default()
        .with("number", found.number.to_string().parse::<f64>().ok())
        .with("head-sha", found.head_sha.as_deref())
        .with("branch", found.branch.as_deref())
        .with("base", found.base.as_deref())
        .with("slug", found.slug())
        .with("tag", found.slug())
        .with("author", found.author.as_deref())
        .with("fork", found.fork)
}

fn run(run: &RunIdentity) -> Object {
    Object::default()
        .with("id", run.id.as_str())
        .with("started", run.started.as_deref())
        .with("attempt", run.attempt)
        .with("dry-run", run.dry_run)
}
