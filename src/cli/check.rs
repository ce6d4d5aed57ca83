//! `shipway check`: shows every mistake in the plan, with its line.

use super::exit::Exit;
use super::plan_file::PlanFile;
use super::say;
use crate::plan::diagnostic::sort;
use crate::plan::{
    Diagnostic, PathKind, missing_paths, render, render_github, render_json, unfit_values,
};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

const CHECK_HELP: &str =
    "name the plan's file, as in `shipway check PLAN`, or write a first one with `shipway init`";

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway check
  shipway check web/shipway.yml")]
pub struct CheckArguments {
    /// Read the plan from this file, or from standard input with `-`
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

/// Prints the diagnostics of the plan: for people to standard error, for programs to
/// standard output. Warnings alone are no failure.
pub fn check(arguments: &CheckArguments) -> Result<Exit, Exit> {
    let file = PlanFile::read(&arguments.plan, CHECK_HELP)?;
    let source = file.source();
    let PlanFile { name, folder, text, plan, mut diagnostics, .. } = file;
    if let Some(plan) = &plan {
        diagnostics.append(&mut missing_paths(plan, &|path| path_kind(&folder.join(path))));
        diagnostics.append(&mut unfit_values(plan));
        sort(&mut diagnostics);
    }
    match arguments.format {
        DiagnosticFormat::Human if diagnostics.is_empty() => {
            say::tell(&format!("{name}: no mistakes"));
        }
        DiagnosticFormat::Human => say::tell(&render(&name, &text, &diagnostics, say::color())),
        DiagnosticFormat::Json => say::result(&render_json(&name, &text, &diagnostics)),
        DiagnosticFormat::Github => say::result(&render_github(&source.file, &text, &diagnostics)),
    }
    let has_errors = diagnostics.iter().any(Diagnostic::is_error);
    // The process ends: freeing a large plan piece by piece would take as long as checking it.
    std::mem::forget(plan);
    Ok(if has_errors { Exit::Usage } else { Exit::Done })
}

/// What a path leads to, through links.
fn path_kind(path: &Path) -> Option<PathKind> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(if metadata.is_dir() { PathKind::Folder } else { PathKind::File })
}
