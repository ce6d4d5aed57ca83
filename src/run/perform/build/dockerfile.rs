//! `build: PATH`: builds a Dockerfile with a container engine of this machine, or
//! without one where no instruction has to run.

use super::acr;
use super::built::BuiltImages;
use super::commands::{Commands, refusal};
use super::engine::{find_engine, run};
use super::labels::with_source;
use super::platforms::{all_platforms, one_platform};
use crate::event::Verb;
use crate::image::dockerfile::{
    BuildDirs, BuildRequest, Cache, CommandRunner, DockerfileError, EngineBuild, NativeBuild,
    NeededImage, Program, UnusableEngine,
};
use crate::image::{Image, Index, WorkControl, refuse_links_outside};
use crate::oci::Platform;
use crate::plan::expr::Rendered;
use crate::plan::literal::Size;
use crate::plan::schema::{Dockerfile, Text, Using};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::blocking::run_blocking_with_progress;
use crate::run::perform::find_image::pull_image;
use crate::run::perform::located_image::LocatedImage;
use crate::run::perform::names::{optional_plain, plain, plain_list};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::scratch::Scratch;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice;

/// Builds one image, or with `platforms` an index with an image for each.
pub async fn build(
    performer: &Performer,
    dockerfile: &Dockerfile,
    job: &Job,
) -> Result<LocatedImage, AttemptError> {
    if dockerfile.platforms.is_empty() {
        let platform = one_platform(dockerfile.platform.as_ref(), job)?;
        let built = images(performer, dockerfile, &[platform], job).await?;
        let image = built.images.into_iter().next().expect("one image for one platform");
        let (origins, build_tags) = (built.origins, built.tags);
        return Ok(LocatedImage { product: image.into(), origins, build_tags });
    }
    let platforms = all_platforms(&dockerfile.platforms, job)?;
    let built = images(performer, dockerfile, &platforms, job).await?;
    for (wanted, image) in platforms.iter().zip(&built.images) {
        check_platform(wanted, &image.platform)?;
    }
    let index = Index::write(&performer.services.images, &built.images)?;
    let (origins, build_tags) = (built.origins, built.tags);
    Ok(LocatedImage { product: index.into(), origins, build_tags })
}

/// Refuses an image whose platform the Dockerfile pins: an index would have that
/// platform twice and another one not at all.
fn check_platform(wanted: &Platform, built: &Platform) -> Result<(), StepError> {
    if wanted.takes(built) {
        return Ok(());
    }
    let what = format!("the Dockerfile gives an image for `{built}` where `{wanted}` is asked for");
    Err(StepError::new(what)
        .help("leave `--platform` out of the `FROM` of the stage that is built"))
}

/// Builds an image for each platform, in their order.
async fn images(
    performer: &Performer,
    dockerfile: &Dockerfile,
    platforms: &[Platform],
    job: &Job,
) -> Result<BuiltImages, AttemptError> {
    let mut request = request(performer, dockerfile, job)?;
    if performer.facts.withholds
        && let Some(left_out) = request.without_shared_caches()
    {
        job.note(left_out);
    }
    if let Some(left_out) = request.without_caches_out_of_reach(performer.facts.dry_run) {
        job.note(left_out);
    }
    if let Some(unused) = request.unused_arguments() {
        job.note(unused);
    }
    let each: Vec<BuildRequest> =
        platforms.iter().map(|platform| request.on(slice::from_ref(platform))).collect();
    let only = match dockerfile.using.resolve(&job.scope)? {
        Using::Auto => None,
        Using::Docker => Some(Program::Docker),
        Using::Podman => Some(Program::Podman),
        Using::Buildah => Some(Program::Buildah),
        Using::Native => {
            let runs = commands_can_run(&each, job).await;
            return Ok(without_engine(performer, &each, runs, Vec::new(), job).await?.into());
        }
        Using::Acr if performer.facts.withholds => {
            return Err(StepError::new("an Azure registry does not build the code of a fork")
                .help("write `using: auto` for a container engine of this machine")
                .into());
        }
        Using::Acr => return Box::pin(acr::build(performer, &request, platforms, job)).await,
    };
    let engine = match find_engine(performer, only, job).await? {
        Ok(engine) => engine,
        Err(unusable) if only.is_none() => {
            let runs = commands_can_run(&each, job).await;
            if acr::stands_in(performer, &each, runs, job) {
                job.note("no container engine works here, so the registry builds it");
                return Box::pin(acr::build(performer, &request, platforms, job)).await;
            }
            return Ok(without_engine(performer, &each, runs, unusable, job).await?.into());
        }
        Err(unusable) => return Err(StepError::from(DockerfileError::NoEngine(unusable)).into()),
    };
    job.note(format!("built by {engine}"));
    if let Some(unused) = request.unused_by_engine() {
        job.note(unused);
    }
    let mut images = Vec::new();
    for call in engine.calls(platforms) {
        let folder = Scratch::new(performer, job)?;
        let work = EngineBuild::new(engine.clone(), &request.on(&call), folder.path())?;
        // The same for each platform, so it is said once.
        if let Some(note) = work.note().filter(|_| images.is_empty()) {
            job.note(note);
        }
        images.extend(by_engine(performer, work, job).await?);
    }
    Ok(images.into())
}

/// Calls an engine once, for one platform or several.
async fn by_engine(
    performer: &Performer,
    work: EngineBuild,
    job: &Job,
) -> Result<Vec<Image>, AttemptError> {
    run(performer, &work, &work.build(), job).await?;
    if let Some(save) = work.save()? {
        run(performer, &work, &save, job).await?;
    }
    let store = performer.services.images.clone();
    let collected =
        run_blocking_with_progress(job, Verb::Copied, move |watch| work.collect(&store, &watch));
    job.unless_stopped(Box::pin(collected)).await
}

/// Whether the commands of Dockerfiles can be run without an engine. What cannot is said.
async fn commands_can_run(requests: &[BuildRequest], job: &Job) -> bool {
    let has_commands = |request: &BuildRequest| {
        NativeBuild::read(request, true).is_ok_and(|native| native.has_commands())
    };
    if !requests.iter().any(has_commands) {
        return true;
    }
    let Some(reason) = refusal().await else { return true };
    job.note(format!("`RUN` needs an engine here: {reason}"));
    false
}

/// Builds the requests without an engine. `runs` says whether commands can be run. `unusable` says why no engine can be used;
/// it is empty where the plan asks for `using: native`.
async fn without_engine(
    performer: &Performer,
    requests: &[BuildRequest],
    runs: bool,
    unusable: Vec<UnusableEngine>,
    job: &Job,
) -> Result<Vec<Image>, AttemptError> {
    let asked = unusable.is_empty();
    let read: Result<Vec<_>, _> =
        requests.iter().map(|request| NativeBuild::read(request, runs)).collect();
    let read = read.map_err(|error| StepError::from(error.without(unusable)))?;
    let how = if asked { "without an engine" } else { "without an engine, since none works here" };
    let runs = read.iter().any(NativeBuild::has_commands);
    let why = if runs { "" } else { ": nothing in it has to run" };
    job.note(format!("built {how}{why}"));
    if let Some(unused) = requests.first().and_then(BuildRequest::unused_without_engine) {
        job.note(unused);
    }
    let mut images = Vec::new();
    for native in read {
        images.push(Box::pin(natively(performer, native, job)).await?);
    }
    Ok(images)
}

async fn natively(
    performer: &Performer,
    native: NativeBuild,
    job: &Job,
) -> Result<Image, AttemptError> {
    let pulled = job.unless_stopped(Box::pin(pull_all(performer, &native, job))).await?;
    let scratch = Scratch::new(performer, job)?;
    let (store, folder) = (performer.services.images.clone(), scratch.path().to_owned());
    let (orders, commands) = Commands::new(performer, job, folder.join("roots"));
    let build = move |control: WorkControl<'_>| {
        let runner = Some(&orders as &dyn CommandRunner);
        native.build(&BuildDirs { store: &store, scratch_dir: &folder, control, runner }, &pulled)
    };
    let built = run_blocking_with_progress(job, Verb::Packed, build);
    let built = job.unless_stopped(Box::pin(built));
    // Commands are served until the builder has ended, which it does soon after the step
    // was stopped: its files are removed only then.
    let (built, ()) = tokio::join!(built, commands.serve());
    let image = built.map_err(|error| match error {
        AttemptError::Failed(error) => AttemptError::from(error.details(job.produced.last_lines())),
        other => other,
    })?;
    Ok(image)
}

/// Fetches the images that a build needs.
async fn pull_all(
    performer: &Performer,
    native: &NativeBuild,
    job: &Job,
) -> Result<Vec<Image>, StepError> {
    let mut pulled = Vec::new();
    for NeededImage { reference, platform, instead_of_stage } in native.images() {
        let image = pull_image(performer, reference, platform, job).await;
        let (image, _) = image.map_err(|error| match instead_of_stage {
            Some(place) => error
                .while_doing(format!(
                    "`{place}` copies from `{reference}`, and no stage has that name"
                ))
                .help("name a stage that is above, or an image that is there"),
            None => error,
        })?;
        pulled.push(image);
    }
    Ok(pulled)
}

/// The files and folders that the build reads: its context and its Dockerfile.
pub fn sources(
    performer: &Performer,
    dockerfile: &Dockerfile,
    job: &Job,
) -> Result<Vec<PathBuf>, StepError> {
    let folder = performer.plan.folder_of(job.service);
    let context = plain(&dockerfile.context, "path", &job.scope)?;
    let file = optional_plain(&dockerfile.dockerfile, "path", &job.scope)?;
    Ok([Some(context), file].into_iter().flatten().map(|path| folder.join(path)).collect())
}

fn request(
    performer: &Performer,
    dockerfile: &Dockerfile,
    job: &Job,
) -> Result<BuildRequest, StepError> {
    let scope = &job.scope;
    let Performer { services, facts, plan } = performer;
    let folder = plan.folder_of(job.service);
    let path = |text: &str| {
        refuse_links_outside(&folder, Path::new(text))?;
        Ok::<_, StepError>(folder.join(text))
    };
    let mut args = BTreeMap::new();
    for (name, text) in dockerfile.args.iter() {
        args.insert(name.value.clone(), plain(text, "build argument", scope)?);
    }
    let mut secrets = BTreeMap::new();
    for (id, text) in dockerfile.secrets.iter() {
        let secret = match text.render(scope)? {
            Rendered::Secret(secret) => secret,
            Rendered::Plain(text) => services.redactor.adopt("a build secret", text),
        };
        secrets.insert(id.value.clone(), secret);
    }
    let list = |texts: &[Text], what: &str| {
        let mut list = plain_list(texts, what, scope)?;
        list.retain(|text| !text.is_empty());
        Ok::<_, StepError>(list)
    };
    let caches = |texts: &[Text]| {
        let list = list(texts, "cache")?;
        Ok::<_, StepError>(list.iter().map(|text| Cache::from(text.as_str())).collect())
    };
    let file = optional_plain(&dockerfile.dockerfile, "path", scope)?;
    let ssh = list(&dockerfile.ssh, "ssh agent")?;
    let agent = facts.child_environment.get("SSH_AUTH_SOCK").filter(|path| !path.is_empty());
    let socket = |text: &String| match text.split_once('=') {
        Some((id, path)) => Some((id.to_owned(), plan.folder.join(path))),
        None => Some((text.clone(), PathBuf::from(agent?))),
    };
    let memory = dockerfile.memory.as_ref().map(|size| size.resolve(scope)).transpose()?;
    let mut labels = BTreeMap::new();
    for (name, text) in dockerfile.labels.iter() {
        labels.insert(name.value.clone(), plain(text, "label", scope)?);
    }
    let context = path(&plain(&dockerfile.context, "path", scope)?)?;
    let file = file.map(|file| path(&file)).transpose()?;
    // One that cannot be read is refused by the build.
    let text = std::fs::read_to_string(file.clone().unwrap_or(context.join("Dockerfile")));
    Ok(BuildRequest {
        labels: with_source(labels, &facts.source.labels, text.ok().as_deref()),
        context,
        dockerfile: file,
        args,
        secrets,
        agents: ssh.iter().filter_map(socket).collect(),
        ssh,
        ssh_agent: agent.is_some(),
        memory: memory.map(|Size(bytes)| bytes),
        cache_from: caches(&dockerfile.cache_from)?,
        cache_to: caches(&dockerfile.cache_to)?,
        github: facts.github_cache.clone(),
        target: optional_plain(&dockerfile.target, "target", scope)?,
        created: Some(facts.created()?),
        state: facts.state.clone(),
        ..BuildRequest::default()
    })
}
