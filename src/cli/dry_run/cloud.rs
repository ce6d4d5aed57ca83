//! The local cloud of a dry run: started, kept up, left in the background.

use super::detached::{Detached, MAX_START_TIME, left_up, update};
use crate::cli::say;
use crate::local::process::{CloudStart, RunningCloud, spawn};
use crate::local::{CloudFile, InitialState, public_url};
use crate::run::outcome::{StepError, chain_of};
use std::path::Path;

/// A local cloud that this process started.
pub enum LocalCloud {
    /// It stops with this process.
    Child(Box<RunningCloud>),
    /// It outlives this process.
    Detached(Box<CloudFile>),
}

impl LocalCloud {
    /// Starts a cloud in a state folder. It goes on with the state that an earlier
    /// cloud left there. One that was left up there is used as it is.
    pub async fn start(
        state: &Path,
        initial_state: &InitialState,
        detach: bool,
    ) -> Result<Self, StepError> {
        let program = std::env::current_exe().map_err(|error| {
            StepError::new("cannot find the running program, which is the local cloud too")
                .because(error.to_string())
        })?;
        if let Some(file) = left_up(state, initial_state)? {
            say::tell("using the local cloud that was left up");
            update(&file, initial_state).await?;
            return Ok(Self::Detached(Box::new(file)));
        }
        if detach {
            let cloud_file = state.join("cloud.json");
            let detached = Detached { program, state, initial_state, cloud_file, port: None };
            return detached.start().await.map(|file| Self::Detached(Box::new(file)));
        }
        let start = CloudStart {
            program,
            arguments: &["local"],
            initial_state,
            state: state.to_owned(),
            within: MAX_START_TIME,
        };
        spawn(start).await.map(|running| Self::Child(Box::new(running))).map_err(|error| {
            let mut failed = StepError::new("cannot start the local cloud");
            failed.failure.chain.extend(chain_of(&error));
            failed
        })
    }

    /// The addresses and credentials of the cloud.
    pub fn file(&self) -> &CloudFile {
        match self {
            Self::Child(running) => &running.cloud,
            Self::Detached(file) => file,
        }
    }

    /// Whether it stays up when this process ends.
    pub fn stays_up(&self) -> bool {
        match self {
            Self::Child(_) => false,
            Self::Detached(_) => true,
        }
    }

    /// Shows how to reach the cloud, and waits for Ctrl-C.
    pub async fn keep(&mut self) {
        say::tell(&how_to_reach(self.file()));
        say::tell(&how_to_look(self.file()));
        say::tell("kept up until Ctrl-C");
        if let Ok(mut signals) = crate::run::signals::Signals::listen() {
            signals.next().await;
        }
    }

    /// Stops the cloud; of one that outlives this process, says how to stop it.
    pub async fn end(self) {
        match self {
            Self::Child(running) => drop(running.stop().await),
            Self::Detached(file) => {
                say::tell(&how_to_reach(&file));
                say::tell(&how_to_look(&file));
                let cloud = file.state.join("cloud.json");
                say::tell(&format!("left up; `shipway local stop {}` ends it", cloud.display()));
            }
        }
    }
}

/// Addresses for other programs, as lines for people: first those of the apps, which
/// any browser can open.
pub fn how_to_reach(file: &CloudFile) -> String {
    let apps: Vec<(String, String)> =
        published(file).into_iter().map(|(name, local)| (public_url(&name), local)).collect();
    let mut lines: Vec<String> = apps.iter().map(|(url, local)| app_line(url, local)).collect();
    lines.extend(apps.first().map(|(url, _)| curl_line(file, url)));
    lines.push(how_to_reach_services(file));
    lines.join("\n")
}

/// The addresses of the cloud itself.
pub fn how_to_reach_services(file: &CloudFile) -> String {
    format!(
        "proxy     {}\nauthority {}\nregistry  http://{} (images without the proxy)\nbrowser   {} \
         (public names without a password)",
        file.proxy.expose(),
        file.ca_file.display(),
        file.direct_registry,
        file.browser
    )
}

/// Where an app or a container group is reached on this machine.
pub fn app_line(url: &str, local: impl std::fmt::Display) -> String {
    format!("app       http://{local} is {url}")
}

/// How it is asked under its real name.
pub fn curl_line(file: &CloudFile, url: &str) -> String {
    let (proxy, authority) = (file.proxy.expose(), file.ca_file.display());
    format!("as in     curl --proxy '{proxy}' --cacert '{authority}' '{url}/'")
}

/// How the commands of Shipway look at the cloud of a dry run.
fn how_to_look(file: &CloudFile) -> String {
    let cloud = file.state.join("cloud.json");
    format!(
        "shown by  `shipway status --all --cloud {}`; other commands take `--cloud` too",
        cloud.display()
    )
}

/// Where a browser of this machine reaches a URL of the cloud.
pub fn reached(file: &CloudFile, url: &str) -> Option<String> {
    let found = published(file);
    found.iter().find_map(|(name, address)| reached_at(name, address, url))
}

/// The same for the cloud that a file describes.
pub fn reached_in(cloud_file: &Path, url: &str) -> Option<String> {
    reached(&CloudFile::read(cloud_file).ok()?, url)
}

/// The URL at the address where the name is published, if it is one of that name.
fn reached_at(name: &str, address: &str, url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if name == host {
        return Some(format!("http://{address}{path}"));
    }
    let is_tls = scheme == "https" && name.strip_suffix(":443") == Some(host);
    is_tls.then(|| format!("https://{address}{path}"))
}

/// The published ports of running container groups: host with port, and local address.
fn published(file: &CloudFile) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file.state.join("published.json")).unwrap_or_default();
    serde_json::from_str::<std::collections::BTreeMap<String, String>>(&text)
        .unwrap_or_default()
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::reached_at;

    #[test]
    fn browser_reaches_a_name_at_its_address() {
        let at = |name, url| reached_at(name, "127.0.0.1:4242", url);
        assert_eq!(at("a.io", "http://a.io").as_deref(), Some("http://127.0.0.1:4242"));
        assert_eq!(at("a.io", "https://a.io/x?y").as_deref(), Some("http://127.0.0.1:4242/x?y"));
        assert_eq!(at("a.io:8080", "http://a.io:8080/").as_deref(), Some("http://127.0.0.1:4242/"));
        assert_eq!(at("a.io:443", "https://a.io").as_deref(), Some("https://127.0.0.1:4242"));
        assert_eq!(at("a.io:8080", "http://a.io"), None);
        assert_eq!(at("b.io", "http://a.io"), None);
    }
}
