//! One build by ACR Tasks: uploads the context, starts the run and follows it.

use super::ending::Ending;
use super::target::registry;
use crate::azure::registries::AzureRegistry;
use crate::azure::registry_tasks::{
    BuildArgument, BuiltImage, DockerBuild, Followed, Run, TaskPlatform, TasksError,
};
use crate::event::Verb;
use crate::image::dockerfile::{BuildOutput, BuildRequest, ContextArchive};
use crate::image::{Image, Product, WorkControl};
use crate::oci::{Digest, Platform, Reference};
use crate::plan::literal::Period;
use crate::registry::registry_name;
use crate::run::outcome::{AttemptError, StepError, chain_of};
use crate::run::perform::blocking::run_blocking_with_progress;
use crate::run::perform::create;
use crate::run::perform::find_image::in_registry;
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::scratch::Scratch;
use crate::value::bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the service may take to take the order to end a run.
const MAX_CANCEL_TIME: Duration = Duration::from_secs(10);

/// A context that is ready to be uploaded, and where to.
pub struct Prepared<'a> {
    performer: &'a Performer,
    request: &'a BuildRequest,
    registry: AzureRegistry,
    archive: ContextArchive,
    /// Has the packed context.
    scratch: Scratch,
    timeout: Duration,
}

/// An image, and the repository of each of its blobs.
pub struct FoundImage {
    pub image: Image,
    pub origins: BTreeMap<Digest, Reference>,
}

const ARCHIVE: &str = "context.tar.gz";

/// A secret would not be there where the Dockerfile mounts it.
fn refuse_secret_mounts(archive: &ContextArchive, request: &BuildRequest) -> Result<(), StepError> {
    let mounts = |line: &str| line.contains("--mount=") && line.contains("type=secret");
    let mut lines = archive.text.lines().zip(1..);
    let Some((_, line)) =
        lines.find(|(line, _)| mounts(line)).filter(|_| !request.secrets.is_empty())
    else {
        return Ok(());
    };
    let place = format!("{}:{line}", archive.shown);
    Err(StepError::new(format!("`{place}` mounts a secret, which ACR Tasks cannot do")).help(
        "declare it by `ARG` in a stage that is not the last, where `using: acr` passes it as a secret argument; or build with docker, podman or buildah",
    ))
}

impl<'a> Prepared<'a> {
    /// Packs the context and finds the registry, which is created where the plan says so.
    pub async fn new(
        performer: &'a Performer,
        request: &'a BuildRequest,
        repository: &Reference,
        job: &Job,
    ) -> Result<Self, StepError> {
        create::registries(performer, std::slice::from_ref(repository), job).await?;
        let registry = registry(performer, &repository.host, &job.scope).await?;
        let scratch = Scratch::new(performer, job)?;
        let (of, path) = (request.clone(), scratch.path().join(ARCHIVE));
        let work = move |watch: WorkControl<'_>| ContextArchive::write(&of, &path, watch.stop);
        let archive = run_blocking_with_progress(job, Verb::Packed, work).await?;
        refuse_secret_mounts(&archive, request)?;
        let step = performer.plan.step(job.service, job.place);
        let Period(timeout) = step.timeout.resolve(&job.scope)?;
        Ok(Self { performer, request, registry, archive, scratch, timeout })
    }

    /// Builds the image for one platform.
    pub async fn image(
        &self,
        tag: &Reference,
        platform: &Platform,
        job: &Job,
    ) -> Result<FoundImage, AttemptError> {
        if let Some(image) = self.built_before(tag, platform, job).await? {
            return Ok(image);
        }
        let build = self.docker_build(tag, platform)?;
        let host = &self.registry.login_server;
        let size = bytes(self.archive.size);
        job.note(format!("uploading {size} of context to `{host}`"));
        let tasks = &self.performer.services.clients.azure.registry_tasks;
        let upload = async {
            let place = tasks.source_place(&self.registry).await?;
            tasks.upload(&self.scratch.path().join(ARCHIVE), &place).await?;
            Ok::<_, TasksError>(place)
        };
        let place = job.unless_stopped(Box::pin(upload)).await?;
        // Not dropped when the step is stopped: the run would go on without anyone who
        // knows its id.
        let id = tokio::select! {
            id = tasks.schedule(&self.registry, &place, &build) => id?,
            () = job.stop.kill.cancelled() => return Err(AttemptError::Stopped),
        };
        job.note(format!("built by the run `{id}` of `{host}`, for {platform}"));
        let run = self.follow(&id, job).await?;
        let name = match digest_of(&run, tag) {
            Some(digest) => tag.with_digest(digest),
            None => tag.clone(),
        };
        let found = self.find(&name, platform, job);
        job.unless_stopped(Box::pin(found)).await
    }

    /// The image of an earlier attempt that came as far as the registry.
    async fn built_before(
        &self,
        tag: &Reference,
        platform: &Platform,
        job: &Job,
    ) -> Result<Option<FoundImage>, AttemptError> {
        if !job.in_doubt && job.attempt < 2 {
            return Ok(None);
        }
        let found = async { Ok::<_, StepError>(self.find(tag, platform, job).await.ok()) };
        let found = job.unless_stopped(Box::pin(found)).await?;
        if found.is_some() {
            job.note("it was built by an earlier attempt");
        }
        Ok(found)
    }

    async fn find(
        &self,
        name: &Reference,
        platform: &Platform,
        job: &Job,
    ) -> Result<FoundImage, StepError> {
        let found = in_registry(self.performer, &name.to_string(), Some(platform), job).await?;
        match found.product {
            Product::Image(image) => Ok(FoundImage { image: *image, origins: found.origins }),
            Product::Index(_) => {
                Err(StepError::new(format!("`{name}` is an index where an image was built")))
            }
        }
    }

    fn docker_build(&self, tag: &Reference, platform: &Platform) -> Result<DockerBuild, StepError> {
        let variant = platform.variant.as_deref();
        let named = TaskPlatform::of(&platform.os, &platform.architecture, variant);
        let named = named.ok_or_else(|| {
            StepError::new(format!("ACR Tasks build no images for `{platform}`")).help(
                "they build for amd64, arm64, arm and 386; or build with docker, podman or buildah",
            )
        })?;
        let BuildRequest { args, secrets, target, .. } = self.request;
        let plain = args
            .iter()
            .map(|(name, value)| BuildArgument::Plain { name: name.clone(), value: value.clone() });
        let secret = secrets.iter().map(|(name, value)| BuildArgument::Secret {
            name: name.clone(),
            value: value.clone(),
        });
        Ok(DockerBuild {
            image: format!("{}:{}", tag.repository, tag.tag.as_deref().unwrap_or_default()),
            dockerfile: self.archive.dockerfile.clone(),
            target: target.clone(),
            arguments: plain.chain(secret).collect(),
            platform: named,
            timeout: self.timeout,
        })
    }

    /// Publishes the log of a run until that has succeeded. A stopped step ends the run.
    async fn follow(&self, id: &str, job: &Job) -> Result<Run, AttemptError> {
        let services = &self.performer.services;
        let mut output = BuildOutput::of_acr_tasks(&self.archive.shown, &self.archive.text);
        let publish = async |line: String| {
            let line = services.redactor.redact(&line);
            output.line(&line);
            job.output(line).await;
        };
        let followed = {
            let tasks = &services.clients.azure.registry_tasks;
            let follow = tasks.follow(&self.registry, id, publish);
            tokio::select! {
                followed = Box::pin(follow) => Some(followed),
                () = job.stop.requested() => None,
            }
        };
        let Some(followed) = followed else {
            self.cancel(id, job).await;
            return Err(AttemptError::Stopped);
        };
        let Followed { run, without_log } = followed?;
        if let Some(error) = without_log {
            job.warn(chain_of(&error).join(": "));
        }
        let ending = Ending { run: &run, host: &self.registry.login_server };
        match ending.failure(output, job) {
            None => Ok(run),
            Some(error) => Err(error.into()),
        }
    }

    async fn cancel(&self, id: &str, job: &Job) {
        let tasks = &self.performer.services.clients.azure.registry_tasks;
        let cancelled = tokio::select! {
            cancelled = Box::pin(tasks.cancel(&self.registry, id)) => {
                cancelled.map_err(|error| chain_of(&error).join(": "))
            }
            () = job.stop.kill.cancelled() => Err("there was no time to".to_owned()),
            () = tokio::time::sleep(MAX_CANCEL_TIME) => Err("there was no answer".to_owned()),
        };
        let host = &self.registry.login_server;
        match cancelled {
            Ok(()) => job.note(format!("cancelled the run `{id}` of `{host}`")),
            Err(why) => job.warn(format!(
                "the run `{id}` of `{host}` may go on: {why}; `az acr task cancel-run --registry {} --run-id {id}` ends it",
                registry_name(host)
            )),
        }
    }
}

/// The digest of the image that a run has built under a tag.
fn digest_of(run: &Run, tag: &Reference) -> Option<Digest> {
    let is_it = |image: &&BuiltImage| {
        image.repository == tag.repository && Some(&image.tag) == tag.tag.as_ref()
    };
    run.images.iter().find(is_it)?.digest.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{ContextArchive, refuse_secret_mounts};
    use crate::image::dockerfile::BuildRequest;
    use crate::secret::Redactor;

    #[test]
    fn a_secret_that_is_mounted_is_refused() {
        let archive = |text: &str| ContextArchive {
            dockerfile: "Dockerfile".into(),
            shown: "ci/Dockerfile".into(),
            text: text.into(),
            size: 0,
        };
        let secret = Redactor::default().adopt("secrets.npm", "hunter22".into());
        let with_secret = BuildRequest {
            secrets: [("NPM".to_owned(), secret)].into(),
            ..BuildRequest::default()
        };
        let mounts = archive("FROM base\nRUN --mount=type=secret,id=NPM make\n");

        let error = refuse_secret_mounts(&mounts, &with_secret).expect_err("mounted");
        assert_eq!(
            error.failure.chain,
            ["`ci/Dockerfile:2` mounts a secret, which ACR Tasks cannot do"]
        );
        assert_eq!(
            error.failure.help.as_deref(),
            Some(
                "declare it by `ARG` in a stage that is not the last, where `using: acr` passes it as a secret argument; or build with docker, podman or buildah"
            )
        );
        refuse_secret_mounts(&mounts, &BuildRequest::default()).expect("there is no secret");
        refuse_secret_mounts(&archive("ARG NPM\n"), &with_secret).expect("it is an argument");
    }
}
