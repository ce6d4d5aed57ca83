//! `shipway report`: makes the reports of an earlier run again, or one of several runs.

mod about;
mod counted;
mod job_run;
mod merge;
pub mod untrusted;

use super::exit::Exit;
use super::pipeline::audience::Audience;
use super::say;
use crate::event::{Event, EventKind};
use crate::journal::{RunFolder, RunId, is_in_progress, newest, refused_since};
use crate::report::{
    Card, HtmlReport, RecordingError, Reporters, View, html_page, recorded, result, shown_again,
};
use crate::run::outcome::chain_of;
use crate::secret::Redactor;
use crate::value::CommandContext;
use clap::{Args, ValueEnum};
use merge::{Merge, MergeOptions};
use serde_json::Value;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway report                                the log of the newest run
  shipway report --as comment                   its comment on the pull request
  shipway report --html report.html             a page with all of it, to keep or to send
  shipway report --as result > result.json      its result, for programs

Exit codes: 0 done; 2 the plan or the command line is wrong, or there is no such run; 3 the state of
the run cannot be read")]
pub struct ReportArguments {
    /// Show the run with this id instead of the newest
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Write the report in this form
    #[arg(long = "as", value_enum, default_value_t, value_name = "FORM")]
    pub form: Form,
    /// Write the report as one HTML page to this file, or to standard output
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        default_missing_value = "-",
        conflicts_with_all = ["form", "folder"]
    )]
    pub html: Option<PathBuf>,
    /// Find the state beside this plan
    #[arg(long, default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    /// Find the state here instead of in `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub merge: MergeOptions,
}

/// The forms of a report. The doc comments are help texts of `--as`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Form {
    /// The log, with the output of the steps
    #[default]
    Log,
    /// The comment on the pull request, in Markdown
    Comment,
    /// The summary of the job, in Markdown
    Summary,
    /// The result, as one JSON document
    Result,
    /// All events, one JSON object a line
    Events,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Shows a run as its events describe it. Without `--merge`, nothing is asked of a server.
pub fn report(arguments: &ReportArguments, audience: Audience) -> Result<Exit, Exit> {
    if let Some(folder) = &arguments.merge.folder {
        let (plan, state_dir) = (&arguments.plan, arguments.state_dir.as_deref());
        let merge = Merge { plan, state_dir, folder, options: &arguments.merge };
        return merge.report(audience);
    }
    let folder = find(arguments)?;
    if arguments.run.is_none()
        && let Some(refused) = refused_since(&folder.state, &folder.run)
    {
        say::tell(&refused_note(&refused));
    }
    let spelled = |path: &PathBuf| path.display().to_string();
    let commands = CommandContext {
        plan: Some(spelled(&arguments.plan)),
        state_dir: arguments.state_dir.as_ref().map(spelled),
        ..CommandContext::default()
    };
    let shown = match (&arguments.html, arguments.form) {
        (Some(file), _) => show_page(&folder, file, &commands),
        (None, Form::Log) => show_log(&folder, &commands),
        (None, Form::Events) => show_events(&folder),
        (None, form @ (Form::Comment | Form::Summary | Form::Result)) => {
            show_result(&folder, form, &commands)
        }
    };
    shown.unwrap_or_else(|error| {
        say::error(&chain_of(&error), None);
        Err(Exit::Precondition)
    })
}

fn find(arguments: &ReportArguments) -> Result<RunFolder, Exit> {
    let state = arguments
        .state_dir
        .clone()
        .unwrap_or_else(|| arguments.plan.parent().unwrap_or(Path::new("")).join(".shipway"));
    let Some(name) = &arguments.run else {
        return newest(&state).ok_or_else(|| {
            say::error(
                &[format!("there is no run in `{}`", state.display())],
                Some("name the plan's file with `--plan`, or the folder with `--state-dir`"),
            );
            Exit::Usage
        });
    };
    let folder = RunFolder { state, run: RunId::existing(name) };
    if folder.events().exists() {
        return Ok(folder);
    }
    let (state, mut help) = (folder.state.display(), None);
    let what = if folder.path().exists() {
        format!("run {name} has no events: it was refused before its first step")
    } else {
        help = newest(&folder.state).map(|newest| format!("the newest run is {}", newest.run));
        format!("there is no run `{name}` in `{state}`")
    };
    say::error(&[what], help.as_deref());
    Err(Exit::Usage)
}

/// Says of a run that was refused after the one that is shown why it was: without it, an
/// earlier success would be taken for the newest result.
fn refused_note(refused: &RunFolder) -> String {
    let result = fs::read_to_string(refused.result()).unwrap_or_default();
    let result: Value = serde_json::from_str(&result).unwrap_or_default();
    let causes = result["refusals"][0]["chain"].as_array().into_iter().flatten();
    let causes: Vec<&str> = causes.filter_map(Value::as_str).collect();
    let why = if causes.is_empty() { String::new() } else { format!(": {}", causes.join(": ")) };
    format!(
        "note: this is the newest run that began; run {} was refused since, before its first \
         step{why}",
        refused.run
    )
}

type Shown = Result<Result<Exit, Exit>, RecordingError>;

/// Shows each process of the run, one after the other.
fn show_log(folder: &RunFolder, commands: &CommandContext) -> Shown {
    // What is in the file is redacted.
    let redactor = Redactor::default();
    let mut reporters = Reporters::new(redactor.clone());
    recorded(&folder.events(), |event| {
        if matches!(event.kind, EventKind::RunStarted(_)) {
            reporters = shown_again(&redactor);
        }
        reporters.on(&event);
    })?;
    if reporters.view().finished.is_none() {
        say::tell(&format!("note: {}", unfinished(folder, commands)));
    }
    Ok(Ok(Exit::Done))
}

fn show_events(folder: &RunFolder) -> Shown {
    recorded(&folder.events(), |event| {
        say::result(&serde_json::to_string(&event).unwrap_or_default());
    })?;
    Ok(Ok(Exit::Done))
}

/// Writes the page of all processes of the run.
fn show_page(folder: &RunFolder, file: &Path, commands: &CommandContext) -> Shown {
    let mut report = HtmlReport::default();
    recorded(&folder.events(), |event| report.on(&event))?;
    let unfinished = (!report.is_finished()).then(|| unfinished(folder, commands));
    // What is in the file is redacted.
    let page = html_page(&report, unfinished.as_deref(), &Redactor::default());
    if file == Path::new("-") {
        say::result(page.trim_end());
        return Ok(Ok(Exit::Done));
    }
    if let Err(error) = fs::write(file, page) {
        let message = format!("cannot write `{}`", file.display());
        say::error(&[message, error.to_string()], None);
        return Ok(Err(Exit::Usage));
    }
    say::tell(&format!("wrote {}", file.display()));
    Ok(Ok(Exit::Done))
}

/// Shows the result of the run's last process.
fn show_result(folder: &RunFolder, form: Form, commands: &CommandContext) -> Shown {
    let mut view = View::default();
    recorded(&folder.events(), |event: Event| {
        if matches!(event.kind, EventKind::RunStarted(_)) {
            view = View::default();
        }
        view.apply(&event);
    })?;
    let Some(finished) = view.finished.take() else {
        let id = &folder.run;
        say::error(
            &[unfinished(folder, commands)],
            Some(&commands.complete(&format!("`shipway report {id}` shows how far it came"))),
        );
        return Ok(Err(Exit::Precondition));
    };
    let card = Card::new(&view, &finished);
    let redactor = Redactor::default();
    let text = match form {
        Form::Summary => card.summary(&redactor),
        Form::Result => serde_json::to_string_pretty(&result(&view, &finished)).unwrap_or_default(),
        // The first line is the marker, which is for GitHub alone.
        _ => card.comment("", &redactor).trim_start().to_owned(),
    };
    say::result(text.trim_end());
    Ok(Ok(Exit::Done))
}

fn unfinished(folder: &RunFolder, commands: &CommandContext) -> String {
    let id = &folder.run;
    if is_in_progress(&folder.journal()) {
        format!("run {id} is still going on")
    } else {
        let what = format!("run {id} was ended from outside; `shipway resume {id}` continues it");
        commands.complete(&what)
    }
}
