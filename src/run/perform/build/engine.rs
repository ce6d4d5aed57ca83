//! Runs the programs of container engines.

use crate::image::dockerfile::{
    BuildFailure, DockerfileError, Engine, EngineBuild, Invocation, ProbeResult, Program, Unfit,
    candidates,
};
use crate::run::child::{self, Captured, ChildError, Command, Ended, Stop};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::performer::{Job, Performer};
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
    // A child of the step's own tokens: a slow engine is killed, the step goes on.
    let own = Stop { ask: stop.ask.child_token(), kill: stop.kill.child_token() };
    let command = command(performer, question);
    let mut asked = std::pin::pin!(child::capture(&command, &performer.services.redactor, &own));
    let ended = tokio::select! {
        ended = &mut asked => ended,
        () = tokio::time::sleep(MAX_PROBE_TIME) => {
            own.kill.cancel();
            drop(asked.await);
            return ProbeResult::TimedOut;
        }
    };
    match ended {
        Err(ChildError::Own { .. } | ChildError::Start { .. }) => ProbeResult::NotFound,
        Ok(Captured { ended: Ended::Stopped, .. }) => ProbeResult::TimedOut,
        Ok(Captured { ended: Ended::Exited(code), stdout, stderr }) => {
            ProbeResult::Ended { success: code == 0, stdout, stderr }
        }
    }
}

/// Runs one program of the build with its output in the log.
pub async fn run(
    performer: &Performer,
    work: &EngineBuild,
    invocation: &Invocation,
    job: &Job,
) -> Result<(), AttemptError> {
    let (mut foreign, mut output) = (work.foreign_platform_detector(), work.output());
    let publish = async |line: String| {
        foreign.line(&line);
        output.line(&line);
        job.output(line).await;
    };
    let command = command(performer, invocation);
    let ended = child::run(&command, &performer.services.redactor, &job.stop, publish).await;
    match ended? {
        Ended::Exited(0) => Ok(()),
        Ended::Stopped => Err(AttemptError::Stopped),
        Ended::Exited(code) => {
            let BuildFailure { error, lines } = output.failure(code);
            let seed = seed_option(performer, &error);
            let error = StepError::from(error).details(lines);
            let error = seed.into_iter().fold(error, StepError::help);
            Err(match foreign.reason() {
                Some(reason) => {
                    let ended = error.failure.chain.join(": ");
                    StepError::from(reason).because(ended).details(error.failure.details)
                }
                None => error,
            }
            .into())
        }
    }
}

/// In a dry run, how a base image is given that cannot be fetched.
fn seed_option(performer: &Performer, error: &DockerfileError) -> Option<String> {
    match error {
        DockerfileError::BaseImage { image, .. } if performer.facts.dry_run => Some(format!(
            "check the name of the image, or give it to the dry run: `--seed-image {image}=oci:DIR`"
        )),
        _ => None,
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
