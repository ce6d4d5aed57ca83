//! `shipway check`: shows every mistake in the plan, with its line.

use super::exit::Exit;
use super::plan_file::{BY_POSITION, PlanFile};
use super::say;
use crate::plan::{Diagnostic, render, render_github, render_json};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub struct CheckArguments {
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    /// Show mistakes in this form
    #[arg(long, value_enum, default_value_t)]
    pub format: DiagnosticFormat,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum DiagnosticFormat {
    /// The line of the plan, underlined
    #[default]
    Human,
    /// JSON
    Json,
    /// Annotations of GitHub Actions
    Github,
}

/// Checks the plan.
pub fn check(arguments: &CheckArguments) -> Result<Exit, Exit> {
    let PlanFile { name, text, plan, diagnostics: found, .. } =
        PlanFile::read(&arguments.plan, BY_POSITION)?;
    match arguments.format {
        DiagnosticFormat::Human if found.is_empty() => say::tell(&format!("{name}: no mistakes")),
        DiagnosticFormat::Human => say::tell(&render(&name, &text, &found, say::color())),
        DiagnosticFormat::Json => say::result(&render_json(&name, &text, &found)),
        DiagnosticFormat::Github => say::result(&render_github(&name, &text, &found)),
    }
    let wrong = plan.is_none() || found.iter().any(Diagnostic::is_error);
    Ok(if wrong { Exit::Usage } else { Exit::Done })
}
