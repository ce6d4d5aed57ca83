//! `shipway local`: keeps the local cloud up for other tools.

use super::arguments::{LocalAction, LocalArguments, RunArguments};
use super::dry_run::{how_to_reach, newest, stop, world_of};
use super::exit::Exit;
use super::load::{BY_OPTION, load};
use super::say;
use super::session::{Session, missing, state_folder};
use crate::local::{CloudOptions, InitialState};
use crate::run::outcome::{StepError, chain_of};
use crate::run::signals::Signals;
use crate::secret::Redactor;
use std::path::{Path, PathBuf};

/// Keeps one up, or ends one.
pub(super) fn local(arguments: &LocalArguments) -> Exit {
    if let Some(LocalAction::Stop { cloud }) = &arguments.action {
        return end(arguments, cloud.as_deref());
    }
    let redactor = Redactor::default();
    let options = match options(arguments, &redactor) {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    super::in_runtime(keep_up(arguments, options, redactor))
}

async fn keep_up(arguments: &LocalArguments, options: CloudOptions, redactor: Redactor) -> Exit {
    let failed = |error: &dyn std::error::Error| {
        let trouble = StepError::new("keep the local cloud up").because(chain_of(error).join(": "));
        missing(trouble, &redactor)
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    let cloud = match crate::local::Cloud::start(options).await {
        Ok(cloud) => cloud,
        Err(error) => return failed(&error),
    };
    if !arguments.until_stdin_ends {
        say::tell(&how_to_reach(cloud.file()));
        for line in exports(cloud.file()) {
            say::result(&line);
        }
    }
    let stdin = arguments.until_stdin_ends;
    cloud
        .run(async move {
            tokio::select! {
                _ = signals.next() => {}
                () = stdin_ends(), if stdin => {}
            }
        })
        .await;
    Exit::Done
}

/// What `eval "$(…)"` takes in a shell.
fn exports(file: &crate::local::CloudFile) -> Vec<String> {
    file.variables()
        .map(|(name, value)| format!("export {name}='{}'", value.replace('\'', r"'\''")))
        .collect()
}

/// Resolves when the parent has gone, however it went.
async fn stdin_ends() {
    let mut stdin = tokio::io::stdin();
    let mut sink = tokio::io::sink();
    tokio::io::copy(&mut stdin, &mut sink).await.ok();
}

/// The world as a file describes it, or as the plan takes it to be.
fn options(arguments: &LocalArguments, redactor: &Redactor) -> Result<CloudOptions, Exit> {
    if let Some(file) = &arguments.world_file {
        let state =
            arguments.state.clone().unwrap_or_else(|| PathBuf::from(".shipway/local/world"));
        let world = read_world(file).map_err(|trouble| missing(trouble, redactor))?;
        return Ok(of(arguments, world, state));
    }
    let run = RunArguments { plan: arguments.plan.clone(), ..RunArguments::default() };
    let loaded = load(&run.plan, BY_OPTION)?;
    let session = Session::of(loaded, &run, true, redactor.clone())?;
    let world =
        world_of(&session, &arguments.world).map_err(|trouble| missing(trouble, redactor))?;
    let state = arguments.state.clone().unwrap_or_else(|| session.run.local());
    // Nothing is run, so there is no run to keep.
    std::fs::remove_dir_all(session.run.path()).ok();
    Ok(of(arguments, world, state))
}

fn of(arguments: &LocalArguments, initial_state: InitialState, state: PathBuf) -> CloudOptions {
    let state = std::path::absolute(&state).unwrap_or(state);
    let cloud_file = arguments.cloud.clone().unwrap_or_else(|| state.join("cloud.json"));
    CloudOptions { initial_state, cloud_file, state, port: None }
}

fn read_world(file: &Path) -> Result<InitialState, StepError> {
    let failed =
        |why: String| StepError::new(format!("read the world `{}`", file.display())).because(why);
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

fn end(arguments: &LocalArguments, cloud: Option<&Path>) -> Exit {
    let redactor = Redactor::default();
    let state = load(&arguments.plan, BY_OPTION)
        .map(|loaded| state_folder(None, &loaded))
        .ok()
        .filter(|_| cloud.is_none());
    let file = cloud.map(Path::to_owned).or_else(|| newest(&state?));
    let Some(file) = file else {
        return missing(StepError::new("no local cloud was left up here"), &redactor);
    };
    match stop(&file) {
        Ok(()) => Exit::Done,
        Err(trouble) => missing(trouble, &redactor),
    }
}
