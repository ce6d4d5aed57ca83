//! `shipway images`: what a registry holds.

use super::arguments::{ImagesArguments, Output, RunArguments};
use super::exit::Exit;
use super::pipeline::reporters::Audience;
use super::run::reach;
use super::session::{Session, missing};
use super::{say, session::secrets};
use crate::registry::Client;
use crate::resolve::with_secrets;
use crate::run::outcome::Trouble;
use crate::run::perform::{Clients, Making};
use serde_json::json;

/// Lists repositories, or the tags of one with their digests.
pub(super) fn images(arguments: &ImagesArguments) -> Exit {
    let run = RunArguments {
        plan: arguments.plan.clone(),
        cloud: arguments.cloud.clone(),
        ..RunArguments::default()
    };
    let redactor = Audience::Command(arguments.output).redactor();
    let session = match Session::prepare(&run, false, redactor) {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    // Nothing is run, so there is no run to keep.
    std::fs::remove_dir_all(session.run.path()).ok();
    super::in_runtime(async {
        match list(arguments, &session).await {
            Ok(text) => {
                say::result(&text);
                Exit::Done
            }
            Err(trouble) => missing(trouble, &session.redactor),
        }
    })
}

async fn list(arguments: &ImagesArguments, session: &Session) -> Result<String, Trouble> {
    let registry = registry(session).await?;
    let mut found = Vec::new();
    for (host, repository) in asked(arguments, session)? {
        let repositories = match repository {
            Some(repository) => vec![repository],
            None => registry.catalog(&host).await.map_err(|error| Trouble::from_fault(&error))?,
        };
        for repository in repositories {
            found.extend(tags(&registry, &host, &repository).await?);
        }
    }
    Ok(match arguments.output {
        Output::Json => {
            let all: Vec<_> = found
                .iter()
                .map(|(name, digest)| json!({ "reference": name, "digest": digest }))
                .collect();
            serde_json::to_string_pretty(&all).unwrap_or_default()
        }
        Output::Human if found.is_empty() => "no images".to_owned(),
        Output::Human => {
            let width = found.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            let line = |(name, digest): &(String, String)| format!("{name:width$}  {digest}");
            found.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    })
}

/// The tags of a repository, each with the digest of its manifest.
async fn tags(
    registry: &Client,
    host: &str,
    repository: &str,
) -> Result<Vec<(String, String)>, Trouble> {
    let tags = registry.tags(host, repository).await;
    let mut found = Vec::new();
    for tag in tags.map_err(|error| Trouble::from_fault(&error))? {
        let name = format!("{host}/{repository}:{tag}");
        let Ok(reference) = name.parse() else { continue };
        let manifest = registry.head_manifest(&reference).await;
        let manifest = manifest.map_err(|error| Trouble::from_fault(&error))?;
        let digest = manifest.map(|manifest| manifest.digest.to_string());
        found.push((name, digest.unwrap_or_default()));
    }
    Ok(found)
}

/// The registries asked for: that of the command line, else the plan's.
fn asked(
    arguments: &ImagesArguments,
    session: &Session,
) -> Result<Vec<(String, Option<String>)>, Trouble> {
    if let Some(name) = &arguments.name {
        let (host, repository) =
            name.split_once('/').map_or((name.as_str(), None), |(host, rest)| {
                (host, Some(rest.to_owned()).filter(|rest| !rest.is_empty()))
            });
        return Ok(vec![(host.to_owned(), repository)]);
    }
    let hosts: Vec<_> =
        session.plan.registries.keys().map(|host| (host.to_owned(), None)).collect();
    if hosts.is_empty() {
        return Err(Trouble::new("the plan lists no registries")
            .help("name one, as in `shipway images REGISTRY`"));
    }
    Ok(hosts)
}

/// A client with the logins of the plan.
async fn registry(session: &Session) -> Result<Client, Trouble> {
    let reach = reach(session)?;
    let names: Vec<String> = session
        .plan
        .registries
        .iter()
        .flat_map(|(_, registry)| super::session::layout::secrets_of(registry.templates()))
        .collect();
    let sources = secrets::Sources {
        environment: session.surroundings.env.clone(),
        ..secrets::Sources::default()
    };
    let read = secrets::read(session, &names, &reach, &sources).await;
    let read = read.map_err(|mut troubles| troubles.swap_remove(0))?;
    let scope = with_secrets(session.scope.clone(), &session.plan, &read)?;
    let clients = Clients::make(Making {
        http: &reach.http,
        credential: &reach.credential,
        endpoints: &reach.endpoints,
        redactor: &session.redactor,
        plan: &session.plan,
        scope: &scope,
        environment: &session.surroundings.env,
        local: session.arguments.cloud.is_some(),
        subscription: reach.subscription.as_deref(),
    });
    Ok(clients.await?.registry)
}
