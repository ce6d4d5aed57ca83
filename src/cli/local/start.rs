//! Starts a local cloud: in the foreground until Ctrl-C, or in the background.

use super::choose::{Search, Which, state_root};
use super::turn::{MAX_TURN_TIME, Turn, wait_until_reachable};
use crate::cli::dry_run::cloud::{app_line, curl_line, how_to_reach, how_to_reach_services};
use crate::cli::dry_run::detached::{Detached, MAX_START_TIME, NOT_KEPT_UP, left_up, update};
use crate::cli::dry_run::{initial_state_of, initial_state_without_plan};
use crate::cli::exit::Exit;
use crate::cli::plan_file::{PLAN_OPTION_HELP, PlanFile};
use crate::cli::plan_search::existing_plan;
use crate::cli::runtime::block_on_all_processors;
use crate::cli::say;
use crate::cli::session::{PlanSession, show_step_error};
use crate::journal::{DryRunOptions, LocalCloudOptions, RunFolder, RunId, RunOptions};
use crate::local::files::{FileError, write_json};
use crate::local::{
    Cloud, CloudFile, CloudOptions, DEFAULT_CLOUD, InitialState, News, ServeError, is_up,
};
use crate::run::outcome::{StepError, chain_of};
use crate::run::signals::Signals;
use crate::secret::Redactor;
use clap::Args;
use std::error::Error as _;
use std::io::{self, IsTerminal as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::UnboundedReceiver;

#[derive(Args, Clone, Debug)]
pub struct StartArguments {
    /// Read the plan from this file [default: that of this folder, if there is one]
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    pub options: LocalCloudOptions,
    /// Keep the state of the cloud here
    #[arg(long, alias = "state", value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Write the addresses and credentials of the cloud to this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Let the proxy listen on this port [default: that of the last time, or a free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Leave the cloud in the background, until `shipway local stop`
    #[arg(long, conflicts_with = "until_stdin_ends")]
    pub detach: bool,
    /// Read the initial state from this file instead of from a plan
    #[arg(long = "world", value_name = "FILE", hide = true)]
    pub world_file: Option<PathBuf>,
    /// Stop when standard input ends, which it does with the parent
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

impl StartArguments {
    /// The cloud that is named before a subcommand.
    pub fn which(&self) -> Which<'_> {
        Which { file: self.cloud.as_deref(), state: self.state_dir.as_deref() }
    }
}

/// What a failed `--detach` leaves for `eval`, since a shell does not see the exit code of a
/// program whose output it evaluates: without it `eval` succeeds, and what follows goes to the
/// real Azure.
pub const FAILED: &str = "false";

pub fn start(arguments: &StartArguments) -> Result<Exit, Exit> {
    kept_up(arguments).inspect_err(|_| {
        if arguments.detach {
            say::result(FAILED);
        }
    })
}

fn kept_up(arguments: &StartArguments) -> Result<Exit, Exit> {
    let redactor = Redactor::default();
    let Prepared { options, turn } = prepare(arguments, &redactor)?;
    let done = block_on_all_processors(async {
        let done = if arguments.detach {
            detach(arguments, options).await
        } else {
            keep_up(arguments, options).await
        };
        done.map(|()| Exit::Done).map_err(|error| show_step_error(error, &redactor))
    });
    drop(turn);
    done
}

async fn keep_up(arguments: &StartArguments, options: CloudOptions) -> Result<(), StepError> {
    let failed = |error: &dyn std::error::Error| {
        StepError::new(NOT_KEPT_UP).because(chain_of(error).join(": "))
    };
    let mut signals = Signals::listen().map_err(|error| failed(&error))?;
    let is_child = arguments.until_stdin_ends;
    if !is_child {
        refuse_if_up(&options.state)?;
    }
    check_port(options.port)?;
    let (state, initial_state) = (options.state.clone(), options.initial_state.clone());
    let damaged = |error: &ServeError| damaged_state(error, &state);
    let started = Cloud::start(options).await;
    let mut cloud = started.map_err(|error| failed(&error).help_if(damaged(&error)))?;
    if !is_child {
        // For `--detach`, which compares it with what it would start.
        write_json(&state.join("world.json"), &initial_state).map_err(|error| failed(&error))?;
        say::tell(&how_to_reach_services(cloud.file()));
        show_exports(cloud.file());
    }
    let (news, file) = (cloud.news(), cloud.file().clone());
    let stopped = async move {
        tokio::select! {
            _ = signals.next() => {}
            () = stdin_ends(), if is_child => {}
        }
    };
    tokio::select! {
        () = cloud.run(stopped) => {}
        () = told_as_it_happens(news, &file) => {}
    }
    Ok(())
}

/// What to do where a file of the state cannot be parsed.
fn damaged_state(error: &ServeError, state: &Path) -> Option<String> {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let mut files = causes.filter_map(|cause| cause.downcast_ref::<FileError>());
    files.any(|error| matches!(error, FileError::Json { .. })).then(|| {
        format!(
            "the file is damaged, or was written by another version: `rm -r {}` removes what the \
             cloud held, and the next start begins with an empty one",
            state.display()
        )
    })
}

/// Leaves a cloud in the background. Where it is up already, shows how it is reached.
async fn detach(arguments: &StartArguments, options: CloudOptions) -> Result<(), StepError> {
    let CloudOptions { initial_state, state, cloud_file, port, .. } = options;
    wait_until_reachable(&state, MAX_START_TIME);
    let file = if let Some(file) = left_up(&state, &initial_state)? {
        check_same(&file, arguments)?;
        say::tell(&format!("the local cloud is up already, process {}", file.pid));
        update(&file, &initial_state).await?;
        file
    } else {
        refuse_if_up(&state)?;
        check_port(port)?;
        let program = std::env::current_exe().map_err(|error| {
            StepError::new("cannot find the running program, which is the local cloud too")
                .because(error.to_string())
        })?;
        let initial_state = &initial_state;
        Detached { program, state: &state, initial_state, cloud_file, port }.start().await?
    };
    say::tell(&how_to_reach(&file));
    let path = file.state.join("cloud.json");
    say::tell(&format!("left up; `shipway local stop {}` ends it", path.display()));
    if io::stdout().is_terminal() {
        // They have a secret, and a screen has no use for them.
        say::tell("its variables are for a shell: the same command in `eval \"$(…)\"` sets them");
    } else {
        show_exports(&file);
    }
    Ok(())
}

/// A cloud that is up cannot move to another port, or write another file.
fn check_same(file: &CloudFile, arguments: &StartArguments) -> Result<(), StepError> {
    let path = file.state.join("cloud.json");
    let refused = |why: String| {
        Err(StepError::new(format!("a local cloud is up already in `{}`", file.state.display()))
            .because(why)
            .help(format!("end it first: `shipway local stop {}`", path.display())))
    };
    let port = |port: u16| file.proxy.expose().ends_with(&format!(":{port}"));
    if let Some(asked) = arguments.port.filter(|asked| !port(*asked)) {
        return refused(format!("its proxy does not listen on port {asked}"));
    }
    let written = |asked: &PathBuf| CloudFile::read(asked).is_ok_and(|found| found == *file);
    match arguments.cloud.as_ref().filter(|asked| !written(asked)) {
        Some(asked) => {
            refused(format!("its file is `{}`, and not `{}`", path.display(), asked.display()))
        }
        None => Ok(()),
    }
}

/// Refuses a state folder that a cloud uses which stays up. One that is about to end, since its
/// run has, is waited for.
fn refuse_if_up(state: &Path) -> Result<(), StepError> {
    if !is_up(state) {
        return Ok(());
    }
    let path = state.join("cloud.json");
    let Ok(file) = CloudFile::read(&path) else {
        say::tell(&format!("waiting for the local cloud that leaves `{}`", state.display()));
        return Ok(());
    };
    if !file.stays_up {
        say::tell(&format!("waiting for the dry run that uses `{}`", state.display()));
        return Ok(());
    }
    let what = format!("a local cloud is up already in `{}`", state.display());
    let path = path.display();
    Err(StepError::new(what).because(format!("process {} keeps it up", file.pid)).help(format!(
        "`shipway local status {path}` shows it, and `shipway local stop {path}` ends it; \
         `--state-dir` starts another one"
    )))
}

/// Says which port is taken, before anything is started. The port is free again at once.
fn check_port(port: Option<u16>) -> Result<(), StepError> {
    let Some(port) = port else { return Ok(()) };
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(StepError::new(format!("cannot listen on port {port} of 127.0.0.1"))
            .because(error.to_string())
            .help("name another one with `--port`, or leave it out for a free one")),
    }
}

/// Tells news for as long as the cloud is up.
async fn told_as_it_happens(news: Option<UnboundedReceiver<News>>, file: &CloudFile) {
    let mut has_told_how = false;
    if let Some(mut news) = news {
        while let Some(news) = news.recv().await {
            match news {
                News::FaultMet(met) => say::tell(&format!("fault     {met}")),
                News::Published { url, address } => {
                    say::tell(&app_line(&url, address));
                    if !std::mem::replace(&mut has_told_how, true) {
                        say::tell(&curl_line(file, &url));
                    }
                }
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Lines for `eval "$(shipway local --detach)"` in a shell.
fn show_exports(file: &CloudFile) {
    for (name, value) in file.variables() {
        say::result(&format!("export {name}='{}'", value.replace('\'', r"'\''")));
    }
}

/// Ends with standard input, which ends with the parent, even if that is killed.
async fn stdin_ends() {
    let mut stdin = tokio::io::stdin();
    let mut sink = tokio::io::sink();
    tokio::io::copy(&mut stdin, &mut sink).await.ok();
}

/// A cloud that can be started.
struct Prepared {
    options: CloudOptions,
    /// With `--detach`: for as long as it is there, others wait.
    turn: Option<Turn>,
}

/// The initial state that a file describes, or that the plan expects, or that of an empty cloud.
fn prepare(arguments: &StartArguments, redactor: &Redactor) -> Result<Prepared, Exit> {
    let show = |error| show_step_error(error, redactor);
    let plan = arguments.plan.clone().or_else(existing_plan);
    let mut initial_state = match (&arguments.world_file, &plan) {
        (Some(file), _) => read_initial_state(file).map_err(show)?,
        (None, Some(plan)) => of_plan(plan, arguments, redactor)?,
        (None, None) => {
            say::tell("there is no plan here: the local cloud has what its clients make");
            initial_state_without_plan(&arguments.options).map_err(show)?
        }
    };
    // Other programs send everything through the proxy, also what is not for the cloud.
    initial_state.loopback |= arguments.world_file.is_none();
    let root = state_root(plan.as_deref());
    let of_world = arguments.world_file.as_ref().map(|_| PathBuf::from(".shipway/local/world"));
    let given = arguments.state_dir.clone().or(of_world);
    if given.is_none() {
        RunFolder::create_state(&root).map_err(|error| show(not_created(&root, &error)))?;
    }
    // Before a cloud that is up is looked for.
    let folder = given.clone().unwrap_or_else(|| root.join("local"));
    let turn = arguments.detach.then(|| Turn::wait(&folder, MAX_TURN_TIME));
    let turn = turn.transpose().map_err(show)?;
    let state = given.unwrap_or_else(|| default_state(plan.as_deref(), arguments.detach));
    let state = std::path::absolute(&state).unwrap_or(state);
    let cloud_file = arguments.cloud.clone().unwrap_or_else(|| state.join("cloud.json"));
    let stays_up = !arguments.until_stdin_ends;
    let options = CloudOptions { initial_state, cloud_file, state, port: arguments.port, stays_up };
    Ok(Prepared { options, turn })
}

fn of_plan(
    plan: &Path,
    arguments: &StartArguments,
    redactor: &Redactor,
) -> Result<InitialState, Exit> {
    let file = PlanFile::read(plan, PLAN_OPTION_HELP)?;
    let dry_run = DryRunOptions { cloud: arguments.options.clone(), skip_run: false };
    let options = RunOptions { dry_run: Some(dry_run), ..RunOptions::default() };
    let session = PlanSession::without_run(file.without_warnings(), &options, redactor.clone())?;
    initial_state_of(&session, &arguments.options).map_err(|error| show_step_error(error, redactor))
}

/// Where the state is kept unless an option says where. A cloud in the background is found
/// again; otherwise each cloud of a plan is new, since the plan says what is in it.
fn default_state(plan: Option<&Path>, detach: bool) -> PathBuf {
    let clouds = state_root(plan).join("local");
    if plan.is_none() {
        return clouds.join(DEFAULT_CLOUD);
    }
    let up = || {
        let all = Search::of(plan, Which::default()).clouds();
        all.into_iter().find(|cloud| cloud.stays_up && is_up(&cloud.state))
    };
    match detach.then(up).flatten() {
        Some(cloud) => cloud.state,
        None => clouds.join(RunId::new().as_str()),
    }
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
