//! Where the value of a name comes from: a line of the plan, the command line, the process.

use super::explain::NamedValue;
use crate::cli::eval::shown;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::plan::diagnostic::closest;
use crate::plan::expr::contexts::context;
use crate::plan::schema::{Map, Plan, Text};
use crate::plan::span::Spanned;
use crate::report::Output;
use place::{Origin, listed, own_settings, position, written};
use std::iter;

mod azure_setting;
mod place;

/// A value such as `vars.cpu`, and below it each place that gives it, the one that counts
/// first.
pub fn of(named: &NamedValue, session: &PlanSession) -> Result<String, Exit> {
    let (topic, context, member) = (&named.topic, named.context, named.member.as_deref());
    if let ("secrets", Some(name)) = (context, member) {
        let first = format!("`{topic}` is a secret, which is read when a run begins");
        return Ok(listed(&first, &secret(name, session)?));
    }
    if let ("azure", Some(key)) = (context, member) {
        return azure_setting::of(key, session);
    }
    let value = match (context, member) {
        ("environment", None) => shown("environment.name", Output::Human, session)?,
        _ => shown(topic, Output::Human, session)?,
    };
    let origins = match (context, member) {
        ("vars", Some(name)) => variable(name, session),
        ("env", Some(name)) => process_variable(name, session),
        ("environment", _) => environment(session),
        _ => Vec::new(),
    };
    let first = match value.as_str() {
        "" => format!("`{topic}` is empty"),
        value => format!("`{topic}` is `{value}`"),
    };
    if origins.is_empty() {
        return Ok(format!("{first}\n  `{context}`: {}", about(context)));
    }
    Ok(listed(&first, &origins))
}

fn entry<'m, T>(map: &'m Map<T>, name: &str) -> Option<(&'m Spanned<String>, &'m T)> {
    map.iter().find(|(known, _)| known.value.eq_ignore_ascii_case(name))
}

fn variable(name: &str, session: &PlanSession) -> Vec<Origin> {
    let set = session.options.set.iter().rev().find_map(|set| {
        let (given, value) = set.split_once('=')?;
        given.eq_ignore_ascii_case(name).then(|| Origin::with("`--set`", value))
    });
    let of = |vars: &Map<Text>, whose: &str| {
        let (_, text) = entry(vars, name)?;
        Some(Origin::with(format!("{}, {whose}", position(&text.span, session)), &text.source))
    };
    let environment = session.resolved.environment.as_ref().and_then(|chosen| {
        let environment = session.plan.environments.get(&chosen.name)?;
        of(&environment.vars, &format!("of the environment `{}`", chosen.name))
    });
    let plan = of(&session.plan.vars, "of the plan");
    [set, environment, plan].into_iter().flatten().collect()
}

fn process_variable(name: &str, session: &PlanSession) -> Vec<Origin> {
    // Names of variables differ by case.
    let plan = session.plan.env.iter().find(|(known, _)| known.value == name).map(|(_, text)| {
        Origin::with(format!("{}, `env` of the plan", position(&text.span, session)), &text.source)
    });
    let process = session.host.var(name).map(|_| Origin::new("the environment of the process"));
    let found: Vec<Origin> = plan.into_iter().chain(process).collect();
    if found.is_empty() {
        return vec![Origin::new("nowhere: neither the process nor `env` of the plan has it")];
    }
    found
}

fn secret(name: &str, session: &PlanSession) -> Result<Vec<Origin>, Exit> {
    let Some((name, _)) = entry(&session.plan.secrets, name) else {
        let near = closest(name, session.plan.secrets.keys());
        let help = near.map(|near| format!("did you mean `{near}`?"));
        say::error(&[format!("no secret is called `{name}`")], help.as_deref());
        return Err(Exit::Usage);
    };
    let hint = "; `shipway secrets` shows where its value is found";
    let place = position(&name.span, session);
    let Some(environment) = own_settings(session)
        .filter(|(_, own)| entry(&own.secrets, &name.value).is_some())
        .map(|(environment, _)| environment)
    else {
        return Ok(vec![Origin::new(format!("{place}{hint}"))]);
    };
    let own = Origin::new(format!("{place}, of the environment `{environment}`{hint}"));
    let plan = written(session);
    let over = plan.as_ref().and_then(|plan| entry(&plan.secrets, &name.value));
    let over = over
        .map(|(name, _)| Origin::new(format!("{}, of the plan", position(&name.span, session))));
    Ok(iter::once(own).chain(over).collect())
}

fn environment(session: &PlanSession) -> Vec<Origin> {
    let plan: &Plan = &session.plan;
    let Some(chosen) = &session.resolved.environment else {
        return vec![Origin::new(if plan.environments.len() == 0 {
            "a plan without environments"
        } else {
            "a plan of which no environment is chosen; `--env` chooses one"
        })];
    };
    let Some((name, environment)) = entry(&plan.environments, &chosen.name) else {
        return vec![Origin::new("`--env`")];
    };
    let place = position(&name.span, session);
    if session.options.env.is_some() {
        return vec![Origin::new(format!("`--env`, at {place}"))];
    }
    vec![match &environment.condition {
        Some(condition) => {
            let place = position(&condition.span, session);
            Origin::with(format!("{place}, the first `if` that holds"), &condition.source)
        }
        None => Origin::new(format!("{place}, which has no `if`, where none before it matched")),
    }]
}

/// What the table of contexts says.
fn about(name: &str) -> &'static str {
    context(name).map_or("", |context| context.about)
}
