//! `shipway eval`: prints what an expression of a plan gives before anything runs.

use super::exit::Exit;
use super::plan_file::PlanFile;
use super::plan_options::{ContextOptions, open};
use super::say;
use super::session::PlanSession;
use crate::plan::expr::contexts::{Site, context};
use crate::plan::expr::{EvalError, Rendered, references};
use crate::plan::schema::{Part, Plan, Text};
use crate::plan::span::Spanned;
use crate::plan::{Diagnostic, render, unknown_name};
use crate::report::Output;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway eval vars.label --env preview
  shipway eval git.short-sha --output json")]
pub struct EvalArguments {
    /// Evaluate this, with or without `${{ }}`
    #[arg(value_name = "EXPRESSION")]
    pub expression: String,
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub contexts: ContextOptions,
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
    let EvalArguments { expression, plan, contexts, output } = arguments;
    let file = PlanFile::read(plan, NO_PLAN_HELP)?;
    let session = open(file, &contexts.run_options(), *output)?;
    say::result(&shown(expression, *output, &session)?);
    Ok(Exit::Done)
}

/// The value of an expression, without secrets. A mistake in it is shown.
pub fn shown(expression: &str, output: Output, session: &PlanSession) -> Result<String, Exit> {
    let value = value(&unwrapped(expression), output, session).map_err(|mistake| {
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
    output: Output,
    session: &PlanSession,
) -> Result<Rendered, Box<Diagnostic>> {
    check(expression, &session.plan)?;
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
    text.render(&session.scope).map_err(explain)
}

/// Refuses what cannot be parsed, names that are unknown, and contexts that have a value
/// only in a run, even where the value would not depend on them.
fn check(expression: &Spanned<String>, plan: &Plan) -> Result<(), Box<Diagnostic>> {
    let found = references(&expression.value, expression.span.start)
        .map_err(|error| explain(error.into()))?;
    for reference in found {
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
