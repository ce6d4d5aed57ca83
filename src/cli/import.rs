//! `shipway import`: makes a plan of a workflow, a script, a compose file, a container
//! group or a template.

use super::exit::Exit;
use super::say;
use crate::draft::PlanDraft;
use crate::import::{ImportError, Imported, Note, NoteKind, import};
use crate::plan::{Diagnostic, read_bytes, render, unfit_values};
use clap::Args;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  shipway import .github/workflows/deploy.yml
  shipway import compose.yaml --output shipway.yml
  az container export -g demo -n web -f web.yml && shipway import web.yml

It reads workflows of GitHub Actions, scripts of az and docker, compose files, container
groups as YAML, and Resource Manager's templates as JSON. The plan goes to standard
output; what has no counterpart, or needs you, is told on standard error with its line.

Exit codes: 0 done; 2 the file cannot be read as any of these, or the plan that was made of
it has mistakes, which are shown.";

/// What is read of a file at most.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ImportArguments {
    /// Import this file, or standard input with `-`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the plan to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Prints the plan, and tells what to do about it.
pub fn run_import(arguments: &ImportArguments) -> Result<Exit, Exit> {
    let file = &arguments.file;
    let name = file.display().to_string();
    let cannot = |why: &str, help: Option<&str>| {
        say::refused(Exit::Usage, &[format!("cannot import `{name}`"), why.to_owned()], help).exit
    };
    if let Some(output) =
        arguments.output.as_ref().filter(|output| output.symlink_metadata().is_ok())
    {
        let message = format!("cannot write `{}`: it exists", output.display());
        let help = "name another file, or leave `--output` out to see the plan";
        return Err(say::refused(Exit::Usage, &[message], Some(help)).exit);
    }
    let text = read(file).map_err(|error| cannot(&error.to_string(), None))?;
    let imported = import(&absolute(file), &text).map_err(|error| {
        let help = matches!(error, ImportError::UnknownKind)
            .then_some("a bicep file becomes a template with `az bicep build --file FILE`");
        cannot(&error.to_string(), help)
    })?;
    finish(arguments, &name, imported)
}

/// Checks the plan before it is written, so that its mistakes are among what is to do.
fn finish(arguments: &ImportArguments, name: &str, imported: Imported) -> Result<Exit, Exit> {
    let Imported { plan, mut notes, is_of_push } = imported;
    for mistake in mistakes(&plan.write()) {
        let text = format!("mend the plan: {}", mistake.message);
        notes.push(Note { line: 0, kind: NoteKind::NeedsYou, text });
    }
    let text = PlanDraft { header: header(name, &notes), ..plan }.write();
    match &arguments.output {
        None => say::result(&text),
        Some(output) => write(output, &text)?,
    }
    tell(name, &notes);
    let mistakes = mistakes(&text);
    let output = arguments.output.as_ref().map(|output| output.display().to_string());
    if !mistakes.is_empty() {
        let shown = output.as_deref().unwrap_or("PLAN");
        say::tell(&render(shown, &text, &mistakes, say::color()));
    }
    if let Some(output) = output {
        let with = if mistakes.is_empty() { "" } else { ", which has the mistakes above" };
        let event = if is_of_push { " --event push" } else { "" };
        let next = format!("next:\n  shipway check {output}\n  shipway dry-run {output}{event}");
        say::tell(&format!("wrote {output}{with}\n\n{next}"));
    }
    Ok(if mistakes.is_empty() { Exit::Done } else { Exit::Usage })
}

/// What `shipway check` would call an error, but for paths, which may be elsewhere.
fn mistakes(text: &str) -> Vec<Diagnostic> {
    let (_, reading) = read_bytes(text.as_bytes());
    let mut diagnostics = reading.diagnostics;
    if let Some(plan) = &reading.plan {
        diagnostics.append(&mut unfit_values(plan));
    }
    diagnostics.retain(Diagnostic::is_error);
    diagnostics
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text)?;
    } else {
        File::open(file)?.take(MAX_BYTES).read_to_string(&mut text)?;
    }
    Ok(text)
}

/// The path of which the plan's name is made.
fn absolute(file: &Path) -> String {
    if file == Path::new("-") {
        return "-".to_owned();
    }
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

fn write(output: &Path, text: &str) -> Result<(), Exit> {
    let file = OpenOptions::new().write(true).create_new(true).open(output);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let message = format!("cannot write `{}`", output.display());
        say::refused(Exit::Usage, &[message, error.to_string()], None).exit
    })
}

/// What is left to do stays with the plan.
fn header(name: &str, notes: &[Note]) -> Vec<String> {
    let mut lines = vec![format!("imported from {name}")];
    let open: Vec<&Note> = notes.iter().filter(|note| note.kind == NoteKind::NeedsYou).collect();
    if !open.is_empty() {
        lines.push("to do:".to_owned());
        lines.extend(open.iter().map(|note| format!("- {}{}", place(note), note.text)));
    }
    lines
}

fn place(note: &Note) -> String {
    if note.line == 0 { String::new() } else { format!("line {}: ", note.line) }
}

fn tell(name: &str, notes: &[Note]) {
    for note in notes {
        let line = if note.line == 0 { String::new() } else { format!(":{}", note.line) };
        say::tell(&format!("{name}{line}: {}: {}", note.kind, note.text));
    }
    let count = |kind| notes.iter().filter(|note| note.kind == kind).count();
    say::tell(&format!(
        "{} changed, {} kept as `run`, {} to do",
        count(NoteKind::Changed),
        count(NoteKind::KeptAsRun),
        count(NoteKind::NeedsYou)
    ));
}
