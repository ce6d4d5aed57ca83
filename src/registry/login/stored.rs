//! The logins that docker and podman keep in files.
//!
//! The format is docker's `config.json`; podman's `auth.json` is the same with
//! keys for single repositories (containers-auth.json(5)).

use super::error::LoginError;
use super::helper::{self, Asked};
use super::{Credentials, Hidden};
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where stored logins are to be found.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// The environment: it says where the files are, and credential helpers run
    /// in it.
    pub env: BTreeMap<String, String>,
    /// The number of the user, whose logins podman keeps under `/run` where
    /// there is no `XDG_RUNTIME_DIR`.
    pub user: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Hidden,
    username: String,
    password: Hidden,
    identitytoken: Hidden,
    registrytoken: Hidden,
}

impl Stored {
    /// The files, the first that has a login wins.
    fn files(&self) -> Vec<PathBuf> {
        let set = |name: &str| self.env.get(name).filter(|value| !value.is_empty()).map(Path::new);
        let home = |below: &str| self.home.as_ref().map(|home| home.join(below));
        let podman = Path::new("containers/auth.json");
        [
            set("REGISTRY_AUTH_FILE").map(Path::to_owned),
            set("DOCKER_CONFIG")
                .map(|folder| folder.join("config.json"))
                .or_else(|| home(".docker/config.json")),
            // As containers/image does, which podman, buildah and skopeo are made from.
            set("XDG_RUNTIME_DIR").map(|folder| folder.join(podman)).or_else(|| {
                self.user.map(|user| PathBuf::from(format!("/run/containers/{user}/auth.json")))
            }),
            set("XDG_CONFIG_HOME")
                .map(|folder| folder.join(podman))
                .or_else(|| home(".config/containers/auth.json")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The login to `host` for `repository`.
    pub(super) async fn find(
        &self,
        host: &str,
        repository: &str,
        redactor: &Redactor,
    ) -> Result<Credentials, LoginError> {
        let mut note = None;
        for path in self.files() {
            let Some(file) = read(&path)? else { continue };
            let from = path.display().to_string();
            if let Some(name) = file.helper(host) {
                match helper::ask(name, &server(host), &self.env).await? {
                    Asked::Found(answer) => {
                        let from = format!("docker-credential-{name}");
                        return Ok(from_helper(answer, &from, redactor));
                    }
                    Asked::Nothing => {}
                    Asked::NoProgram => {
                        note = Some(format!(
                            "`{from}` names the helper `docker-credential-{name}`, which is not installed"
                        ));
                    }
                }
            }
            if let Some(found) = file.entry(host, repository) {
                let found = found.credentials(&from, redactor);
                return found.map_err(|source| LoginError::File { path, source });
            }
        }
        Ok(Credentials::Nothing { note })
    }
}

fn read(path: &Path) -> Result<Option<File>, LoginError> {
    let failed = |source| LoginError::File { path: path.to_owned(), source };
    let text = match std::fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        // Nobody has signed in, or not this user.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    // The text of the error names a position only, never a value.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        let place = format!("it is not the JSON of logins, line {}", error.line());
        failed(io::Error::new(io::ErrorKind::InvalidData, place))
    })
}

/// How docker spells a registry when it asks a helper.
fn server(host: &str) -> String {
    if host == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { host.to_owned() }
}

/// A key of a file as a host, with a repository where it names one.
fn normal(key: &str) -> &str {
    let key = key.trim_start_matches("https://").trim_start_matches("http://");
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    match key {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}

impl File {
    fn helper(&self, host: &str) -> Option<&str> {
        self.cred_helpers
            .iter()
            .find(|(key, _)| normal(key) == host)
            .map(|(_, name)| name.as_str())
            .or(self.creds_store.as_deref())
            .filter(|name| !name.is_empty())
    }

    /// The most specific entry: `host/team/web`, then `host/team`, then `host`.
    fn entry(&self, host: &str, repository: &str) -> Option<&Entry> {
        let full = format!("{host}/{repository}");
        let mut name = full.as_str();
        loop {
            let found =
                self.auths.iter().find(|(key, entry)| normal(key) == name && !entry.is_empty());
            if let Some((_, entry)) = found {
                return Some(entry);
            }
            name = &name[..name.rfind('/')?];
        }
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        [&self.auth, &self.password, &self.identitytoken, &self.registrytoken]
            .iter()
            .all(|hidden| hidden.text().is_none())
    }

    fn credentials(&self, from: &str, redactor: &Redactor) -> io::Result<Credentials> {
        let adopt = |text: &str| redactor.adopt(from, text.to_owned());
        if let Some(token) = self.registrytoken.text() {
            return Ok(Credentials::Bearer(adopt(token)));
        }
        if let Some(token) = self.identitytoken.text() {
            return Ok(Credentials::Identity(adopt(token)));
        }
        if let Some(auth) = self.auth.text() {
            let (user, password) = decode(auth)?;
            return Ok(Credentials::Password { user, password: adopt(&password) });
        }
        let (user, password) = (self.username.clone(), self.password.text().unwrap_or_default());
        Ok(Credentials::Password { user, password: adopt(password) })
    }
}

fn decode(auth: &str) -> io::Result<(String, Zeroizing<String>)> {
    // The causes are dropped on purpose: they quote what they do not understand.
    let broken = || {
        let reason = "an `auth` is not base64 of `user:password`";
        io::Error::new(io::ErrorKind::InvalidData, reason)
    };
    let bytes = Zeroizing::new(STANDARD.decode(auth.trim()).ok().ok_or_else(broken)?);
    let text = std::str::from_utf8(&bytes).ok().ok_or_else(broken)?;
    let (user, password) = text.split_once(':').ok_or_else(broken)?;
    // Old versions of docker padded with NUL.
    Ok((user.to_owned(), Zeroizing::new(password.trim_end_matches('\0').to_owned())))
}

fn from_helper(answer: helper::Answer, from: &str, redactor: &Redactor) -> Credentials {
    let secret = redactor.adopt(from, answer.secret.text().unwrap_or_default().to_owned());
    if answer.username == "<token>" {
        Credentials::Identity(secret)
    } else {
        Credentials::Password { user: answer.username, password: secret }
    }
}

#[cfg(test)]
mod tests {
    use super::Stored;

    fn files(user: Option<u32>, env: &[(&str, &str)]) -> Vec<String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let stored = Stored { home: Some("/home/me".into()), env: env.collect(), user };
        stored.files().iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn where_logins_are_kept() {
        let docker = "/home/me/.docker/config.json";
        let config = "/home/me/.config/containers/auth.json";

        assert_eq!(files(None, &[]), [docker, config]);
        assert_eq!(files(Some(0), &[]), [docker, "/run/containers/0/auth.json", config]);
        let unset = [("XDG_RUNTIME_DIR", "")];
        assert_eq!(files(Some(1000), &unset), [docker, "/run/containers/1000/auth.json", config]);
        let all = [
            ("REGISTRY_AUTH_FILE", "/mine.json"),
            ("DOCKER_CONFIG", "/docker"),
            ("XDG_RUNTIME_DIR", "/run/user/0"),
            ("XDG_CONFIG_HOME", "/etc/me"),
        ];
        assert_eq!(
            files(Some(0), &all),
            [
                "/mine.json",
                "/docker/config.json",
                "/run/user/0/containers/auth.json",
                "/etc/me/containers/auth.json",
            ]
        );
    }
}
