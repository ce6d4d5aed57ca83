//! The login that a job file has already.

use super::image::JobFormat;
use super::shape;
use serde_json::Value;

/// Docker Hub under its other names.
const DOCKER_HUB: &[&str] = &["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// The server whose user and password a job file has, if that is another than `server`.
///
/// An identity belongs to no server, and a login beside which no server stands to the one that
/// is going to be written there.
pub fn login_of_another(text: &str, format: JobFormat, server: &str) -> Option<String> {
    let job = shape::value(text.trim_start_matches('\u{feff}'));
    let (registry, name) = match format {
        JobFormat::BatchAi => {
            (&job["properties"]["containerSettings"]["imageSourceRegistry"], "serverUrl")
        }
        JobFormat::BatchTask => (&job["containerSettings"]["registry"], "registryServer"),
    };
    let has_login = match format {
        JobFormat::BatchAi => is_given(&registry["credentials"]),
        JobFormat::BatchTask => is_given(&registry["username"]) || is_given(&registry["password"]),
    };
    let known = registry[name].as_str().filter(|known| has_login && !known.is_empty())?;
    (host(known) != host(server)).then(|| known.to_owned())
}

fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// The host in a server's name, which may be a URL.
fn host(server: &str) -> String {
    let server = server.to_ascii_lowercase();
    let name = server.split_once("://").map_or(server.as_str(), |(_, name)| name);
    let host = name.split('/').next().unwrap_or_default();
    if DOCKER_HUB.contains(&host) { "docker.io".to_owned() } else { host.to_owned() }
}
