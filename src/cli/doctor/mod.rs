//! `shipway doctor`: what a run of the plan needs, what of it is missing, and the command
//! that mends it.
//!
//! `needs` reads the plan; `machine`, `azure`, `rights` and `github` look; `show` prints;
//! `fix` runs the commands. Nothing is changed but by `fix`.

mod azure;
mod check;
mod fix;
mod github;
mod machine;
mod needs;
mod rights;
mod show;

use super::exit::Exit;
use super::plan_file::PLAN_ARGUMENT_HELP;
use super::plan_options::DeployedOptions;
use super::runtime::block_on;
use super::say;
use super::session::connections::Connections;
use super::session::{PlanSession, show_step_error};
use crate::azure::providers::ProvidersAndQuotas;
use crate::azure::rights::Rights;
use crate::report::Output;
use crate::run::outcome::StepError;
use azure::AzureDoctor;
use check::{Check, State};
use clap::Args;
use needs::Needs;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway doctor --env production
  shipway doctor --fix
  shipway doctor --output json

It looks at the login, the subscription, providers, quotas, names, each role, each secret,
container engines, the token of GitHub, the clock and the network. With --fix it offers to
run the commands that mend what is missing.

Exit codes: 0 nothing is missing; 2 the plan or the command line is wrong; 3 something is
missing.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct DoctorArguments {
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub contexts: super::plan_options::ContextOptions,
    /// Look at the preview of this pull request
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub pr: Option<u64>,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Offer to run the commands that mend what is missing
    #[arg(long)]
    pub fix: bool,
    /// Run them without asking
    #[arg(long, requires = "fix")]
    pub yes: bool,
}

/// Looks, shows, and mends what it is told to.
pub fn doctor(arguments: &DoctorArguments) -> Result<Exit, Exit> {
    let deployed = DeployedOptions {
        plan: arguments.plan.clone(),
        contexts: arguments.contexts.clone(),
        pr: arguments.pr,
    };
    let session =
        deployed.open_or(PLAN_ARGUMENT_HELP, arguments.cloud.as_ref(), arguments.output)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| show_step_error(error, &session.redactor))
    })
}

async fn perform(arguments: &DoctorArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let connections = Connections::of(session)?;
    let mut checks = look(session, &connections).await;
    let mut shown = false;
    let mut offers = fix::Offers::default();
    while arguments.fix && offers.are_left(&checks) {
        // What is asked about is shown before. Without a question the commands stand for it.
        if !arguments.yes {
            match arguments.output {
                Output::Human => {
                    say::result(&session.redactor.redact(&show::table(&checks)));
                    shown = true;
                }
                Output::Json => tell(&checks, session),
            }
        }
        let ran = offers.make(&checks, &connections, arguments.yes).map_err(|why| {
            StepError::of_usage("cannot offer the commands")
                .because(why)
                .help("`shipway doctor` shows them, and `--yes` runs them without asking")
        })?;
        if !ran {
            break;
        }
        // What was learned before no longer holds.
        checks = look(session, &Connections::of(session)?).await;
        shown = false;
    }
    let text = match arguments.output {
        Output::Human => show::table(&checks),
        Output::Json => show::document(&checks),
    };
    if !shown {
        say::result(&session.redactor.redact(&text));
    }
    let is_well = !checks.iter().any(|check| check.state == State::Failed);
    Ok(if is_well { Exit::Done } else { Exit::Precondition })
}

fn tell(checks: &[Check], session: &PlanSession) {
    say::tell(&session.redactor.redact(&show::table(checks)));
}

async fn look(session: &PlanSession, connections: &Connections) -> Vec<Check> {
    let needs = Needs::of(session);
    let mut checks = vec![plan(session)];
    checks.extend(machine::engine(&needs).await);
    if needs.azure() {
        let network = machine::network(session, connections).await;
        let is_reached = !network.iter().any(|check| check.state == State::Failed);
        checks.extend(network);
        if is_reached {
            checks.extend(look_at_azure(session, connections, &needs).await);
        } else {
            checks.push(Check::not_checked("azure", "cannot be reached"));
        }
    }
    checks.extend(github::permissions(session, connections).await);
    checks
}

fn plan(session: &PlanSession) -> Check {
    let services = session.plan.services.iter().count();
    let environment = session.resolved.environment.as_ref();
    let environment = match environment {
        Some(chosen) => format!(", environment `{}`", chosen.name),
        None if session.plan.environments.iter().next().is_some() => {
            let check = Check::warning("plan", "no environment is chosen, and names may be empty");
            return check.help(Some("name one with `--env`".to_owned()));
        }
        None => String::new(),
    };
    let shown = if services == 1 { "1 service".to_owned() } else { format!("{services} services") };
    Check::ok("plan", format!("{}, {shown}{environment}", session.file.name))
}

async fn look_at_azure(
    session: &PlanSession,
    connections: &Connections,
    needs: &Needs,
) -> Vec<Check> {
    let (identity, principal) = azure::identity(session, connections).await;
    if identity.state == State::Failed {
        return vec![identity, Check::not_checked("azure", "needs a login")];
    }
    let clients = connections.azure_clients(session);
    let subscription = match clients.subscription.id(&session.plan, &session.scope).await {
        Ok(subscription) => subscription,
        Err(error) => {
            let failure = error.shown(&session.redactor, None);
            let check = Check::failed("subscription", failure.chain.join(": "));
            return vec![identity, check.help(failure.help)];
        }
    };
    let mut checks = vec![identity, Check::ok("subscription", subscription.clone())];
    let doctor = AzureDoctor {
        session,
        connections,
        providers: ProvidersAndQuotas::new(clients.arm.clone()),
        rights: Rights::new(clients.arm.clone()),
        clients,
        needs,
        subscription,
        principal,
    };
    let (found, rights) = futures::join!(doctor.checks(), doctor.rights());
    checks.extend(found);
    checks.extend(rights);
    checks
}
