//! Chooses the environment of a run, and evaluates its variables.

use super::error::ResolveError;
use super::git::Git;
use super::inputs::ResolveRequest;
use crate::plan::diagnostic::closest;
use crate::plan::expr::{EvalError, Scope};
use crate::plan::schema::{Environment, PROTECTED_EVENTS, Plan, Text};
use crate::plan::span::Spanned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The chosen environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChosenEnvironment {
    pub name: String,
    /// The name as a DNS label.
    pub slug: String,
    pub protected: bool,
    /// The lifetime of what it deploys, in seconds.
    pub ttl: Option<u64>,
    /// How many pull requests may have a preview in it.
    #[serde(default)]
    pub max_previews: Option<u32>,
}

impl ChosenEnvironment {
    /// The lifetime of what it deploys.
    pub fn time_to_live(&self) -> Option<Duration> {
        self.ttl.map(Duration::from_secs)
    }
}

/// A variable of the plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variable {
    pub name: String,
    /// `None` if a secret went into it; then it is evaluated again.
    pub value: Option<String>,
    /// The expression that made it empty.
    pub hollow: Option<String>,
}

/// An environment of the plan with its name.
type Named<'p> = (&'p Spanned<String>, &'p Environment);

/// What [`choose`] found.
#[derive(Debug)]
pub enum Choice<'p> {
    Chosen(Named<'p>),
    /// The first environment that matches is protected, and this event may not
    /// choose it.
    Withheld(&'p str),
    Nothing,
}

/// Chooses the environment of `--env`, or else the first that matches: its `if`
/// holds, or it has none. The ones after it are not looked at, even if the event
/// may not choose it: they are not what the plan means.
pub fn choose<'p>(
    plan: &'p Plan,
    request: &ResolveRequest,
    scope: &Scope,
) -> Result<Choice<'p>, ResolveError> {
    if let Some(name) = &request.environment {
        return named(plan, name).map(Choice::Chosen);
    }
    let event = scope.context("github").map(|github| github.get("event_name"));
    let event = event.as_ref().and_then(|name| name.as_text()).unwrap_or_default();
    for (name, environment) in plan.environments.iter() {
        if let Some(condition) = &environment.condition
            && !condition.holds(scope)?
        {
            continue;
        }
        if environment.protected.resolve(scope)? && !PROTECTED_EVENTS.contains(&event) {
            return Ok(Choice::Withheld(&name.value));
        }
        return Ok(Choice::Chosen((name, environment)));
    }
    Ok(Choice::Nothing)
}

/// The environment of `--env`.
fn named<'p>(plan: &'p Plan, name: &str) -> Result<Named<'p>, ResolveError> {
    let found = plan.environments.iter().find(|(known, _)| known.value == name);
    found.ok_or_else(|| ResolveError::UnknownEnvironment {
        name: name.to_owned(),
        known: plan.environments.keys().map(str::to_owned).collect(),
        near: closest(name, plan.environments.keys()).map(str::to_owned),
    })
}

/// Refuses to deploy uncommitted changes to a protected environment. A dry run only
/// notes it.
pub fn admit(
    chosen: &ChosenEnvironment,
    git: &Git,
    dry_run: bool,
    notices: &mut Vec<String>,
) -> Result<(), ResolveError> {
    if !chosen.protected || git.is_dirty() == Some(false) {
        return Ok(());
    }
    let environment = chosen.name.clone();
    let error = if git.is_dirty() == Some(true) {
        ResolveError::DirtyTree { environment, files: git.changed_files() }
    } else {
        let why = git.missing.clone().unwrap_or_default();
        ResolveError::NoCommit { environment, why }
    };
    if dry_run {
        notices.push(format!("a real run would stop here: {error}"));
        return Ok(());
    }
    Err(error)
}

/// The variables of the plan; those of the environment override them, and `--set`
/// overrides both.
pub fn variables(
    plan: &Plan,
    chosen: Option<&Environment>,
    request: &ResolveRequest,
    scope: &Scope,
) -> Result<Vec<Variable>, ResolveError> {
    let mut variables = Vec::new();
    for (name, text) in definitions(plan, chosen) {
        let set = request.set.iter().rev().find(|(given, _)| given == name);
        variables.push(match set {
            Some((_, value)) => {
                Variable { name: name.to_owned(), value: Some(value.clone()), hollow: None }
            }
            None => variable(name, text, scope)?,
        });
    }
    let known = || variables.iter().map(|variable| variable.name.as_str());
    for (name, _) in &request.set {
        if !known().any(|known| known == name) {
            return Err(ResolveError::UnknownVariable {
                name: name.clone(),
                known: known().map(str::to_owned).collect(),
                near: closest(name, known()).map(str::to_owned),
            });
        }
    }
    Ok(variables)
}

fn variable(name: &str, text: &Text, scope: &Scope) -> Result<Variable, EvalError> {
    let value = text.evaluate(scope)?;
    let visible = !value.taint().is_secret();
    Ok(Variable {
        name: name.to_owned(),
        value: value.as_text().filter(|_| visible).map(str::to_owned),
        hollow: value.missing_source().map(str::to_owned),
    })
}

/// Each variable with its text: first those of the plan, overridden by the
/// environment, then those that only the environment has.
pub fn definitions<'p>(
    plan: &'p Plan,
    chosen: Option<&'p Environment>,
) -> Vec<(&'p str, &'p Text)> {
    let over = |name: &str| chosen.and_then(|environment| environment.vars.get(name));
    let own = plan.vars.iter().map(|(name, text)| {
        let name = name.value.as_str();
        (name, over(name).unwrap_or(text))
    });
    let added = chosen.into_iter().flat_map(|environment| environment.vars.iter());
    let added = added.map(|(name, text)| (name.value.as_str(), text));
    own.chain(added.filter(|(name, _)| plan.vars.get(name).is_none())).collect()
}
