//! The arguments of `init`.

use super::workflow;
use clap::Args;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway init
  shipway init web --name storefront --port 3000
  shipway init --print

In a terminal it asks for what the folder does not tell; elsewhere, and with --yes, it
takes the defaults that it names. It never overwrites a file.

Exit codes: 0 done; 2 there is a plan already, or nothing was found that makes an image.";

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = AFTER_HELP)]
pub struct InitArguments {
    /// Look at this folder
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Name the plan, and what it deploys, so
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Push to this registry, such as `demo.azurecr.io`
    #[arg(long, value_name = "HOST")]
    pub registry: Option<String>,
    /// Deploy to this resource group
    #[arg(long, value_name = "NAME")]
    pub resource_group: Option<String>,
    /// Deploy to this region
    #[arg(long, value_name = "REGION")]
    pub location: Option<String>,
    /// The port that the program listens on
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// The action that the workflow uses
    #[arg(long, value_name = "OWNER/NAME@REF", default_value = workflow::PLACEHOLDER)]
    pub action: String,
    /// Write no workflow
    #[arg(long)]
    pub no_workflow: bool,
    /// Print the plan, and write nothing
    #[arg(long)]
    pub print: bool,
    /// Ask nothing
    #[arg(short, long)]
    pub yes: bool,
}
