//! `shipway eval`: prints what an expression of a plan gives before anything runs.

use super::exit::Exit;
use super::plan_file::PlanFile;
use super::plan_options::{ContextOptions, open};
use super::say;
use super::session::PlanSession;
use crate::plan::expr::contexts::{CONTEXTS, Site, context};
use crate::plan::expr::{EvalError, Rendered, Scope, references};
use crate::plan::schema::{Part, Plan, Text};
use crate::plan::span::Spanned;
use crate::plan::{Diagnostic, render, unknown_name};
use crate::report::Output;
use clap::Args;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway eval vars.label --env preview
  shipway eval git.short-sha --output json
  shipway eval \"steps.build.outputs.digest\" --context contexts.json

Exit codes: 0 done; 2 the expression, the plan or the command line is wrong; 3 something needed is
missing")]
pub struct EvalArguments {
    /// Evaluate this, with or without `${{ }}`
    #[arg(value_name = "EXPRESSION")]
    pub expression: String,
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub contexts: ContextOptions,
    /// Take contexts from this JSON file instead, such as `{ "steps": … }`
    #[arg(long, value_name = "FILE")]
    pub context: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// The remedy for a missing plan.
const NO_PLAN_HELP: &str = "name the plan's file, as in `shipway eval EXPRESSION PLAN`";

/// The part of a plan that sees the same contexts: those that are known before a
/// secret is read.
const SITE: Site = Site::SecretSource;

/// What is shown instead of a value that a secret went into.
const MASK: &str = "***";

/// Prints the value of an expression.
pub fn eval(arguments: &EvalArguments) -> Result<Exit, Exit> {
    let EvalArguments { expression, plan, contexts, context, output } = arguments;
    let given = context.as_deref().map_or_else(|| Ok(Map::new()), read_contexts)?;
    let file = PlanFile::read(plan, NO_PLAN_HELP)?;
    let session = open(file, &contexts.run_options(), *output)?;
    let shown = shown_with(expression, &given, *output, &session)?;
    let is_unchosen = session.resolved.environment.is_none() && session.plan.environments.len() > 0;
    if shown.is_empty() && is_unchosen {
        say::tell("note: it is empty, and no environment is chosen; `--env NAME` names one");
    }
    say::result(&shown);
    Ok(Exit::Done)
}

/// What a file of contexts looks like.
const CONTEXTS_HELP: &str = "it has an object with a member for each context, such as \
                    `{ \"steps\": { \"build\": { \"outputs\": { \"digest\": \"…\" } } } }`";

/// Contexts by their names.
fn read_contexts(file: &Path) -> Result<Map<String, Value>, Exit> {
    let refused = |why: String, help: &str| {
        let chain = [format!("cannot read the contexts in `{}`", file.display()), why];
        say::error(&chain, Some(help));
        Exit::Usage
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| refused(error.to_string(), "name a file with JSON"))?;
    let given: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| refused(error.to_string(), CONTEXTS_HELP))?;
    match given.keys().find(|name| context(name).is_none()) {
        Some(name) => {
            let known: Vec<_> = CONTEXTS.iter().map(|context| context.name).collect();
            let help = format!("contexts are `{}`", known.join("`, `"));
            Err(refused(format!("`{name}` is not a context"), &help))
        }
        None => Ok(given),
    }
}

/// The value of an expression, without secrets. A mistake in it is shown.
pub fn shown(expression: &str, output: Output, session: &PlanSession) -> Result<String, Exit> {
    shown_with(expression, &Map::new(), output, session)
}

/// As [`shown`], with these contexts in place of the plan's.
fn shown_with(
    expression: &str,
    given: &Map<String, Value>,
    output: Output,
    session: &PlanSession,
) -> Result<String, Exit> {
    let value = value(&unwrapped(expression), given, output, session).map_err(|mistake| {
        say::tell(&render("EXPRESSION", expression, &[*mistake], say::color()));
        Exit::Usage
    })?;
    Ok(match (value, output) {
        (Rendered::Plain(text), _) => session.redactor.redact(&text),
        // Not by the redactor, which leaves values of less than four characters as they are.
        (Rendered::Secret(_), Output::Human) => MASK.to_owned(),
        (Rendered::Secret(_), Output::Json) => format!("\"{MASK}\""),
    })
}

/// The expression between `${{` and `}}`, or all of a text without them.
fn unwrapped(text: &str) -> Spanned<String> {
    let whole = text.trim();
    let inner = whole.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    let source = inner.unwrap_or(whole).trim();
    let start = text.find(source).unwrap_or_default();
    Spanned::new(source.to_owned(), start..start + source.len())
}

fn value(
    expression: &Spanned<String>,
    given: &Map<String, Value>,
    output: Output,
    session: &PlanSession,
) -> Result<Rendered, Box<Diagnostic>> {
    check(expression, given, &session.plan)?;
    let mut evaluated = expression.clone();
    if output == Output::Json {
        // It is an expression by itself, so that it cannot close the parenthesis.
        evaluated.value = format!("toJSON({})", expression.value);
    }
    let text = Text {
        source: evaluated.value.clone().into(),
        span: expression.span.clone(),
        parts: vec![Part::Expression(evaluated)],
    };
    let set = |scope: Scope, (name, value): (&String, &Value)| scope.with(name, value);
    let scope = given.iter().fold(session.scope.clone(), set);
    text.render(&scope).map_err(explain)
}

/// Refuses what cannot be parsed, names that are unknown, and contexts that have a value
/// only in a run, even where the value would not depend on them. Those that are given have
/// the members that they have.
fn check(
    expression: &Spanned<String>,
    given: &Map<String, Value>,
    plan: &Plan,
) -> Result<(), Box<Diagnostic>> {
    let found = references(&expression.value, expression.span.start)
        .map_err(|error| explain(error.into()))?;
    let is_given = |name: &str| given.keys().any(|known| known.eq_ignore_ascii_case(name));
    for reference in found.into_iter().filter(|found| !is_given(found.context())) {
        if let Some(mistake) = unknown_name(plan, &reference) {
            return Err(Box::new(mistake));
        }
        let Some(late) = context(reference.context()).filter(|known| !SITE.sees(known)) else {
            continue;
        };
        let seen: Vec<_> = SITE.contexts().map(|context| context.name).collect();
        let message = format!("`{}` has a value only in a run", late.name);
        return Err(Box::new(
            Diagnostic::error("not-known-yet", message, &reference.span)
                .label(format!("it is there {}", late.phase.describe()))
                .help(format!("here are `{}`", seen.join("`, `"))),
        ));
    }
    Ok(())
}

fn explain(error: EvalError) -> Box<Diagnostic> {
    let mut diagnostic = Diagnostic::error(error.code, error.message, &error.span);
    diagnostic.help = error.help;
    Box::new(diagnostic)
}
