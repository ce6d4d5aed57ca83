//! Runs the programs of container engines.

use crate::event::{EventKind, Stream};
use crate::image::dockerfile::{
    Engine, EngineBuild, Invocation, ProbeResult, Program, Unfit, candidates,
};
use crate::run::child::{self, ChildError, Command, Ended, Output, Stop};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::performer::{Job, Performer};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an engine may take to answer whether it works.
const MAX_PROBE_TIME: Duration = Duration::from_secs(10);

/// The first container engine that works, else why each does not.
pub async fn find_engine(
    performer: &Performer,
    only: Option<Program>,
    job: &Job,
) -> Result<Engine, Vec<Unfit>> {
    let mut unfit: Vec<Unfit> = Vec::new();
    for program in candidates(only) {
        let mut answers = Vec::new();
        for question in program.probes() {
            answers.push(ask(performer, &question, &job.stop).await);
        }
        match program.evaluate(&answers) {
            Ok(engine) => return Ok(engine),
            Err(why) => unfit.push(why),
        }
    }
    Err(unfit)
}

async fn ask(performer: &Performer, question: &Invocation, stop: &Stop) -> ProbeResult {
    let captured = Mutex::new((String::new(), String::new()));
    let capture = |output: Output| {
        let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match output.stream {
            Stream::Stdout => &mut captured.0,
            Stream::Stderr => &mut captured.1,
        };
        text.push_str(&output.line);
        text.push('\n');
    };
    // A child of the step's own tokens: a slow engine is killed, the step goes on.
    let own = Stop { ask: stop.ask.child_token(), kill: stop.kill.child_token() };
    let command = command(performer, question);
    let mut asked =
        std::pin::pin!(child::run(&command, &performer.services.redactor, &own, capture));
    let ended = tokio::select! {
        ended = &mut asked => ended,
        () = tokio::time::sleep(MAX_PROBE_TIME) => {
            own.kill.cancel();
            drop(asked.await);
            return ProbeResult::TimedOut;
        }
    };
    let (stdout, stderr) = captured.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match ended {
        Err(ChildError::Own { .. } | ChildError::Start { .. }) => ProbeResult::NotFound,
        Ok(Ended::Stopped) => ProbeResult::TimedOut,
        Ok(Ended::Exited(code)) => ProbeResult::Ended { success: code == 0, stdout, stderr },
    }
}

/// Runs one program of the build with its output in the log.
pub async fn run(
    performer: &Performer,
    work: &EngineBuild,
    invocation: &Invocation,
    job: &Job,
) -> Result<(), AttemptError> {
    let hearing = Mutex::new(work.foreign_platform_detector());
    let publish = |output: Output| {
        let Output { stream, line } = output;
        hearing.lock().unwrap_or_else(PoisonError::into_inner).line(&line);
        (job.say)(EventKind::OutputLine { step: job.id.clone(), stream, line });
    };
    let command = command(performer, invocation);
    let ended = child::run(&command, &performer.services.redactor, &job.stop, publish).await;
    match ended? {
        Ended::Exited(0) => Ok(()),
        Ended::Stopped => Err(AttemptError::Stopped),
        Ended::Exited(code) => {
            let ended = format!("`{}` ended with exit code {code}", invocation.command_line());
            let reason = hearing.into_inner().unwrap_or_else(PoisonError::into_inner).reason();
            Err(match reason {
                Some(reason) => StepError::from(reason).because(ended),
                None => StepError::new(ended),
            }
            .into())
        }
    }
}

fn command(performer: &Performer, invocation: &Invocation) -> Command {
    let mut environment = performer.facts.child_environment.clone();
    environment.extend(invocation.env.clone());
    let mut secrets = performer.facts.child_secrets.clone();
    secrets.extend(invocation.secrets.clone());
    Command {
        program: (&invocation.program).into(),
        arguments: invocation.args.iter().map(Into::into).collect(),
        environment,
        secrets,
        directory: invocation.directory.clone().unwrap_or_else(|| performer.plan.folder.clone()),
    }
}
