//! Runs the programs of container engines.

use crate::image::dockerfile::{
    BuildFailure, DockerBuilder, DockerfileError, Engine, EngineBuild, Invocation, ProbeResult,
    Program, UnusableEngine, candidates,
};
use crate::run::child::{self, Captured, ChildError, Command, Ended, Stop};
use crate::run::outcome::{AttemptError, StepError, chain_of};
use crate::run::perform::performer::{Job, Performer};
use std::time::Duration;

/// How long an engine may take to answer whether it works.
const MAX_PROBE_TIME: Duration = Duration::from_secs(10);

/// The first container engine that works, or why each candidate is unusable.
pub async fn find_engine(
    performer: &Performer,
    only: Option<Program>,
    job: &Job,
) -> Result<Result<Engine, Vec<UnusableEngine>>, AttemptError> {
    let mut unusable: Vec<UnusableEngine> = Vec::new();
    for program in candidates(only) {
        let mut results = Vec::new();
        for invocation in program.probes() {
            results.push(probe(performer, &invocation, &job.stop).await);
            // The program was ended with the step, which says nothing of it.
            if job.stop.is_requested() {
                return Err(AttemptError::Stopped);
            }
        }
        match program.evaluate(&results) {
            Ok(engine) => return Ok(Ok(engine)),
            Err(why) => unusable.push(why),
        }
    }
    Ok(Err(unusable))
}

async fn probe(performer: &Performer, invocation: &Invocation, stop: &Stop) -> ProbeResult {
    // A child of the step's own tokens: a slow engine is killed, the step goes on.
    let own_stop = Stop { ask: stop.ask.child_token(), kill: stop.kill.child_token() };
    let command = command(performer, invocation);
    let captured = child::capture(&command, &performer.services.redactor, &own_stop);
    let mut captured = std::pin::pin!(captured);
    let ended = tokio::select! {
        ended = &mut captured => ended,
        () = tokio::time::sleep(MAX_PROBE_TIME) => {
            own_stop.kill.cancel();
            drop(captured.await);
            return ProbeResult::TimedOut;
        }
    };
    match ended {
        Err(ChildError::NotFound { .. }) => ProbeResult::NotFound,
        Err(error) => ProbeResult::Ended {
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
    let (mut platform_detector, mut output) = (work.foreign_platform_detector(), work.output());
    let publish = async |line: String| {
        platform_detector.line(&line);
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
            let error = StepError::from(error).details(lines).help_if(remedy);
            // A foreign platform explains the failure, and has a remedy of its own.
            Err(match platform_detector.reason() {
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

pub fn command(performer: &Performer, invocation: &Invocation) -> Command {
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
    use super::{base_image_remedy, find_engine};
    use crate::image::dockerfile::{DockerBuilder, Engine};
    use crate::run::perform::test_support::{job, performer};

    #[tokio::test]
    async fn probe_that_cannot_start_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut performer = performer("name: a\nsteps: [{ build: . }]\n", folder.path()).await;
        let (job, _) = job(&performer);
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).expect("made");
        std::os::unix::fs::symlink("/bin/sh", bin.join("docker")).expect("made");
        let path = bin.display().to_string();
        performer.facts.child_environment.insert("PATH".to_owned(), path);
        performer.plan.folder = folder.path().join("gone");

        let found = find_engine(&performer, None, &job).await.expect("not stopped");
        let said: Vec<String> = found.expect_err("none").iter().map(ToString::to_string).collect();
        let gone = performer.plan.folder.display().to_string();
        assert_eq!(
            said,
            [
                format!("`docker` says: cannot start `docker`: `{gone}` is not a folder"),
                "`podman` is not installed".to_owned(),
                "`buildah` is not installed".to_owned(),
            ]
        );
    }

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
