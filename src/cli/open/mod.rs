//! `shipway open`: opens the URL of a service in the browser, or prints it where there
//! is no browser.

mod after_run;
mod browser;

pub use after_run::open_after_run;

use super::exit::Exit;
use super::plan_options::DeployedOptions;
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::targets::{Targets, refuse_missing_environment, refuse_unknown_services};
use crate::report::Output;
use crate::run::outcome::StepError;
use browser::{browser, start};
use clap::Args;
use serde_json::json;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway open web --env production
  curl \"$(shipway open web --env production)\"

The browser is that of BROWSER, else xdg-open, on macOS open. The URL is printed instead
where there is no display, over SSH, in CI, and where standard output is no terminal.

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 the service is not
deployed, or something needed is missing, such as a login.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct OpenArguments {
    /// Open this service [default: the first that has a URL]
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,
    /// Print the URL, and open nothing
    #[arg(long)]
    pub print: bool,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Opens or prints a URL.
pub fn open(arguments: &OpenArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.output)?;
    refuse_unknown_services(&session, arguments.service.as_deref())?;
    refuse_missing_environment(&session)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

async fn perform(arguments: &OpenArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let (service, url) = find(arguments, session).await?;
    if arguments.output == Output::Json {
        let document = json!({ "service": service, "url": url });
        say::result(&serde_json::to_string_pretty(&document).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let variable = |name: &str| session.host.var(name).map(str::to_owned);
    let is_printed = arguments.print || arguments.cloud.is_some() || !io::stdout().is_terminal();
    match browser(&variable, &url).filter(|_| !is_printed) {
        None => say::result(&url),
        Some(words) => {
            if let Err(why) = start(&words) {
                say::tell(&format!("note: {why}"));
                say::result(&url);
            }
        }
    }
    Ok(Exit::Done)
}

/// The service and its first URL. Without a service on the command line, those of the
/// first in the plan's order that has one.
async fn find(
    arguments: &OpenArguments,
    session: &PlanSession,
) -> Result<(String, String), StepError> {
    let connections = Connections::of(session)?;
    let targets = Targets::new(session, &connections);
    let mut found = targets.of_environment().await?;
    let place = |service: &str| session.plan.services.keys().position(|known| known == service);
    found.retain(|target| {
        let service = target.tags.service.as_str();
        match &arguments.service {
            Some(asked) => asked == service,
            None => place(service).is_some(),
        }
    });
    found.sort_by_key(|target| place(&target.tags.service));
    let kind = found.first().map(|target| target.kind);
    for target in found {
        let resource = targets.read(&target).await?;
        if let Some(url) = resource.and_then(|resource| resource.urls.into_iter().next()) {
            return Ok((target.tags.service, url));
        }
    }
    let place = targets.place();
    Err(match (&arguments.service, kind) {
        (Some(service), Some(kind)) => StepError::new(format!("`{service}` has no URL{place}"))
            .because(kind.no_url)
            .help(kind.url_help),
        (Some(service), None) => targets.not_deployed(service),
        (None, _) => StepError::new(format!("nothing that is deployed{place} has a URL"))
            .help("`shipway status` shows what is deployed"),
    })
}
