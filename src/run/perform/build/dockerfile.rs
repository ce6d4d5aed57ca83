//! A Dockerfile, built by a container engine of this machine, or by none where
//! nothing has to run.

use super::layers::several;
use super::{Made, platform, told};
use crate::event::{EventKind, Stream, Verb};
use crate::image::dockerfile::{
    Answer, Bench, Cache, DockerfileError, Engine, Invocation, Native, Needed, Program, Request,
    Unfit, Work, candidates,
};
use crate::image::{Image, Index, Watch};
use crate::oci::Platform;
use crate::plan::expr::Rendered;
use crate::plan::schema::{Dockerfile, Text, Using};
use crate::run::child::{self, ChildError, Command, Ended, Output, Stop};
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::names::{plain, plain_list, plain_or};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::scratch::Scratch;
use std::collections::BTreeMap;
use std::slice;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an engine may take to say whether it works.
const PATIENCE: Duration = Duration::from_secs(10);

/// One image, or where `platforms` are given an index of one for each.
pub(super) async fn build(
    performer: &Performer,
    dockerfile: &Dockerfile,
    job: &Job,
) -> Result<Made, AttemptError> {
    if dockerfile.platforms.is_empty() {
        let platform = platform(dockerfile.platform.as_ref(), job)?;
        let images = images(performer, dockerfile, &[platform], job).await?;
        return Ok(images.into_iter().next().expect("one for one platform").into());
    }
    let platforms = several(&dockerfile.platforms, job)?;
    let images = images(performer, dockerfile, &platforms, job).await?;
    for (wanted, image) in platforms.iter().zip(&images) {
        check(wanted, &image.platform)?;
    }
    let index = Index::write(&performer.images, &images);
    let index = index.map_err(|error| StepError::from_error(&error))?;
    Ok(Made { product: index.into(), origins: BTreeMap::new() })
}

/// An index has each platform once: what the Dockerfile pins has no place in it.
fn check(wanted: &Platform, made: &Platform) -> Result<(), StepError> {
    if wanted.takes(made) {
        return Ok(());
    }
    let what = format!("the Dockerfile gives an image for `{made}` where `{wanted}` is asked for");
    Err(StepError::new(what)
        .help("leave `--platform` out of the `FROM` of the stage that is built"))
}

/// An image for each platform, in their order.
async fn images(
    performer: &Performer,
    dockerfile: &Dockerfile,
    platforms: &[Platform],
    job: &Job,
) -> Result<Vec<Image>, AttemptError> {
    let mut request = request(performer, dockerfile, job)?;
    if let Some(left_out) = request.without_caches_out_of_reach(performer.dry_run) {
        job.note(left_out);
    }
    let each: Vec<Request> =
        platforms.iter().map(|platform| request.on(slice::from_ref(platform))).collect();
    let only = match dockerfile.using.resolve(&job.scope)? {
        Using::Auto => None,
        Using::Docker => Some(Program::Docker),
        Using::Podman => Some(Program::Podman),
        Using::Buildah => Some(Program::Buildah),
        Using::Native => return without_engine(performer, &each, Vec::new(), job).await,
        Using::Acr => return Err(StepError::new("builds by ACR Tasks are not there yet").into()),
    };
    let engine = match engine(performer, only, job).await {
        Ok(engine) => engine,
        Err(unfit) if only.is_none() => {
            return without_engine(performer, &each, unfit, job).await;
        }
        Err(unfit) => return Err(StepError::from_error(&DockerfileError::NoEngine(unfit)).into()),
    };
    job.note(format!("built by {engine}"));
    let mut images = Vec::new();
    for call in engine.calls(platforms) {
        images.extend(by_engine(performer, &engine, &request.on(&call), job).await?);
    }
    Ok(images)
}

/// One call of an engine, for one platform or several.
async fn by_engine(
    performer: &Performer,
    engine: &Engine,
    request: &Request,
    job: &Job,
) -> Result<Vec<Image>, AttemptError> {
    let desk = Scratch::new(performer, job)?;
    let fault = |error: DockerfileError| StepError::from_error(&error);
    let work = Work::new(engine.clone(), request, desk.path()).map_err(fault)?;
    run(performer, &work, &work.build(), job).await?;
    if let Some(save) = work.save().map_err(fault)? {
        run(performer, &work, &save, job).await?;
    }
    let store = performer.images.clone();
    Ok(told(job, Verb::Copied, move |watch| work.collect(&store, &watch)).await?)
}

/// Builds it here, as long as nothing has to run, for the platform of each
/// request.
async fn without_engine(
    performer: &Performer,
    requests: &[Request],
    unfit: Vec<Unfit>,
    job: &Job,
) -> Result<Vec<Image>, AttemptError> {
    let asked = unfit.is_empty();
    let read: Result<Vec<_>, _> = requests.iter().map(Native::read).collect();
    let read = read.map_err(|error| StepError::from_error(&error.without(unfit)))?;
    let how = if asked { "without an engine" } else { "without an engine, since none works here" };
    job.note(format!("built {how}: nothing in it has to run"));
    if let Some(unused) = requests.first().and_then(Request::unused_without_engine) {
        job.note(unused);
    }
    let mut images = Vec::new();
    for native in read {
        images.push(natively(performer, native, job).await?);
    }
    Ok(images)
}

async fn natively(performer: &Performer, native: Native, job: &Job) -> Result<Image, AttemptError> {
    let mut pulled = Vec::new();
    for Needed { reference, platform } in native.images() {
        let (image, _) = super::existing::pull(performer, reference, platform, job).await?;
        pulled.push(image);
    }
    let desk = Scratch::new(performer, job)?;
    let (store, folder) = (performer.images.clone(), desk.path().to_owned());
    let build = move |watch: Watch<'_>| {
        native.build(&Bench { store: &store, desk: &folder, watch }, &pulled)
    };
    Ok(told(job, Verb::Packed, build).await?)
}

fn request(
    performer: &Performer,
    dockerfile: &Dockerfile,
    job: &Job,
) -> Result<Request, StepError> {
    let scope = &job.scope;
    let path = |text: &str| performer.folder.join(text);
    let mut args = BTreeMap::new();
    for (name, text) in dockerfile.args.iter() {
        args.insert(name.value.clone(), plain(text, "build argument", scope)?);
    }
    let mut secrets = BTreeMap::new();
    for (id, text) in dockerfile.secrets.iter() {
        let secret = match text.render(scope)? {
            Rendered::Secret(secret) => secret,
            Rendered::Plain(text) => performer.redactor.adopt("a build secret", text),
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
    let file = plain_or(&dockerfile.dockerfile, "path", scope)?;
    Ok(Request {
        context: path(&plain(&dockerfile.context, "path", scope)?),
        dockerfile: file.map(|file| path(&file)),
        args,
        secrets,
        ssh: list(&dockerfile.ssh, "ssh agent")?,
        ssh_agent: performer.environment.contains_key("SSH_AUTH_SOCK"),
        cache_from: caches(&dockerfile.cache_from)?,
        cache_to: caches(&dockerfile.cache_to)?,
        github: performer.github_cache.clone(),
        target: plain_or(&dockerfile.target, "target", scope)?,
        created: Some(performer.created()?),
        state: performer.state.clone(),
        ..Request::default()
    })
}

/// The first engine that works.
async fn engine(
    performer: &Performer,
    only: Option<Program>,
    job: &Job,
) -> Result<Engine, Vec<Unfit>> {
    let mut unfit: Vec<Unfit> = Vec::new();
    for program in candidates(only) {
        let mut answers = Vec::new();
        for question in program.questions() {
            answers.push(ask(performer, &question, &job.stop).await);
        }
        match program.judge(&answers) {
            Ok(engine) => return Ok(engine),
            Err(why) => unfit.push(why),
        }
    }
    Err(unfit)
}

async fn ask(performer: &Performer, question: &Invocation, stop: &Stop) -> Answer {
    let said = Mutex::new((String::new(), String::new()));
    let hear = |output: Output| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match output.stream {
            Stream::Stdout => &mut said.0,
            Stream::Stderr => &mut said.1,
        };
        text.push_str(&output.line);
        text.push('\n');
    };
    let own = Stop { ask: stop.ask.child_token(), kill: stop.kill.child_token() };
    let command = command(performer, question);
    let mut asked = std::pin::pin!(child::run(&command, &performer.redactor, &own, hear));
    let ended = tokio::select! {
        ended = &mut asked => ended,
        () = tokio::time::sleep(PATIENCE) => {
            own.kill.cancel();
            drop(asked.await);
            return Answer::TimedOut;
        }
    };
    let (stdout, stderr) = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match ended {
        Err(ChildError::Own { .. } | ChildError::Start { .. }) => Answer::NotFound,
        Ok(Ended::Stopped) => Answer::TimedOut,
        Ok(Ended::Exited(code)) => Answer::Ended { success: code == 0, stdout, stderr },
    }
}

/// Runs one program of the build, its output in the log.
async fn run(
    performer: &Performer,
    work: &Work,
    invocation: &Invocation,
    job: &Job,
) -> Result<(), AttemptError> {
    let hearing = Mutex::new(work.hearing());
    let hear = |output: Output| {
        let Output { stream, line } = output;
        hearing.lock().unwrap_or_else(PoisonError::into_inner).line(&line);
        (job.say)(EventKind::OutputLine { step: job.id.clone(), stream, line });
    };
    let command = command(performer, invocation);
    let ended = child::run(&command, &performer.redactor, &job.stop, hear).await;
    match ended.map_err(|error| StepError::from_error(&error))? {
        Ended::Exited(0) => Ok(()),
        Ended::Stopped => Err(AttemptError::Stopped),
        Ended::Exited(code) => {
            let ended = format!("`{}` ended with exit code {code}", invocation.command_line());
            let reason = hearing.into_inner().unwrap_or_else(PoisonError::into_inner).reason();
            Err(match reason {
                Some(reason) => StepError::from_error(&reason).because(ended),
                None => StepError::new(ended),
            }
            .into())
        }
    }
}

fn command(performer: &Performer, invocation: &Invocation) -> Command {
    let mut environment = performer.environment.clone();
    environment.extend(invocation.env.clone());
    let mut secrets = performer.environment_secrets.clone();
    secrets.extend(invocation.secrets.clone());
    Command {
        program: (&invocation.program).into(),
        arguments: invocation.args.iter().map(Into::into).collect(),
        environment,
        secrets,
        directory: invocation.directory.clone().unwrap_or_else(|| performer.folder.clone()),
    }
}
