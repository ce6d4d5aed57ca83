//! Runs the programs of container engines.

use crate::image::dockerfile::{
    BuildFailure, DockerBuilder, DockerfileError, Engine, EngineBuild, Invocation, ProbeResult,
    Program, Unfit, candidates,
};
use crate::run::child::{self, Captured, ChildError, Command, Ended, Stop};
use crate::run::outcome::{AttemptError, StepError, chain_of};
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
        Err(error @ ChildError::TooLong { .. }) => ProbeResult::Ended {
            success: false,
            stdout: String::new(),
            stderr: chain_of(&error).join(": "),
        },
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
            let remedy = match &error {
                DockerfileError::BaseImage { image, .. } if performer.facts.dry_run => {
                    Some(base_image_remedy(work.engine(), image))
                }
                _ => None,
            };
            let error = StepError::from(error).details(lines);
            let error = remedy.into_iter().fold(error, StepError::help);
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

/// In a dry run, how an engine is given a base image that it cannot fetch.
///
/// Docker's daemon, or a builder of its own, fetches images itself. It uses neither the
/// proxy nor the certificate of the local cloud, and so never sees a preloaded image.
fn base_image_remedy(engine: &Engine, image: &str) -> String {
    let check = "check the name of the image, or give it to";
    match engine {
        Engine::Podman { .. } | Engine::Buildah => {
            format!("{check} the dry run: `--seed-image {image}=oci:DIR`")
        }
        Engine::Docker(DockerBuilder::BuildKit | DockerBuilder::Classic) => format!(
            "{check} docker, which does not see the images of `--seed-image`: `docker load --input FILE`, or `docker pull {image}` where its registry can be reached"
        ),
        // Whether the builder is docker's own or a container is not known: a container has
        // a store of its own, which `docker load` does not fill.
        Engine::Docker(DockerBuilder::Buildx { .. }) => format!(
            "{check} docker, which does not see the images of `--seed-image`: `docker load --input FILE`, or `docker pull {image}` where its registry can be reached; a builder that runs in a container has to reach the registry itself"
        ),
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

#[cfg(test)]
mod tests {
    use super::base_image_remedy;
    use crate::image::dockerfile::{DockerBuilder, Engine};

    #[test]
    fn each_engine_is_given_a_base_image_in_its_own_way() {
        let remedy = |engine: Engine| base_image_remedy(&engine, "python:3.11-slim");
        let seed = "check the name of the image, or give it to the dry run: `--seed-image python:3.11-slim=oci:DIR`";
        assert_eq!(remedy(Engine::Buildah), seed);
        assert_eq!(remedy(Engine::Podman { program: "podman".into() }), seed);

        let load = "check the name of the image, or give it to docker, which does not see the images of `--seed-image`: `docker load --input FILE`, or `docker pull python:3.11-slim` where its registry can be reached";
        assert_eq!(remedy(Engine::Docker(DockerBuilder::Classic)), load);
        assert_eq!(remedy(Engine::Docker(DockerBuilder::BuildKit)), load);
        let buildx = DockerBuilder::Buildx { writes_oci: true, attests: true, spread: false };
        assert_eq!(
            remedy(Engine::Docker(buildx)),
            format!("{load}; a builder that runs in a container has to reach the registry itself")
        );
    }
}
