//! `shipway secrets`: where the plan's secrets are, storing one in its vault, and giving an
//! identity access to the vaults.

mod grant;
mod list;
mod set;
mod vaults;

use super::exit::Exit;
use super::plan_options::DeployedOptions;
use super::runtime::block_on;
use super::session::PlanSession;
use super::session::connections::Connections;
use crate::report::Output;
use crate::run::outcome::StepError;
use clap::{Args, Subcommand};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway secrets
  shipway secrets set database-url
  shipway secrets grant shop-pull

No value is ever shown. A value is read from standard input, and in a terminal it is asked for
without an echo: never give one on the command line, where other programs can read it.

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 a secret is found nowhere, or
something needed is missing, such as a login or a role.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct SecretsArguments {
    #[command(subcommand)]
    pub action: Option<SecretsAction>,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, global = true, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, Subcommand)]
pub enum SecretsAction {
    /// Store a value, read from standard input, in the vault that the plan names
    #[command(after_help = "\
Examples:
  shipway secrets set database-url --env production < database-url.txt

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 the vault does not take it")]
    Set {
        /// The name of the secret in the plan
        name: String,
    },
    /// Let an identity read the vaults that the plan names
    #[command(after_help = "\
Examples:
  shipway secrets grant shop-pull --env production

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 the identity or a vault is not there,
or the right to give access is missing")]
    Grant {
        /// A user-assigned identity: its name in the plan's resource group, or its id
        identity: String,
    },
}

pub fn secrets(arguments: &SecretsArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.output)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

async fn perform(arguments: &SecretsArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let connections = Connections::of(session)?;
    match &arguments.action {
        None => list::list(session, &connections, arguments.output).await,
        Some(SecretsAction::Set { name }) => set::set(session, &connections, name).await,
        Some(SecretsAction::Grant { identity }) => {
            grant::grant(session, &connections, identity).await
        }
    }
}
