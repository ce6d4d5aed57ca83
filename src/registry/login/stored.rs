//! The logins that docker and podman store: which files and variables hold them, and in
//! which order they apply. `login_file` reads the content of one.

use super::credentials::Credentials;
use super::error::LoginError;
use super::helper::{self, HelperOutcome};
use super::login_file::LoginFile;
use crate::secret::{Redactor, Secret};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where to find stored logins.
#[derive(Clone, Debug, Default)]
pub struct StoredLogins {
    pub home: Option<PathBuf>,
    /// The environment, which names the files and in which credential helpers run.
    pub env: BTreeMap<String, String>,
    /// The id of the user, whose logins podman stores under `/run` where
    /// `XDG_RUNTIME_DIR` is not set.
    pub user: Option<u32>,
}

/// Holds the text of docker's `config.json`; read by docker's command line and others.
const VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// One source of logins.
#[derive(Clone, Debug, Eq, PartialEq)]
enum LoginSource {
    Variable,
    File(PathBuf),
}

impl LoginSource {
    /// The name of the source, for messages.
    fn name(&self) -> String {
        match self {
            Self::Variable => format!("env.{VARIABLE}"),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn failed(&self, source: io::Error) -> LoginError {
        match self {
            Self::Variable => LoginError::Variable { name: VARIABLE, source },
            Self::File(path) => LoginError::File { path: path.clone(), source },
        }
    }
}

/// A stored login that another program can use.
#[derive(Debug)]
pub struct StoredUser {
    pub username: String,
    pub password: Secret,
}

/// Whether a login is stored, and of which kind.
#[derive(Debug)]
pub enum StoredLogin {
    User(StoredUser),
    /// A token, which serves only the program that it was issued to.
    Token,
    Nothing,
}

impl StoredLogins {
    /// The logins of this process's user.
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        Self {
            home: environment.get("HOME").map(PathBuf::from),
            env: environment.clone(),
            user: Some(nix::unistd::getuid().as_raw()),
        }
    }

    /// Whether there is a login to `host` for `repository`, or a helper that may
    /// have one. Starts no helper, and reads no password.
    pub fn may_have(&self, host: &str, repository: &str) -> Result<bool, LoginError> {
        for place in self.places() {
            let failed = |source| place.failed(source);
            let Some(text) = self.text(&place).map_err(failed)? else { continue };
            let Some(document) = LoginFile::parse(&text).map_err(failed)? else { continue };
            if document.helper(host).map_err(failed)?.is_some()
                || document.entry(host, repository).map_err(failed)?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The stored login to `host` for `repository`.
    pub async fn login(
        &self,
        host: &str,
        repository: &str,
        redactor: &Redactor,
    ) -> Result<StoredLogin, LoginError> {
        Ok(match self.find(host, repository, redactor).await? {
            Credentials::Password { user: username, password } => {
                StoredLogin::User(StoredUser { username, password })
            }
            Credentials::Nothing { .. } => StoredLogin::Nothing,
            Credentials::Identity(_) | Credentials::Bearer(_) | Credentials::Entra(_) => {
                StoredLogin::Token
            }
        })
    }

    /// The sources, of which the first that has a login is used.
    fn places(&self) -> Vec<LoginSource> {
        let variable = self.env.contains_key(VARIABLE).then_some(LoginSource::Variable);
        variable.into_iter().chain(self.files().into_iter().map(LoginSource::File)).collect()
    }

    /// The text of a source, if it exists.
    fn text(&self, place: &LoginSource) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        match place {
            LoginSource::Variable => {
                Ok(self.env.get(VARIABLE).map(|text| Zeroizing::new(text.clone().into_bytes())))
            }
            LoginSource::File(path) => read(path),
        }
    }

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

    /// Finds the login to `host` for `repository`.
    pub async fn find(
        &self,
        host: &str,
        repository: &str,
        redactor: &Redactor,
    ) -> Result<Credentials, LoginError> {
        let mut note = None;
        for place in self.places() {
            let failed = |source| place.failed(source);
            let Some(text) = self.text(&place).map_err(failed)? else { continue };
            let Some(document) = LoginFile::parse(&text).map_err(failed)? else { continue };
            let from = place.name();
            if let Some(name) = document.helper(host).map_err(failed)? {
                match helper::ask(&name, &server(host), &self.env).await? {
                    HelperOutcome::Found(answer) => {
                        let from = format!("docker-credential-{name}");
                        return Ok(from_helper(answer, &from, redactor));
                    }
                    HelperOutcome::Nothing => {}
                    HelperOutcome::NoProgram => {
                        note = Some(format!(
                            "`{from}` names the helper `docker-credential-{name}`, which is not installed"
                        ));
                    }
                }
            }
            if let Some(found) = document.entry(host, repository).map_err(failed)? {
                return found.credentials(&from, redactor).map_err(failed);
            }
        }
        Ok(Credentials::Nothing { note })
    }
}

/// Reads a file, if it exists.
fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let text = match std::fs::metadata(path) {
        Ok(kind) if kind.is_file() => std::fs::read(path),
        // The usual way to say that there are no logins.
        Ok(_) if path == Path::new("/dev/null") => return Ok(None),
        // Opening a FIFO would block until another process writes to it.
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
        Err(error) => Err(error),
    };
    match text {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        // This user has never signed in.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // podman run as root makes `/run/containers` a folder that no other user can
        // enter, so an ordinary user has no login there.
        Err(error)
            if error.kind() == io::ErrorKind::PermissionDenied
                && path.starts_with("/run/containers") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The name under which docker asks a helper for a registry.
fn server(host: &str) -> String {
    if host == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { host.to_owned() }
}

pub(super) fn from_helper(
    answer: helper::HelperOutput,
    from: &str,
    redactor: &Redactor,
) -> Credentials {
    let secret = redactor.adopt(from, answer.secret.text().unwrap_or_default().to_owned());
    if answer.username == "<token>" {
        Credentials::Identity(secret)
    } else {
        Credentials::Password { user: answer.username, password: secret }
    }
}

#[cfg(test)]
mod tests {
    use super::StoredLogins;

    fn places(user: Option<u32>, env: &[(&str, &str)]) -> Vec<String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let stored = StoredLogins { home: Some("/home/me".into()), env: env.collect(), user };
        stored.places().iter().map(super::LoginSource::name).collect()
    }

    #[test]
    fn where_logins_are_kept() {
        let docker = "/home/me/.docker/config.json";
        let config = "/home/me/.config/containers/auth.json";

        assert_eq!(places(None, &[]), [docker, config]);
        assert_eq!(places(Some(0), &[]), [docker, "/run/containers/0/auth.json", config]);
        let unset = [("XDG_RUNTIME_DIR", "")];
        assert_eq!(places(Some(1000), &unset), [docker, "/run/containers/1000/auth.json", config]);
        let all = [
            ("REGISTRY_AUTH_FILE", "/mine.json"),
            ("DOCKER_AUTH_CONFIG", "{}"),
            ("DOCKER_CONFIG", "/docker"),
            ("XDG_RUNTIME_DIR", "/run/user/0"),
            ("XDG_CONFIG_HOME", "/etc/me"),
        ];
        assert_eq!(
            places(Some(0), &all),
            [
                "env.DOCKER_AUTH_CONFIG",
                "/mine.json",
                "/docker/config.json",
                "/run/user/0/containers/auth.json",
                "/etc/me/containers/auth.json",
            ]
        );
    }
}
