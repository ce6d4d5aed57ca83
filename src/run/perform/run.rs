//! `run`: runs a program of the user's, with a shell or without.

use super::names::plain;
use super::performer::{Job, Performer};
use super::scratch::Scratch;
use crate::bounded_file;
use crate::event::Outputs;
use crate::github::actions::parse;
use crate::http::Retry;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{Run, Script, Step};
use crate::run::child::{self, Command, Ended};
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::secret::Redactor;
use std::io;
use std::path::{Path, PathBuf};

/// How much is shown of a line of outputs that cannot be parsed.
const MAX_SHOWN_CHARS: usize = 80;

/// How much a step may write to `SHIPWAY_OUTPUT`: as much as to that of GitHub's runner.
const MAX_OUTPUTS_BYTES: u64 = 1024 * 1024;

pub async fn perform(
    performer: &Performer,
    step: &Step,
    run: &Run,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let scratch = Scratch::new(performer, job)?;
    let outputs = scratch.write("outputs", "")?;
    let command = Invocation { performer, step, run, scratch: &scratch }.command(job)?;
    let shown = shown(run, &command);
    let publish = async |line| job.output(line).await;
    let ended = child::run(&command, &performer.services.redactor, &job.stop, publish).await;
    let outputs = written_outputs(&outputs)
        .and_then(|written| read_outputs(&written, &performer.services.redactor, job));
    match ended? {
        Ended::Exited(0) => Ok(StepOutput { outputs: outputs?, handover: job.handover.clone() }),
        Ended::Stopped => {
            keep(outputs, job);
            Err(AttemptError::Stopped)
        }
        Ended::Exited(code) => {
            keep(outputs, job);
            Err(StepError::new(format!("{shown} ended with exit code {code}{}", meaning(code)))
                .details(job.produced.last_lines())
                .retry(Retry::Backoff)
                .into())
        }
    }
}

/// Keeps the outputs of a program that failed. The error is that of the program, so
/// outputs that cannot be parsed are a warning.
fn keep(outputs: Result<Outputs<Rendered>, StepError>, job: &Job) {
    match outputs {
        Ok(outputs) => job.produced.keep_outputs(outputs),
        Err(error) => job.warn(error.failure.chain.join(": ")),
    }
}

/// What a shell or the kernel means by some exit codes.
fn meaning(code: u8) -> &'static str {
    match code {
        126 => ": it cannot be run",
        127 => ": a command was not found",
        137 => ": it was killed, perhaps for lack of memory",
        143 => ": it was told to end",
        _ => "",
    }
}

/// The name of the command in messages.
fn shown(run: &Run, command: &Command) -> String {
    match &run.script {
        Script::Shell(_) => "the script".to_owned(),
        Script::Exec(_) => format!("`{}`", command.program.to_string_lossy()),
    }
}

/// The folder that the step names for its program, which must exist.
pub fn working_directory(
    performer: &Performer,
    service: usize,
    step: &Step,
    scope: &Scope,
) -> Result<Option<PathBuf>, StepError> {
    let Some(text) = &step.working_directory else { return Ok(None) };
    let named = plain(text, "working directory", scope)?;
    let folder = performer.plan.folder_of(service).join(&named);
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    Err(StepError::new(format!("the working directory `{named}` is not a folder"))
        .help("it is relative to the folder of the plan")
        .at(&text.span))
}

/// What the child process is made from.
struct Invocation<'a> {
    performer: &'a Performer,
    step: &'a Step,
    run: &'a Run,
    scratch: &'a Scratch,
}

impl Invocation<'_> {
    fn command(&self, job: &Job) -> Result<Command, StepError> {
        let Self { performer, step, run, scratch } = self;
        let mut command = Command {
            environment: performer.facts.child_environment.clone(),
            secrets: performer.facts.child_secrets.clone(),
            directory: performer.plan.folder_of(job.service),
            ..Command::default()
        };
        if let Some(folder) = working_directory(performer, job.service, step, &job.scope)? {
            command.directory = folder;
        }
        for (key, text) in performer.plan.parsed.env.iter().chain(step.env.iter()) {
            // A variable of the plan replaces an inherited one, secret or not.
            command.environment.remove(&key.value);
            command.secrets.remove(&key.value);
            match text.render(&job.scope)? {
                Rendered::Plain(text) => drop(command.environment.insert(key.value.clone(), text)),
                Rendered::Secret(secret) => drop(command.secrets.insert(key.value.clone(), secret)),
            }
        }
        let outputs = scratch.path().join("outputs").display().to_string();
        command.environment.insert("SHIPWAY_OUTPUT".into(), outputs);
        command.environment.insert("SHIPWAY_RUN_ID".into(), performer.facts.id.clone());
        match &run.script {
            Script::Shell(text) => {
                let script = scratch.write("script", &plain(text, "script", &job.scope)?)?;
                let (shell, options) = shell(&command);
                command.program = shell.into();
                command.arguments.extend(options.iter().map(Into::into));
                command.arguments.push(script.into());
            }
            Script::Exec(words) => {
                let mut rendered = words.iter().map(|word| plain(word, "argument", &job.scope));
                let program =
                    rendered.next().unwrap_or_else(|| Err(StepError::new("no program")))?;
                command.program = program.into();
                for word in rendered {
                    command.arguments.push(word?.into());
                }
            }
        }
        Ok(command)
    }
}

/// The shell and its options: bash where the child's `PATH` has it, else sh.
fn shell(command: &Command) -> (&'static str, &'static [&'static str]) {
    let path = command.environment.get("PATH").map_or("/usr/bin:/bin", |path| path);
    let has_bash = std::env::split_paths(path).any(|folder| folder.join("bash").is_file());
    if has_bash {
        ("bash", &["--noprofile", "--norc", "-euo", "pipefail"])
    } else {
        ("sh", &["-eu"])
    }
}

/// At most the first [`MAX_SHOWN_CHARS`] of a text, and how long it is.
fn start_of(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// Reads the file in `SHIPWAY_OUTPUT`. A step that removed it has no outputs.
fn written_outputs(path: &Path) -> Result<Vec<u8>, StepError> {
    match bounded_file::read_without_link(path, MAX_OUTPUTS_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| {
            StepError::new("cannot read the outputs of the step").because(error.to_string()).help(
                "write the outputs to the file in `SHIPWAY_OUTPUT`, and do not replace that file",
            )
        }),
    }
}

/// Parses the file that the step wrote to `SHIPWAY_OUTPUT`. A value that contains
/// a secret becomes a secret itself.
fn read_outputs(
    bytes: &[u8],
    redactor: &Redactor,
    job: &Job,
) -> Result<Outputs<Rendered>, StepError> {
    let outputs = parse(bytes).map_err(|error| {
        // First without secrets, then short: the part of a secret would not be found.
        let error = error.shown(|text| start_of(&redactor.redact(text)));
        StepError::new("cannot parse the outputs of the step").because(error.to_string()).help(
            "write `NAME=VALUE` lines, or `NAME<<END`, the lines of the value, and `END`, to the file in `SHIPWAY_OUTPUT`",
        )
    })?;
    let output = |(name, value): (String, String)| {
        let value = if redactor.redact(&value) == value {
            Rendered::Plain(value)
        } else {
            let source = format!("steps.{}.outputs.{name}", job.id.step);
            Rendered::Secret(redactor.adopt(&source, value))
        };
        (name, value)
    };
    Ok(outputs.into_iter().map(output).collect())
}
