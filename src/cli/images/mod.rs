//! `shipway images`: what registries hold and what of it is deployed; what is
//! attached to an image; and the removal of what nobody needs any longer.
//!
//! `survey` asks, `table` and `json` show, `prune` chooses and removes.

mod deployed;
mod json;
mod place;
mod prune;
mod referrers;
mod survey;
mod table;

use super::arguments::{ImagesArguments, Output, RunArguments};
use super::exit::Exit;
use super::load::{Loaded, load};
use super::pipeline::reporters::Audience;
use super::run::reach;
use super::session::reach::Connections;
use super::session::{Session, missing};
use super::{say, session::secrets};
use crate::resolve::with_secrets;
use crate::run::outcome::StepError;
use crate::run::perform::{Clients, ClientsConfig};
use crate::secret::Redactor;
use deployed::{Deployed, Running};
use jiff::Timestamp;
use place::Place;
use prune::Prune;
use std::path::PathBuf;

/// What to do where there is no plan.
const REMEDY: &str =
    "name the plan's file with `--plan PLAN`, or a registry, as in `shipway images REGISTRY`";

/// Lists repositories, or the tags of one with their digests.
pub(super) fn images(arguments: &ImagesArguments) -> Exit {
    let redactor = Audience::Command(arguments.output).redactor();
    let mistake = place::mistake(arguments).or_else(|| prune::mistake(&arguments.removal));
    if let Some(mistake) = mistake {
        missing(mistake, &redactor);
        return Exit::Usage;
    }
    let session = match session(arguments, redactor) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    super::in_runtime(async {
        match perform(arguments, &session).await {
            Ok(exit) => exit,
            Err(trouble) => missing(trouble, &session.redactor),
        }
    })
}

/// With the plan that is named or there; a registry that is named needs none.
fn session(arguments: &ImagesArguments, redactor: Redactor) -> Result<Session, Exit> {
    let usual = || PathBuf::from("shipway.yml");
    let none = arguments.plan.is_none() && arguments.name.is_some() && !usual().exists();
    let plan = arguments.plan.clone().unwrap_or_else(usual);
    // Nothing is run, so there is no run to keep, and without a plan no place
    // for one either.
    let scratch = if none { tempfile::tempdir().ok() } else { None };
    let state_dir = scratch.as_ref().map(|folder| folder.path().to_owned());
    let cloud = arguments.cloud.clone();
    let run = RunArguments { plan, state_dir, cloud, ..RunArguments::default() };
    let loaded = if none { Loaded::nothing() } else { load(&run.plan, REMEDY)? };
    let session = Session::of(loaded, &run, false, redactor)?;
    std::fs::remove_dir_all(session.run.path()).ok();
    Ok(session)
}

async fn perform(arguments: &ImagesArguments, session: &Session) -> Result<Exit, StepError> {
    let reach = reach(session)?;
    let clients = clients(session, &reach).await?;
    if arguments.referrers {
        say::result(&referrers::list(arguments, &clients.registry).await?);
        return Ok(Exit::Done);
    }
    let places = asked(arguments, session)?;
    let deployed = Deployed { session, reach: &reach, clients: &clients };
    let survey = survey::survey(&clients.registry, places, deployed.find()).await?;
    if arguments.removal.prune {
        let (output, registry) = (arguments.output, &clients.registry);
        let removal = &arguments.removal;
        let prune = Prune { arguments: removal, output, session, reach: &reach, registry };
        return prune.run(&survey).await;
    }
    say::result(&match arguments.output {
        Output::Json => json::list(&survey),
        Output::Human => table::list(&survey, Timestamp::now()),
    });
    match &survey.running {
        Running::Known(_) => {}
        Running::Unknown(why) => say::tell(&format!("note: what is deployed is not known: {why}")),
        Running::Unclear { why, .. } => {
            say::tell(&format!("note: not all that is deployed is known: {why}"));
        }
    }
    Ok(Exit::Done)
}

/// The registries asked for: that of the command line, else the plan's.
fn asked(arguments: &ImagesArguments, session: &Session) -> Result<Vec<Place>, StepError> {
    if let Some(name) = &arguments.name {
        return Ok(vec![Place::named(name)]);
    }
    let all = session.plan.registries.keys();
    let hosts: Vec<_> = all.map(|host| Place { host: host.to_owned(), repository: None }).collect();
    if hosts.is_empty() {
        return Err(StepError::new("the plan lists no registries")
            .help("name one, as in `shipway images REGISTRY`"));
    }
    Ok(hosts)
}

/// The clients, with the logins of the plan.
async fn clients(session: &Session, reach: &Connections) -> Result<Clients, StepError> {
    let mut names: Vec<String> = session
        .plan
        .registries
        .iter()
        .flat_map(|(_, registry)| super::session::layout::secrets_of(registry.templates()))
        .collect();
    names.sort();
    names.dedup();
    let sources = secrets::Sources {
        environment: session.surroundings.env.clone(),
        ..secrets::Sources::default()
    };
    let read = secrets::read(session, &names, reach, &sources).await;
    let read = read.map_err(|mut troubles| troubles.swap_remove(0))?;
    let scope = with_secrets(session.scope.clone(), &session.plan, &read)?;
    let clients = Clients::make(ClientsConfig {
        http: &reach.http,
        credential: &reach.credential,
        endpoints: &reach.endpoints,
        redactor: &session.redactor,
        plan: &session.plan,
        scope: &scope,
        environment: &session.surroundings.env,
        local: session.arguments.cloud.is_some(),
        subscription: reach.subscription.as_deref(),
        memory: None,
    });
    clients.await
}
