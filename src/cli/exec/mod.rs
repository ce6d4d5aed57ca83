//! `shipway exec`: runs a command in a container, on a terminal or without one.
//!
//! `conversation` carries a command over the web socket of the service, `script` is the
//! line that starts it in a shell there, `marks` finds its output and exit code, `input`
//! what is sent to it, `terminal` the terminal here.

mod conversation;
mod input;
mod marks;
mod script;
mod terminal;

use super::exit::Exit;
use super::plan_options::DeployedOptions;
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::targets::{
    Targets, no_container, refuse_missing_environment, refuse_unknown_services, service_of,
};
use crate::report::Output;
use crate::run::outcome::StepError;
use crate::run::perform::{DeployedContainer, DeployedResource};
use clap::Args;
use conversation::{ContainerCommand, End};
use rustix::fs::{fstat, stat};
use script::Input;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway exec web --env production
  shipway exec web --env production -- ls -l /www
  shipway exec web/proxy -- nginx -t
  shipway exec web -- sh -c 'psql \"$DATABASE_URL\"' < query.sql

Without a command, a shell. In a terminal, keys go to the container, Ctrl-C too; Enter ~. leaves
a command that does not answer. The image needs /bin/sh.

Exit codes: that of the command, 127 if the image does not have it; 125 the connection was
lost; 2 the plan or the command line is wrong; 3 the container does not run, or something
needed is missing, such as a login.";

/// What runs without a command.
const DEFAULT_COMMAND: &str = "sh";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ExecArguments {
    /// In a container of this service: its main one, unless another is named
    #[arg(value_name = "SERVICE[/CONTAINER]")]
    pub name: String,
    /// The command, after `--` [default: sh]
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Do not use the terminal: neither keys nor cursor movements, only output
    #[arg(short = 'T', long)]
    pub no_terminal: bool,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
}

/// Runs a command in a container.
pub fn exec(arguments: &ExecArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), Output::default())?;
    refuse_unknown_services(&session, [service_of(&arguments.name)])?;
    refuse_missing_environment(&session)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

async fn perform(arguments: &ExecArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let connections = Connections::of(session)?;
    let targets = Targets::new(session, &connections);
    let resource = find(&targets, &arguments.name).await?;
    let container = container(&resource, &arguments.name)?;
    refuse_ended(container, &arguments.name)?;
    let default = [DEFAULT_COMMAND.to_owned()];
    let command = ContainerCommand {
        resources: &targets.clients.deployed,
        target: &resource.id.target,
        container: &container.name,
        command: if arguments.command.is_empty() { &default } else { &arguments.command },
        input: input(arguments),
    };
    end(command.run().await?, &arguments.name)
}

/// What the command reads from.
fn input(arguments: &ExecArguments) -> Input {
    if terminal::is_interactive() && !arguments.no_terminal {
        return Input::Terminal;
    }
    // A terminal whose output goes elsewhere is not read from: `exec web -- ls | wc -l`.
    if io::stdin().is_terminal() || is_nothing() { Input::Nothing } else { Input::Bytes }
}

/// Whether standard input is `/dev/null`, or closed.
fn is_nothing() -> bool {
    match (fstat(io::stdin()), stat("/dev/null")) {
        (Ok(input), Ok(null)) => input.st_rdev != 0 && input.st_rdev == null.st_rdev,
        (Err(_), _) => true,
        (Ok(_), Err(_)) => false,
    }
}

/// What the service is deployed to.
async fn find(targets: &Targets<'_>, name: &str) -> Result<DeployedResource, StepError> {
    let service = service_of(name);
    let mut found = targets.of_environment().await?;
    found.retain(|target| target.tags.service == service);
    if let [_, _, ..] = found.as_slice() {
        let place = targets.place();
        let names: Vec<&str> = found.iter().map(|target| target.id.name.as_str()).collect();
        let what =
            format!("`{service}` is deployed{place} more than once: `{}`", names.join("`, `"));
        return Err(StepError::new(what).help("name the pull request of one with `--pr NUMBER`"));
    }
    let missing = || targets.not_deployed(service);
    let target = found.pop().ok_or_else(missing)?;
    targets.read(&target).await?.ok_or_else(missing)
}

/// The container that is meant: by default the one that has the name of its resource, else
/// the first.
fn container<'r>(
    resource: &'r DeployedResource,
    name: &str,
) -> Result<&'r DeployedContainer, StepError> {
    let all = &resource.containers;
    let service = service_of(name);
    let found = match name.split_once('/') {
        Some((_, container)) => all.iter().find(|one| one.name == container),
        None => all.iter().find(|one| one.name == resource.id.name).or_else(|| all.first()),
    };
    found.ok_or_else(|| {
        let (_, container) = name.split_once('/').unwrap_or_default();
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        no_container(service, container, &names)
    })
}

/// Azure would start a terminal in a container that has ended, which says nothing.
fn refuse_ended(container: &DeployedContainer, name: &str) -> Result<(), StepError> {
    if container.is_running {
        return Ok(());
    }
    let before = container.previous.as_ref().and_then(|before| before.exit_code);
    let why = match (container.exit_code, before) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(code)) => {
            format!("it waits to be started again, after it ended with exit code {code}")
        }
        (None, None) => "it has not started".to_owned(),
    };
    Err(StepError::new(format!("cannot run a command in `{name}`"))
        .because(format!("its container `{}` does not run: {why}", container.name))
        .help(format!("`shipway logs {name}` shows what it wrote")))
}

/// The exit of a conversation, or why there was none.
fn end(end: End, name: &str) -> Result<Exit, StepError> {
    let failed = || StepError::new(format!("cannot run a command in `{name}`"));
    match end {
        End::Command(code) => Ok(Exit::Command(code)),
        End::Signal(exit) => Ok(exit),
        End::Left => {
            say::tell("left; the command may still run");
            Ok(Exit::Lost)
        }
        End::Lost => {
            say::tell("the connection was lost; the exit code of the command is not known");
            Ok(Exit::Lost)
        }
        End::NoInputTools => Err(failed()
            .because("standard input needs `stty`, `sed` and `base64` in the image, and not all are there")
            .help("without input: `shipway exec SERVICE -- COMMAND </dev/null`")),
        End::NotStarted(written) => {
            let written = written.trim();
            let why = match written.lines().last() {
                None => format!("`{}` of the image did not start", script::SHELL),
                Some(last) => format!("`{}` of the image did not start: {last}", script::SHELL),
            };
            Err(failed().because(why).help("commands are run by that shell, so the image has to have it"))
        }
    }
}
