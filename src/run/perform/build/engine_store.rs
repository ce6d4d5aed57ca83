//! Takes an image from the store of a container engine of this machine.

use super::engine::{command, find_engine};
use crate::event::Verb;
use crate::image::Product;
use crate::image::dockerfile::{Engine, Invocation, Program, UnusableEngine};
use crate::image::existing::{EngineImage, EngineStore, import_saved};
use crate::oci::Platform;
use crate::run::child::{self, Captured, Ended};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::blocking::run_blocking_with_progress;
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::scratch::Scratch;

/// The image, with its layers compressed as those of a `docker-archive`.
pub async fn take(
    performer: &Performer,
    image: &EngineImage,
    platform: Option<&Platform>,
    job: &Job,
) -> Result<Product, AttemptError> {
    let program = find_program(performer, image, job).await?;
    let inspect = Invocation::new(
        &program.name,
        &["image", "inspect", "--format", "{{.Id}}", "--", &image.name],
    );
    let id = ask(performer, &inspect, job).await?.map_err(|said| missing(image, &program, said))?;
    job.note(format!("`{image}` is {}", id.trim()));
    let scratch = Scratch::new(performer, job)?;
    let archive = scratch.path().join("image.tar");
    let mut save = Invocation::new(&program.name, &["save"]);
    if program.is_podman {
        save.arg("--quiet").option("--format", "docker-archive");
    }
    save.option("--output", archive.to_string_lossy()).arg("--").arg(&image.name);
    ask(performer, &save, job).await?.map_err(|said| {
        let what = format!("`{}` cannot save `{}`", program.name, image.name);
        StepError::new(what).because(said)
    })?;
    let (store, platform) = (performer.services.images.clone(), platform.cloned());
    let of = image.clone();
    let import = run_blocking_with_progress(job, Verb::Copied, move |watch| {
        import_saved(&store, &of, &archive, platform.as_ref(), &watch)
    });
    let imported = job.unless_stopped(Box::pin(import)).await;
    drop(scratch);
    match imported {
        Err(AttemptError::Failed(error)) => {
            Err(error.while_doing(format!("cannot import `{image}`")).into())
        }
        other => other,
    }
}

/// A program that answers for the engine.
struct EngineProgram {
    name: String,
    is_podman: bool,
}

async fn find_program(
    performer: &Performer,
    image: &EngineImage,
    job: &Job,
) -> Result<EngineProgram, AttemptError> {
    let only = match image.store {
        EngineStore::Docker => Program::Docker,
        EngineStore::Podman => Program::Podman,
    };
    let unusable = match find_engine(performer, Some(only), job).await? {
        Ok(Engine::Podman { program }) => {
            return Ok(EngineProgram { name: program, is_podman: true });
        }
        Ok(Engine::Docker(_) | Engine::Buildah) => {
            return Ok(EngineProgram { name: only.name().to_owned(), is_podman: false });
        }
        Err(unusable) => unusable,
    };
    let why: Vec<String> = unusable.iter().map(UnusableEngine::to_string).collect();
    Err(StepError::new(format!("cannot take `{image}` from the store of {only}"))
        .because(why.join("; "))
        .help(format!(
            "make sure that `{only} info` works here; or let `{only} save --output FILE {}` write the \
             image where it is, and name the file: `docker-archive:FILE`",
            image.name
        ))
        .into())
}

fn missing(image: &EngineImage, program: &EngineProgram, said: String) -> StepError {
    let EngineProgram { name, .. } = program;
    StepError::new(format!("{name} has no image `{}`", image.name)).because(said).help(format!(
        "`{name} image ls` lists what is there; build, load or pull it in a step before, or name \
         another one"
    ))
}

/// What a command of the engine prints, or the last line of its errors.
async fn ask(
    performer: &Performer,
    invocation: &Invocation,
    job: &Job,
) -> Result<Result<String, String>, AttemptError> {
    let command = command(performer, invocation);
    let Captured { ended, stdout, stderr } =
        child::capture(&command, &performer.services.redactor, &job.stop).await?;
    Ok(match ended {
        Ended::Stopped => return Err(AttemptError::Stopped),
        Ended::Exited(0) => Ok(stdout),
        Ended::Exited(code) => {
            let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
            Err(last.map_or_else(|| format!("it ended with exit code {code}"), str::to_owned))
        }
    })
}
