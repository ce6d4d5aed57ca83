//! `shipway local`: keeps the local cloud up for other tools.

mod fault;

use crate::cli::dry_run::cloud::{how_to_reach, newest, stop};
use crate::cli::dry_run::initial_state_of;
use crate::cli::exit::Exit;
use crate::cli::plan_file::{PLAN_OPTION_HELP, PlanFile};
use crate::cli::runtime::block_on;
use crate::cli::say;
use crate::cli::session::run::state_folder;
use crate::cli::session::{PlanSession, show_step_error};
use crate::journal::{DryRunOptions, LocalCloudOptions, RunFolder, RunId, RunOptions};
use crate::local::{Cloud, CloudFile, CloudOptions, InitialState, News};
use crate::run::outcome::{StepError, chain_of};
use crate::run::signals::Signals;
use crate::secret::Redactor;
use clap::{Args, Subcommand};
use std::io;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::UnboundedReceiver;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway local --cloud ../cloud.json           in the foreground, for other commands
  shipway status --all --cloud ../cloud.json    what runs in it
  shipway local stop                            end the one that was left up")]
pub struct LocalArguments {
    #[command(subcommand)]
    pub action: Option<LocalAction>,
    /// Read the plan from this file
    #[arg(long, default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub options: LocalCloudOptions,
    /// Keep the state of the cloud here
    #[arg(long, alias = "state", value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Write the addresses and credentials of the cloud to this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Read the initial state from this file instead of from a plan
    #[arg(long = "world", value_name = "FILE", hide = true)]
    pub world_file: Option<PathBuf>,
    /// Stop when standard input ends, which it does with the parent
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum LocalAction {
    /// Let requests to a local cloud that is up meet faults
    Fault(fault::FaultArguments),
    /// Stop a local cloud that was left in the background
    Stop {
        /// Stop the cloud that wrote this file instead of the newest one
        #[arg(value_name = "FILE")]
        cloud: Option<PathBuf>,
    },
}

/// Keeps a cloud up until Ctrl-C, or stops one.
pub fn local(arguments: &LocalArguments) -> Result<Exit, Exit> {
    let redactor = Redactor::default();
    match &arguments.action {
        Some(LocalAction::Stop { cloud }) => {
            let stopped = cloud_file(arguments, cloud.as_deref()).and_then(|file| stop(&file));
            return stopped.map(told).map_err(|error| show_step_error(error, &redactor));
        }
        Some(LocalAction::Fault(asked)) => {
            let show = |error| show_step_error(error, &redactor);
            let file = cloud_file(arguments, asked.cloud.as_deref()).map_err(show)?;
            return block_on(async { fault::fault(asked, &file).await.map_err(show) });
        }
        None => {}
    }
    let options = options(arguments, &redactor)?;
    block_on(async {
        match keep_up(arguments, options).await {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(show_step_error(error, &redactor)),
        }
    })
}

async fn keep_up(arguments: &LocalArguments, options: CloudOptions) -> Result<(), StepError> {
    let failed = |error: &dyn std::error::Error| {
        StepError::new("cannot keep the local cloud up").because(chain_of(error).join(": "))
    };
    let mut signals = Signals::listen().map_err(|error| failed(&error))?;
    let mut cloud = Cloud::start(options).await.map_err(|error| failed(&error))?;
    let news = cloud.news();
    if !arguments.until_stdin_ends {
        say::tell(&how_to_reach(cloud.file()));
        for line in exports(cloud.file()) {
            say::result(&line);
        }
    }
    let stdin = arguments.until_stdin_ends;
    let stopped = async move {
        tokio::select! {
            _ = signals.next() => {}
            () = stdin_ends(), if stdin => {}
        }
    };
    tokio::select! {
        () = cloud.run(stopped) => {}
        () = told_as_it_happens(news) => {}
    }
    Ok(())
}

/// Tells news for as long as the cloud is up.
async fn told_as_it_happens(news: Option<UnboundedReceiver<News>>) {
    if let Some(mut news) = news {
        while let Some(news) = news.recv().await {
            match news {
                News::FaultMet(met) => say::tell(&format!("fault     {met}")),
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Lines for `eval "$(shipway local)"` in a shell.
fn exports(file: &CloudFile) -> Vec<String> {
    file.variables()
        .map(|(name, value)| format!("export {name}='{}'", value.replace('\'', r"'\''")))
        .collect()
}

/// Ends with standard input, which ends with the parent, even if that is killed.
async fn stdin_ends() {
    let mut stdin = tokio::io::stdin();
    let mut sink = tokio::io::sink();
    tokio::io::copy(&mut stdin, &mut sink).await.ok();
}

/// The initial state that a file describes, or that the plan expects.
fn options(arguments: &LocalArguments, redactor: &Redactor) -> Result<CloudOptions, Exit> {
    let show = |error| show_step_error(error, redactor);
    let (initial_state, state) = if let Some(file) = &arguments.world_file {
        (read_initial_state(file).map_err(show)?, PathBuf::from(".shipway/local/world"))
    } else {
        let file = PlanFile::read(&arguments.plan, PLAN_OPTION_HELP)?;
        let folder = state_folder(None, &file);
        if arguments.state_dir.is_none() {
            RunFolder::create_state(&folder).map_err(|error| show(not_created(&folder, &error)))?;
        }
        let state = folder.join("local").join(RunId::new().as_str());
        let dry_run = DryRunOptions { cloud: arguments.options.clone(), skip_run: false };
        let options = RunOptions { dry_run: Some(dry_run), ..RunOptions::default() };
        let session = PlanSession::without_run(file, &options, redactor.clone())?;
        (initial_state_of(&session, &arguments.options).map_err(show)?, state)
    };
    let state = arguments.state_dir.clone().unwrap_or(state);
    let state = std::path::absolute(&state).unwrap_or(state);
    let cloud_file = arguments.cloud.clone().unwrap_or_else(|| state.join("cloud.json"));
    let stays_up = !arguments.until_stdin_ends;
    Ok(CloudOptions { initial_state, cloud_file, state, port: None, stays_up })
}

fn not_created(state: &Path, error: &io::Error) -> StepError {
    StepError::new(format!("cannot create the state folder `{}`", state.display()))
        .because(error.to_string())
        .help("keep the state of the cloud elsewhere with `--state-dir`")
}

fn read_initial_state(file: &Path) -> Result<InitialState, StepError> {
    let failed = |why: String| {
        StepError::new(format!("cannot read the initial state `{}`", file.display())).because(why)
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// Tells what was stopped.
fn told(what: impl AsRef<str>) -> Exit {
    say::tell(what.as_ref());
    Exit::Done
}

/// The file of the cloud that is meant: the one that is named, or the newest.
fn cloud_file(arguments: &LocalArguments, named: Option<&Path>) -> Result<PathBuf, StepError> {
    if let (None, Some(state)) = (named, &arguments.state_dir) {
        return Ok(state.join("cloud.json"));
    }
    let newest = || {
        let file = PlanFile::read(&arguments.plan, PLAN_OPTION_HELP).ok()?;
        newest(&state_folder(None, &file))
    };
    let found = named.map(Path::to_owned).or_else(newest);
    found.ok_or_else(|| StepError::new("no local cloud was left up here"))
}
