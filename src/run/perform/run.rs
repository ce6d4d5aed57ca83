//! `run`: a program of the user's, by a shell or without one.

use super::names::{plain, plain_or};
use super::performer::{Job, Performer};
use super::scratch::Scratch;
use crate::event::EventKind;
use crate::github::actions::parse;
use crate::http::Retry;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Run, Script, Step};
use crate::run::child::{self, Command, Ended};
use crate::run::outcome::{AttemptError, Given, StepError, StepOutput};
use crate::secret::Redactor;
use std::fs;

pub(super) async fn perform(
    performer: &Performer,
    step: &Step,
    run: &Run,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    if performer.skip_run {
        job.note("left out, as `--skip-run` says");
        return Ok(StepOutput { outputs: Given::new(), handover: job.handover.clone() });
    }
    let scratch = Scratch::new(performer, job)?;
    let outputs = scratch.write("outputs", "")?;
    let command = command(performer, step, (run, &scratch), job)?;
    let shown = shown(run, &command);
    let each = |output: child::Output| {
        let child::Output { stream, line } = output;
        (job.say)(EventKind::OutputLine { step: job.id.clone(), stream, line });
    };
    let ended = child::run(&command, &performer.redactor, &job.stop, each).await;
    let given = fs::read(&outputs).unwrap_or_default();
    match ended.map_err(|error| StepError::from_error(&error))? {
        Ended::Stopped => Err(AttemptError::Stopped),
        Ended::Exited(0) => {
            let outputs = read_outputs(&given, &performer.redactor, job)?;
            Ok(StepOutput { outputs, handover: job.handover.clone() })
        }
        Ended::Exited(code) => {
            Err(StepError::new(format!("{shown} ended with exit code {code}{}", meaning(code)))
                .retry(Retry::Backoff)
                .into())
        }
    }
}

/// What an exit code says beyond its number.
fn meaning(code: u8) -> &'static str {
    match code {
        126 => ": it cannot be run",
        127 => ": a command was not found",
        137 => ": it was killed, perhaps for want of memory",
        143 => ": it was told to end",
        _ => "",
    }
}

/// How the command is called in a message.
fn shown(run: &Run, command: &Command) -> String {
    match &run.script {
        Script::Shell(_) => "the script".to_owned(),
        Script::Exec(_) => format!("`{}`", command.program.to_string_lossy()),
    }
}

fn command(
    performer: &Performer,
    step: &Step,
    (run, scratch): (&Run, &Scratch),
    job: &Job,
) -> Result<Command, StepError> {
    let mut command = Command {
        environment: performer.environment.clone(),
        secrets: performer.environment_secrets.clone(),
        directory: performer.folder.clone(),
        ..Command::default()
    };
    if let Some(folder) = plain_or(&run.working_directory, "working directory", &job.scope)? {
        command.directory = command.directory.join(folder);
    }
    for (key, text) in performer.plan.env.iter().chain(step.env.iter()) {
        // What the plan gives by name replaces what was inherited.
        command.environment.remove(&key.value);
        command.secrets.remove(&key.value);
        match text.render(&job.scope)? {
            Rendered::Plain(text) => drop(command.environment.insert(key.value.clone(), text)),
            Rendered::Secret(secret) => drop(command.secrets.insert(key.value.clone(), secret)),
        }
    }
    let outputs = scratch.path().join("outputs").display().to_string();
    command.environment.insert("SHIPWAY_OUTPUT".into(), outputs);
    command.environment.insert("SHIPWAY_RUN_ID".into(), performer.run.clone());
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
            let program = rendered.next().unwrap_or_else(|| Err(StepError::new("no program")))?;
            command.program = program.into();
            for word in rendered {
                command.arguments.push(word?.into());
            }
        }
    }
    Ok(command)
}

/// bash where the child's `PATH` has it, otherwise sh.
fn shell(command: &Command) -> (&'static str, &'static [&'static str]) {
    let path = command.environment.get("PATH").map_or("/usr/bin:/bin", |path| path);
    let has_bash = std::env::split_paths(path).any(|folder| folder.join("bash").is_file());
    if has_bash {
        ("bash", &["--noprofile", "--norc", "-euo", "pipefail"])
    } else {
        ("sh", &["-eu"])
    }
}

/// What the step wrote to the file in `SHIPWAY_OUTPUT`. A value that holds a
/// secret is one.
fn read_outputs(bytes: &[u8], redactor: &Redactor, job: &Job) -> Result<Given, StepError> {
    let outputs = parse(bytes).map_err(|error| {
        StepError::new("read the outputs of the step").because(error.to_string()).help(
            "write `NAME=VALUE` lines, or `NAME<<END`, the lines of the value, and `END`, to the file in `SHIPWAY_OUTPUT`",
        )
    })?;
    let taken = |(name, value): (String, String)| {
        let value = if redactor.redact(&value) == value {
            Rendered::Plain(value)
        } else {
            let source = format!("steps.{}.outputs.{name}", job.id.step);
            Rendered::Secret(redactor.adopt(&source, value))
        };
        (name, value)
    };
    Ok(outputs.into_iter().map(taken).collect())
}
