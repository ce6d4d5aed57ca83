//! Where each secret is found, without its value.

use crate::azure::{KeyVault, SecretReader, SecretRequest};
use crate::cli::columns::columns;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::cli::session::secrets::request;
use crate::report::Output;
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Source;
use futures::future::join_all;
use serde_json::{Value, json};

/// One source of a secret, and what was found there.
struct Place {
    /// Such as `variable NPM_TOKEN`.
    source: String,
    /// `found`, or why there is no value.
    state: String,
    is_found: bool,
}

/// A secret of the plan with its sources, in their order.
struct Found {
    name: String,
    is_optional: bool,
    places: Vec<Place>,
}

impl Found {
    /// The source that a run takes.
    fn taken(&self) -> Option<usize> {
        self.places.iter().position(|place| place.is_found)
    }
}

pub async fn list(
    session: &PlanSession,
    connections: &Connections,
    output: Output,
) -> Result<Exit, StepError> {
    let vaults = KeyVault::new(
        connections.http.clone(),
        connections.credential.clone(),
        connections.endpoints.clone(),
    );
    let reader = SecretReader {
        environment: &session.host.env,
        vaults: &vaults,
        redactor: &session.redactor,
    };
    let mut wanted = Vec::new();
    for name in session.plan.secrets.keys() {
        wanted.push(request(session, name, connections)?);
    }
    let all = join_all(wanted.into_iter().map(|it| look(&reader, it))).await;
    let is_missing = all.iter().any(|secret| !secret.is_optional && secret.taken().is_none());
    match output {
        Output::Json => {
            let document = json!({ "secrets": all.iter().map(document).collect::<Vec<_>>() });
            say::result(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        Output::Human if all.is_empty() => say::tell("the plan has no secrets"),
        Output::Human => say::result(&columns(&["SECRET", "SOURCE", "STATE"], &rows(&all))),
    }
    Ok(if is_missing { Exit::Precondition } else { Exit::Done })
}

/// Looks into each source of a secret, also behind the first that has it.
async fn look(reader: &SecretReader<'_>, wanted: SecretRequest) -> Found {
    let mut places = Vec::new();
    for source in wanted.sources {
        let one = SecretRequest {
            name: wanted.name.clone(),
            sources: vec![source.clone()],
            is_optional: false,
        };
        let (state, is_found) = match reader.read(&one).await {
            Ok(found) => match found.expires {
                Some(expires) => (format!("found, expires {expires}"), true),
                None => ("found".to_owned(), true),
            },
            Err(error) => (why(&error), false),
        };
        places.push(Place { source: words(&source), state, is_found });
    }
    Found { name: wanted.name, is_optional: wanted.is_optional, places }
}

/// Why a source has no value: the last part of the error, which names the source's own state.
fn why(error: &crate::azure::SecretError) -> String {
    if let crate::azure::SecretError::Missing { tried, .. } = error {
        return tried.join("; ");
    }
    chain_of(error).pop().unwrap_or_default()
}

fn words(source: &Source) -> String {
    match source {
        Source::Env(variable) => format!("variable {variable}"),
        Source::File(path) => format!("file {}", path.display()),
        Source::KeyVault(secret) => {
            let version = secret.version.as_ref().map(|it| format!(", version {it}"));
            let version = version.unwrap_or_default();
            format!("vault {}, secret {}{version}", secret.vault(), secret.name)
        }
    }
}

fn rows(all: &[Found]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for secret in all {
        let taken = secret.taken();
        for (at, place) in secret.places.iter().enumerate() {
            let name = if at == 0 { secret.name.clone() } else { String::new() };
            let state = match taken {
                Some(taken) if taken < at && place.is_found => format!("{}, not used", place.state),
                None if secret.is_optional => format!("{}; it is optional", place.state),
                Some(_) | None => place.state.clone(),
            };
            rows.push(vec![name, place.source.clone(), state]);
        }
    }
    rows
}

fn document(secret: &Found) -> Value {
    let taken = secret.taken();
    let places = secret.places.iter().enumerate().map(|(at, place)| {
        json!({ "source": place.source, "state": place.state, "taken": taken == Some(at) })
    });
    json!({
        "name": secret.name,
        "optional": secret.is_optional,
        "sources": places.collect::<Vec<_>>(),
    })
}
