//! Entry points for the fuzz targets: files of logins, and what credential helpers print.

use super::credentials::Credentials;
use super::helper::HelperOutput;
use super::login_file::LoginFile;
use super::not_a_token::not_a_token;
use super::stored::from_helper;
use crate::secret::Redactor;

/// What a file of logins has for a repository.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct FoundLogin {
    pub helper: Option<String>,
    pub user: Option<String>,
    pub secret: Option<String>,
    /// Why the file, or its entry, is refused.
    pub refused: Option<String>,
}

/// Looks up a repository in the content of a file of logins.
pub fn login(file: &[u8], host: &str, repository: &str) -> FoundLogin {
    look_up(file, host, repository).unwrap_or_else(|error| FoundLogin {
        refused: Some(error.to_string()),
        ..FoundLogin::default()
    })
}

fn look_up(file: &[u8], host: &str, repository: &str) -> std::io::Result<FoundLogin> {
    let Some(file) = LoginFile::parse(file)? else { return Ok(FoundLogin::default()) };
    let helper = file.helper(host)?;
    let entry = file.entry(host, repository)?;
    let found = entry.map(|entry| entry.credentials("a file", &Redactor::default())).transpose()?;
    Ok(FoundLogin { helper, ..found.map(shown).unwrap_or_default() })
}

/// What the output of a credential helper holds.
pub fn helper_output(bytes: &[u8]) -> Option<FoundLogin> {
    let output: HelperOutput = serde_json::from_slice(bytes).ok()?;
    Some(shown(from_helper(output, "a helper", &Redactor::default())))
}

/// What is said of a response that should have held a token.
pub fn no_token(content_type: &str, body: &[u8]) -> String {
    not_a_token(Some(content_type), body)
}

fn shown(credentials: Credentials) -> FoundLogin {
    let (user, secret) = match credentials {
        Credentials::Password { user, password } => (Some(user), Some(password)),
        Credentials::Identity(secret) | Credentials::Bearer(secret) => (None, Some(secret)),
        Credentials::Nothing { .. } | Credentials::Entra(_) => (None, None),
    };
    let secret = secret.map(|secret| secret.expose().to_owned());
    FoundLogin { user, secret, ..FoundLogin::default() }
}
