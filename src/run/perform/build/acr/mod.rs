//! `using: acr`: an Azure registry builds the Dockerfile, by ACR Tasks.
//!
//! The context is uploaded, the log of the run is that of the step (`task`, `ending`), and
//! the image stays in the registry: only its manifest and configuration are read, as of an
//! image that is there already. The build has a tag of its own until the push gives it
//! those of the plan (`build_tags`). A later push to another registry copies the layers
//! from there.

mod ending;
mod target;
mod task;

use self::target::{build_tag, registry, repository};
use self::task::Prepared;
use super::built::BuiltImages;
use crate::image::dockerfile::{BuildRequest, NativeBuild};
use crate::oci::Platform;
use crate::plan::schema::{Action, BuildKind, Login, Using};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;

/// Builds an image for each platform, in their order.
pub async fn build(
    performer: &Performer,
    request: &BuildRequest,
    platforms: &[Platform],
    job: &Job,
) -> Result<BuiltImages, AttemptError> {
    let repository = repository(performer, job.service, job.place, &job.scope)?;
    note_secrets(request, job)?;
    if let Some(unused) = request.unused_in_registry() {
        job.note(unused);
    }
    let prepared = Prepared::new(performer, request, &repository, job);
    let prepared = job.unless_stopped(Box::pin(prepared)).await?;
    let mut built = BuiltImages::default();
    for platform in platforms {
        let tag = build_tag(performer, &repository, platform, job);
        let image = Box::pin(prepared.image(&tag, platform, job)).await?;
        built.origins.extend(image.origins);
        built.images.push(image.image);
        built.tags.push(tag);
    }
    Ok(built)
}

/// Checks before the run that the registry is there and lets this identity build.
pub async fn preflight(
    performer: &Performer,
    service: usize,
    place: usize,
    retries: &Retries,
) -> Result<(), StepError> {
    let Action::Build(build) = &performer.plan.step(service, place).action else { return Ok(()) };
    let BuildKind::Dockerfile(dockerfile) = &build.kind else { return Ok(()) };
    let scope = &performer.plan.scope;
    if !matches!(dockerfile.using.resolve(scope), Ok(Using::Acr)) {
        return Ok(());
    }
    // What depends on outputs of steps is left to the step.
    let Ok(repository) = repository(performer, service, place, scope) else { return Ok(()) };
    if performer.plan.creates_registry(&repository.host) {
        return Ok(());
    }
    let registry = retries.run(|| registry(performer, &repository.host, scope)).await?;
    // The answer lets its reader write for an hour.
    if !performer.facts.reads_only {
        let tasks = &performer.services.clients.azure.registry_tasks;
        retries.run(|| tasks.source_place(&registry)).await?;
    }
    Ok(())
}

/// Whether `using: auto` builds in the registry: no engine works here, something needs one
/// (`RUN` too unless `runs`), and the image is for an Azure registry to which Shipway signs in by Entra. A dry
/// run says instead that it needs an engine, which its local cloud would need too.
pub fn stands_in(performer: &Performer, requests: &[BuildRequest], runs: bool, job: &Job) -> bool {
    let Ok(repository) = repository(performer, job.service, job.place, &job.scope) else {
        return false;
    };
    let login = performer.plan.registry(&repository.host).and_then(|it| it.login.as_ref());
    let by_entra = matches!(login, None | Some(Login::Entra));
    let needs_engine = |request: &BuildRequest| {
        NativeBuild::read(request, runs).is_err_and(|error| error.needs_engine())
    };
    !performer.facts.dry_run
        && !performer.facts.withholds
        && performer.plan.azure().is_some()
        && by_entra
        && requests.iter().any(needs_engine)
}

/// Says what becomes of secrets, which are arguments of the build there.
fn note_secrets(request: &BuildRequest, job: &Job) -> Result<(), StepError> {
    let is_word = |id: &str| {
        id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !id.starts_with(|first: char| first.is_ascii_digit())
    };
    if let Some(id) = request.secrets.keys().find(|id| !is_word(id)) {
        let what = format!("the build secret `{id}` cannot be an argument of ACR Tasks");
        return Err(StepError::new(what).help("name it with letters, digits and `_`"));
    }
    let ids: Vec<String> = request.secrets.keys().map(|id| format!("`{id}`")).collect();
    if !ids.is_empty() {
        job.warn(format!(
            "ACR Tasks take {} as secret arguments: use them in a stage that is not the last, whose history is not in the image",
            ids.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{note_secrets, repository, stands_in};
    use crate::image::dockerfile::BuildRequest;
    use crate::run::perform::test_support::{job, performer};
    use std::path::Path;
    use std::slice;

    fn plan(tag: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nregistries:\n  named.azurecr.io: {{ login: {{ username: u, password: ppppp }} }}\nsteps:\n- build: .\n- tag: [\"{tag}\"]\n- push:\n"
        )
    }

    /// Whether `using: auto` without an engine builds in the registry of a tag.
    async fn auto(tag: &str, dockerfile: &str, dry_run: bool) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).expect("written");
        let mut performer = performer(&plan(tag), folder.path()).await;
        performer.facts.dry_run = dry_run;
        let (job, _) = job(&performer);
        let request = BuildRequest { context: folder.path().into(), ..BuildRequest::default() };
        performer.facts.withholds = true;
        assert!(!stands_in(&performer, slice::from_ref(&request), false, &job), "of a fork");
        performer.facts.withholds = false;
        stands_in(&performer, &[request], false, &job)
    }

    #[tokio::test]
    async fn auto_builds_in_the_registry_what_has_to_run() {
        let run = "FROM scratch\nRUN make\n";
        assert!(auto("demo.azurecr.io/b:v1", run, false).await);
        assert!(!auto("demo.azurecr.io/b:v1", "FROM scratch\n", false).await, "nothing runs");
        assert!(!auto("demo.azurecr.io/b:v1", run, true).await, "a dry run needs an engine");
        assert!(!auto("ghcr.io/a/b:v1", run, false).await, "it is not an Azure registry");
        assert!(!auto("named.azurecr.io/b:v1", run, false).await, "it has a login of its own");
    }

    #[tokio::test]
    async fn the_first_azure_registry_of_the_image_builds() {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = "name: a\nsteps:\n- build: .\n- tag: [ghcr.io/a/b:v1, one.azurecr.io/b:v1, two.azurecr.io/b:v1]\n- push:\n";
        let performer = performer(plan, folder.path()).await;
        let (job, _) = job(&performer);
        let found = repository(&performer, 0, 0, &job.scope).expect("found");
        assert_eq!(found.to_string(), "one.azurecr.io/b");
    }

    #[tokio::test]
    async fn an_image_without_an_azure_registry_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let performer = performer(&plan("ghcr.io/a/b:v1"), folder.path()).await;
        let (job, _) = job(&performer);
        let error = repository(&performer, 0, 0, &job.scope).expect_err("none");
        assert_eq!(
            error.failure.chain,
            ["`using: acr` builds in an Azure registry, and no `tag` names one"]
        );
        assert_eq!(
            error.failure.help.as_deref(),
            Some("tag the image for one, such as `NAME.azurecr.io/web:v1`")
        );
    }

    #[tokio::test]
    async fn secrets_are_arguments_and_so_have_names_of_arguments() {
        let folder = tempfile::tempdir().expect("a folder");
        let performer = performer(&plan("ghcr.io/a/b:v1"), folder.path()).await;
        let (job, _) = job(&performer);
        let secret = performer.services.redactor.adopt("secrets.npm", "hunter22".into());
        let request = |id: &str| BuildRequest {
            context: Path::new("/").into(),
            secrets: [(id.to_owned(), secret.clone())].into(),
            ..BuildRequest::default()
        };
        note_secrets(&request("NPM_TOKEN"), &job).expect("a name");
        let error = note_secrets(&request("npm-token"), &job).expect_err("no name");
        assert_eq!(
            error.failure.chain,
            ["the build secret `npm-token` cannot be an argument of ACR Tasks"]
        );
        assert_eq!(error.failure.help.as_deref(), Some("name it with letters, digits and `_`"));
    }
}
