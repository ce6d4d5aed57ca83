//! `shipway check`: shows every mistake in the plan, with its line, or explains one.

mod explain;
mod origin;

use super::exit::Exit;
use super::plan_file::{PlanFile, without_credentials};
use super::plan_options::{ContextOptions, open};
use super::say;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::image::dockerfile::declared_arguments;
use crate::plan::diagnostic::{explanation, sort};
use crate::plan::span::Span;
use crate::plan::{
    PathKind, admin_pull_notes, bad_public_keys, missing_paths, passwords_in_repository,
    render_github, render_json, render_sarif, unfit_values, unused_arguments,
};
use crate::report::Output;
use crate::run::perform::repository_holding;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

const CHECK_HELP: &str =
    "name the plan's file, as in `shipway check PLAN`, or write a first one with `shipway init`";

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway check
  shipway check web/shipway.yml
  shipway check --explain never-verified        what a diagnostic means
  shipway check --explain vars.cpu              where a value comes from
  shipway check --format sarif > shipway.sarif  for code scanning

Exit codes: 0 no error; 2 there are errors, with --deny warnings also for warnings, or the plan cannot
be read")]
pub struct CheckArguments {
    /// Read the plan from this file, or from standard input with `-`
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    /// Show mistakes in this form
    #[arg(long, value_enum, default_value_t)]
    pub format: DiagnosticFormat,
    /// Take these as errors
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Denied>,
    /// Explain a diagnostic by its code, or where a value such as `vars.cpu` comes from
    #[arg(long, value_name = "TOPIC")]
    pub explain: Option<String>,
    /// With --explain: use this environment instead of the first whose `if` holds
    #[arg(long, value_name = "NAME", requires = "explain")]
    pub env: Option<String>,
    /// With --explain: set a variable of the plan; not for secrets
    #[arg(long, value_name = "NAME=VALUE", requires = "explain")]
    pub set: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Denied {
    /// Warnings
    Warnings,
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
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// Prints the diagnostics of the plan: for people to standard error, for programs to
/// standard output. Warnings alone are no failure, unless they are denied.
pub fn check(arguments: &CheckArguments) -> Result<Exit, Exit> {
    if let Some(topic) = &arguments.explain {
        return explained(topic, arguments);
    }
    let mut file = PlanFile::read(&arguments.plan, CHECK_HELP)?;
    let source = file.source();
    let mut diagnostics = std::mem::take(&mut file.diagnostics);
    if let Some(plan) = &file.plan {
        let look = |span: &Span, path: &str| path_kind(&file.folder_of(span).join(path));
        diagnostics.append(&mut missing_paths(plan, &look));
        let declared = |span: &Span, path: &str| {
            let file = file.folder_of(span).join(path);
            declared_arguments(&bounded_file::read_text(&file, MAX_WRITTEN_BYTES).ok()?)
        };
        diagnostics.append(&mut unused_arguments(plan, &declared));
        let read = |span: &Span, path: &str| {
            bounded_file::read_text(&file.folder_of(span).join(path), MAX_WRITTEN_BYTES).ok()
        };
        diagnostics.append(&mut bad_public_keys(plan, &read));
        let holding = |span: &Span, path: &str| {
            let folder = file.folder_of(span);
            repository_holding(&folder, &folder.join(path))
        };
        diagnostics.append(&mut passwords_in_repository(plan, &holding));
        diagnostics.append(&mut unfit_values(plan));
        sort(&mut diagnostics);
    }
    let result = |text: &str| say::result(&without_credentials(text));
    match arguments.format {
        DiagnosticFormat::Human if diagnostics.is_empty() => {
            say::tell(&format!("{}: no mistakes", file.name));
            for note in file.plan.iter().flat_map(admin_pull_notes) {
                say::tell(&format!("note: {}", without_credentials(&note)));
            }
        }
        DiagnosticFormat::Human => say::tell(&file.drawn(&diagnostics)),
        DiagnosticFormat::Json => result(&render_json(&file.text, &diagnostics)),
        DiagnosticFormat::Github => result(&render_github(&source.0, &diagnostics)),
        DiagnosticFormat::Sarif => result(&render_sarif(&source.0, &diagnostics)),
    }
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let is_denied = arguments.deny == Some(Denied::Warnings) && warnings > 0;
    if is_denied && errors == 0 {
        let counted =
            if warnings == 1 { "a warning".to_owned() } else { format!("{warnings} warnings") };
        say::error(&[format!("the plan has {counted}, and `--deny warnings` refuses that")], None);
    }
    let has_errors = errors > 0 || is_denied;
    // The process ends: freeing a large plan piece by piece would take as long as checking it.
    std::mem::forget(file);
    Ok(if has_errors { Exit::Usage } else { Exit::Done })
}

/// Explains a code, or a value by its name.
fn explained(topic: &str, arguments: &CheckArguments) -> Result<Exit, Exit> {
    if let Some(found) = explanation(topic) {
        say::result(&found.show());
        return Ok(Exit::Done);
    }
    let value = explain::named_value(topic)?;
    let options = ContextOptions { env: arguments.env.clone(), set: arguments.set.clone() };
    let file = PlanFile::read(&arguments.plan, CHECK_HELP)?;
    let session = open(file, &options.run_options(), Output::Human)?;
    say::result(&session.redactor.redact(&origin::of(&value, &session)?));
    Ok(Exit::Done)
}

/// What a path leads to, through links.
fn path_kind(path: &Path) -> Option<PathKind> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(if metadata.is_dir() { PathKind::Folder } else { PathKind::File })
}
