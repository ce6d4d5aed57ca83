//! `shipway local`: keeps the local cloud up for other tools.
//!
//! `start` starts one, in the foreground or in the background. The other files are the
//! subcommands, for a cloud that `choose` finds.

mod choose;
mod fault;
mod start;
mod status;
mod stop;
mod turn;

use super::dry_run::control::CloudControl;
use super::exit::Exit;
use super::runtime::block_on;
use super::say;
use super::session::show_step_error;
use crate::run::outcome::StepError;
use crate::secret::Redactor;
use choose::{Search, WhichCloud};
use clap::{Args, Subcommand};
use start::StartArguments;

pub use start::FAILED;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway local                                 in the foreground, until Ctrl-C
  eval \"$(shipway local --detach)\"             in the background, for az in this shell
  shipway local --port 8400 --cloud ../cloud.json
  shipway status --all --cloud ../cloud.json    what a plan has deployed in it
  shipway local status                          what it holds
  shipway local stop                            end the one that was left up

Without a plan it starts empty, and has what its clients make. It goes on with what was in
it when it ended; with a plan each one is new, unless --state-dir names its state.

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 it cannot be started, or does not answer")]
pub struct LocalArguments {
    #[command(subcommand)]
    pub action: Option<LocalAction>,
    #[command(flatten)]
    pub start: StartArguments,
}

#[derive(Clone, Debug, Subcommand)]
pub enum LocalAction {
    /// Let requests to a local cloud that is up meet faults
    Fault(fault::FaultArguments),
    /// Show which local cloud is up, how it is reached and what it holds
    Status(status::StatusArguments),
    /// Stop a local cloud that was left in the background
    #[command(after_help = "\
Examples:
  shipway local stop
  shipway local stop ../cloud.json
  eval \"$(shipway local stop)\"    and take its variables out of this shell

Exit codes: 0 it has ended; 2 the command line is wrong; 3 none is up, or it does not end")]
    Stop(WhichCloud),
}

/// Keeps a cloud up until Ctrl-C, leaves one in the background, or asks one that is up.
pub fn local(arguments: &LocalArguments) -> Result<Exit, Exit> {
    match &arguments.action {
        None => start::start(&arguments.start),
        Some(action) => block_on(async {
            let done = act(arguments, action).await;
            done.map_err(|error| show_step_error(error, &Redactor::default()))
        }),
    }
}

async fn act(arguments: &LocalArguments, action: &LocalAction) -> Result<Exit, StepError> {
    let search = Search::of(arguments.start.plan.as_deref(), arguments.start.which());
    match action {
        LocalAction::Stop(which) => {
            let (path, cloud) = search.find(which.which(), "cannot stop")?;
            say::tell(&stop::stop(&path, &cloud).await?);
            if let Some(unset) = stop::unset(&cloud, |name| std::env::var(name).ok()) {
                say::tell(
                    "this shell has its variables: the `unset` line takes them out, and so does \
                     `eval \"$(shipway local stop)\"`",
                );
                say::result(&unset);
            }
            Ok(Exit::Done)
        }
        LocalAction::Status(asked) => {
            let (path, cloud) = search.find(asked.which.which(), "cannot show")?;
            let control = CloudControl::of(&cloud, &Redactor::default())?;
            let inventory = control.inventory().await?;
            let others = search.others_up(&cloud);
            say::result(&status::show(asked.output, &path, &cloud, &inventory));
            for other in others {
                let path = other.state.join("cloud.json");
                say::tell(&format!("also up: `shipway local status {}`", path.display()));
            }
            Ok(Exit::Done)
        }
        LocalAction::Fault(asked) => {
            let (_, cloud) = search.find(asked.which.which(), "cannot reach")?;
            fault::fault(asked, &cloud).await
        }
    }
}
