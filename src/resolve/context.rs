//! What is resolved, as the contexts of a scope.

use super::credentials::{credential, scrub};
use super::environment::definitions;
use super::event::PullRequest;
use super::git::Git;
use super::hash_files::hash_files;
use super::resolved::Resolved;
use super::surroundings::{HostEnvironment, RunIdentity};
use super::version::Version;
use crate::plan::expr::contexts::{Phase, context};
use crate::plan::expr::{EvalError, Object, Rendered, Scope, Taint, Value, references};
use crate::plan::schema::{Map, Plan, SecretSource, Text};
use crate::secret::{Redactor, Secret};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What every scope of a run is made from.
#[derive(Clone, Copy)]
pub struct ResolveInputs<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where Shipway was started.
    pub surroundings: &'a HostEnvironment,
    /// Where derived secrets are registered.
    pub redactor: &'a Redactor,
}

impl Resolved {
    /// What expressions see before the environment is chosen: phase 0.
    pub(super) fn start_scope(&self, grounds: &ResolveInputs<'_>) -> Result<Scope, EvalError> {
        let dir = grounds.surroundings.dir.clone();
        let mut scope = Scope::new(grounds.redactor.clone())
            .with("git", git(&self.git))
            .with("github", self.github_value())
            .with("pr", self.pull_request.as_ref().map(pull_request).unwrap_or_default())
            .with("run", run(&self.run))
            .with_hash_files(Arc::new(move |patterns| hash_files(&dir, patterns)))
            .with_reason("pr", &self.no_pull_request());
        if let Some(missing) = &self.git.missing {
            scope = scope.with_reason("git", missing);
        }
        let variables = self.process_env(grounds, &scope);
        overlay(grounds.plan, scope.with("env", variables), &[Phase::Start])
    }

    /// What expressions see once the environment is chosen: phases 0 to 2.
    pub fn scope(&self, grounds: &ResolveInputs<'_>) -> Result<Scope, EvalError> {
        let scope = self.start_scope(grounds)?;
        let chosen = self.environment.as_ref();
        let mut environment = Object::default();
        if let Some(chosen) = chosen {
            environment.set("name", chosen.name.as_str());
            environment.set("slug", chosen.slug.as_str());
        }
        let section = chosen.and_then(|chosen| grounds.plan.environments.get(&chosen.name));
        let texts = definitions(grounds.plan, section);
        let mut variables = Object::default();
        for variable in &self.variables {
            let text = texts.iter().find(|(name, _)| *name == variable.name).map(|(_, text)| text);
            let value = match (&variable.value, text) {
                (Some(value), _) => Value::from(value.as_str()),
                (None, Some(text)) => text.evaluate(&scope)?,
                (None, None) => Value::NULL,
            };
            variables.set(&variable.name, value.hollowed(variable.hollow.as_deref()));
        }
        let scope = scope.with("environment", environment).with("vars", variables);
        overlay(grounds.plan, scope, &[Phase::Environment, Phase::Variables])
    }

    /// The variables of the process; those that were recorded as they were then.
    fn process_env(&self, grounds: &ResolveInputs<'_>, scope: &Scope) -> Object {
        let sources = secret_sources(grounds.plan, scope);
        let own = grounds.surroundings.env.iter().map(|(name, value)| {
            let secret = credential(name).is_some() || sources.contains(name);
            let taint =
                if secret { Taint::from_secret(&format!("env.{name}")) } else { Taint::default() };
            let recorded = self.env.get(name).filter(|_| !secret);
            (name.clone(), Value::from(recorded.unwrap_or(value).as_str()).tainted(&taint))
        });
        let gone =
            self.env.iter().filter(|(name, _)| !grounds.surroundings.env.contains_key(*name));
        let gone = gone.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        Object::case_sensitive().holding(own.chain(gone))
    }

    fn github_value(&self) -> Value {
        Value::from(&serde_json::Value::Object(self.github.clone()))
    }

    fn no_pull_request(&self) -> String {
        match self.github.get("event_name").and_then(serde_json::Value::as_str) {
            Some(event) => format!("`{event}` is about no pull request, or does not say that"),
            None => "there is no pull request outside of GitHub Actions, unless `--pr` or `--event` says so".to_owned(),
        }
    }
}

/// Adds the secrets that were read: phase 3.
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

/// Adds what earlier steps of the service and services that it needs gave, each
/// by id or name: phase 4. A value that is secret is made by [`Value::secret`].
pub fn with_outputs<'a>(
    scope: Scope,
    steps: impl IntoIterator<Item = (&'a str, Object)>,
    services: impl IntoIterator<Item = (&'a str, Object)>,
) -> Scope {
    scope.with("steps", by_name(steps)).with("services", by_name(services))
}

fn by_name<'a>(outputs: impl IntoIterator<Item = (&'a str, Object)>) -> Object {
    let with_outputs = |outputs: Object| Value::from(Object::default().with("outputs", outputs));
    let members =
        outputs.into_iter().map(|(name, outputs)| (name.to_owned(), with_outputs(outputs)));
    Object::default().holding(members)
}

/// Puts those of the plan's own variables over the process's that name nothing
/// later than these phases, nor can be there earlier.
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

/// The latest phase of what a text names. One that cannot be read is met with
/// an error where it is evaluated.
fn latest_phase(text: &Text) -> Phase {
    let found = text
        .expressions()
        .flat_map(|expression| references(&expression.value, 0).unwrap_or_default());
    found.filter_map(|found| Some(context(found.context())?.phase)).max().unwrap_or(Phase::Start)
}

/// The variables from which the plan's secrets are read. One whose name is
/// itself an expression is known by what that gives from the start.
pub fn secret_sources(plan: &Plan, scope: &Scope) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, secret) in plan.secrets.iter() {
        for source in &secret.sources {
            if let SecretSource::Env(name) = &source.value
                && let Ok(name) = name.render(scope)
            {
                names.insert(name.expose().to_owned());
            }
        }
    }
    names
}

/// The variables of a child process.
#[derive(Clone, Debug, Default)]
pub struct ChildEnvironment {
    /// Those that anybody may see.
    pub plain: BTreeMap<String, String>,
    /// Those that a secret went into.
    pub secrets: BTreeMap<String, Secret>,
}

impl ChildEnvironment {
    /// Sets one, in place of any of that name.
    pub fn set(&mut self, name: &str, value: Rendered) {
        self.plain.remove(name);
        self.secrets.remove(name);
        match value {
            Rendered::Plain(text) => {
                self.plain.insert(name.to_owned(), text);
            }
            Rendered::Secret(secret) => {
                self.secrets.insert(name.to_owned(), secret);
            }
        }
    }
}

/// What a `run` step's program gets: the process's variables less every
/// credential and every source of a secret, under the plan's `env`, under the
/// step's own. What a plan's `env` gives by name it gets, secret or not.
pub fn child_environment(
    grounds: &ResolveInputs<'_>,
    scope: &Scope,
    own: &Map<Text>,
) -> Result<ChildEnvironment, EvalError> {
    let sources = secret_sources(grounds.plan, scope);
    let plain = scrub(&grounds.surroundings.env, &sources);
    let mut child = ChildEnvironment { plain, secrets: BTreeMap::new() };
    for (name, text) in grounds.plan.env.iter().chain(own.iter()) {
        child.set(&name.value, text.render(scope)?);
    }
    Ok(child)
}

fn git(git: &Git) -> Object {
    let dirty = git.is_dirty();
    let version = git.tag.as_deref().and_then(Version::of_tag);
    let version = version.as_ref();
    Object::default()
        .with("sha", git.sha.as_deref())
        .with("short-sha", git.short_sha())
        .with("branch", git.branch.as_deref())
        .with("tag", git.tag.as_deref())
        .with("version", version.map(|version| version.whole.as_str()))
        .with("version-minor", version.and_then(|version| version.minor.as_deref()))
        .with("version-major", version.and_then(|version| version.major.as_deref()))
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
        .with("attempt", run.attempt)
        .with("dry-run", run.dry_run)
}
