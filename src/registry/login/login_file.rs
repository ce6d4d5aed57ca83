//! A file of logins, as docker and podman write them.
//!
//! The format is docker's `config.json`; podman's `auth.json` is the same with keys for
//! single repositories (containers-auth.json(5)). As in Go's decoder, `null` is read as
//! an empty value. The entry of a host is parsed only when that host is asked
//! for, so that mistakes in other entries do not matter.

use super::credentials::{Credentials, Hidden};
use crate::oci::registry_host;
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io;
use zeroize::Zeroizing;

/// The entry of each host, as text of the file: it may hold passwords and is not copied.
type ByHost<'a> = Option<BTreeMap<String, &'a RawValue>>;

/// The content of a file of logins.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoginFile<'a> {
    #[serde(borrow)]
    auths: ByHost<'a>,
    #[serde(borrow)]
    cred_helpers: ByHost<'a>,
    creds_store: Option<String>,
}

/// The entry of one host.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct LoginEntry {
    auth: Hidden,
    username: Option<String>,
    password: Hidden,
    identitytoken: Hidden,
    registrytoken: Hidden,
}

impl<'a> LoginFile<'a> {
    /// Parses the content. `None` if it is blank or `null`.
    pub fn parse(text: &'a [u8]) -> io::Result<Option<Self>> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        // The message of the error could quote a password, so only the line is shown.
        serde_json::from_slice(text).map_err(|error| {
            invalid_data(format!("it is not a login file (`config.json`), line {}", error.line()))
        })
    }

    /// The helper to ask for the login to a host.
    pub fn helper(&self, host: &str) -> io::Result<Option<String>> {
        // Of several keys for one host the first in sort order counts.
        let mut host_helper: Option<String> = None;
        for (key, text) in
            self.cred_helpers.iter().flatten().filter(|(key, _)| normalized_key(key) == host)
        {
            let broken = || invalid_data(format!("`credHelpers.{key}` is not a string"));
            let read: Option<String> = serde_json::from_str(text.get()).ok().ok_or_else(broken)?;
            // An empty name or `null` means that this host uses no helper, not even the
            // one of `credsStore`.
            host_helper = host_helper.or(Some(read.unwrap_or_default()));
        }
        Ok(host_helper.or_else(|| self.creds_store.clone()).filter(|name| !name.is_empty()))
    }

    /// The most specific entry: `host/team/web`, then `host/team`, then `host`.
    pub fn entry(&self, host: &str, repository: &str) -> io::Result<Option<LoginEntry>> {
        let full = format!("{host}/{repository}");
        let mut name = full.as_str();
        loop {
            for (key, text) in
                self.auths.iter().flatten().filter(|(key, _)| normalized_key(key) == name)
            {
                // The text is not quoted, because it may be a password.
                let broken = || invalid_data(format!("`auths.{key}` is not a login entry"));
                let read: Option<LoginEntry> =
                    serde_json::from_str(text.get()).ok().ok_or_else(broken)?;
                if let Some(entry) = read.filter(|entry| !entry.is_empty()) {
                    return Ok(Some(entry));
                }
            }
            match name.rfind('/') {
                Some(end) => name = &name[..end],
                None => return Ok(None),
            }
        }
    }
}

fn invalid_data(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Normalises a key to a host as references have it, with a repository if it names one.
fn normalized_key(key: &str) -> String {
    // Docker's older keys are URLs, such as `https://index.docker.io/v1/`.
    let key = key.trim_start_matches("https://").trim_start_matches("http://");
    let key = key.trim_end_matches('/');
    let (host, repository) = key.split_once('/').unwrap_or((key, ""));
    let host = registry_host(host);
    match repository {
        "" | "v1" | "v2" => host,
        repository => format!("{host}/{repository}"),
    }
}

impl LoginEntry {
    fn is_empty(&self) -> bool {
        [&self.auth, &self.password, &self.identitytoken, &self.registrytoken]
            .iter()
            .all(|hidden| hidden.text().is_none())
    }

    /// The credentials. `from` is shown as the source of the secrets, such as the path
    /// of the file.
    pub fn credentials(&self, from: &str, redactor: &Redactor) -> io::Result<Credentials> {
        // In docker's order of precedence.
        let adopt = |text: &str| redactor.adopt(from, text.to_owned());
        if let Some(token) = self.registrytoken.text() {
            return Ok(Credentials::Bearer(adopt(token)));
        }
        if let Some(token) = self.identitytoken.text() {
            return Ok(Credentials::Identity(adopt(token)));
        }
        if let Some(auth) = self.auth.text() {
            let (user, password) = decode_auth(auth)?;
            return Ok(Credentials::Password { user, password: adopt(&password) });
        }
        let user = self.username.clone().unwrap_or_default();
        let password = adopt(self.password.text().unwrap_or_default());
        Ok(Credentials::Password { user, password })
    }
}

/// Splits the base64 of `user:password`.
fn decode_auth(auth: &str) -> io::Result<(String, Zeroizing<String>)> {
    // The causes are dropped because they quote the text.
    let broken = || invalid_data("an `auth` is not base64 of `user:password`");
    let bytes = Zeroizing::new(STANDARD.decode(auth.trim()).ok().ok_or_else(broken)?);
    let text = std::str::from_utf8(&bytes).ok().ok_or_else(broken)?;
    let (user, password) = text.split_once(':').ok_or_else(broken)?;
    // Old versions of docker padded the password with NUL.
    Ok((user.to_owned(), Zeroizing::new(password.trim_end_matches('\0').to_owned())))
}

#[cfg(test)]
mod tests {
    use super::LoginFile;
    use crate::registry::login::credentials::Credentials;
    use crate::secret::Redactor;

    /// `ci:right`.
    const AUTH: &str = r#""auth": "Y2k6cmlnaHQ=""#;

    /// The helper and the user found for `a.io/web`.
    fn found(text: &str) -> Result<(Option<String>, Option<String>), String> {
        let words = |error: std::io::Error| error.to_string();
        let Some(document) = LoginFile::parse(text.as_bytes()).map_err(words)? else {
            return Ok((None, None));
        };
        let helper = document.helper("a.io").map_err(words)?;
        let entry = document.entry("a.io", "web").map_err(words)?;
        let login = entry.map(|entry| entry.credentials("x", &Redactor::default()));
        let user = match login.transpose().map_err(words)? {
            Some(Credentials::Password { user, .. }) => Some(user),
            Some(_) => panic!("a password"),
            None => None,
        };
        Ok((helper, user))
    }

    #[test]
    fn null_is_an_empty_value_everywhere() {
        let nothing = Ok((None, None));
        for text in [
            "",
            "null",
            r#"{ "auths": null, "credHelpers": null, "credsStore": null }"#,
            r#"{ "auths": { "a.io": null }, "credHelpers": { "a.io": null } }"#,
            r#"{ "auths": { "a.io": { "auth": null, "password": null } } }"#,
        ] {
            assert_eq!(found(text), nothing, "{text}");
        }
        let user = Ok((None, Some("ci".to_owned())));
        let text = format!(r#"{{ "auths": {{ "a.io": {{ {AUTH}, "username": null }} }} }}"#);
        assert_eq!(found(&text), user);
        let keychain = Ok((Some("keychain".to_owned()), None));
        let text = r#"{ "credHelpers": { "b.io": null }, "credsStore": "keychain" }"#;
        assert_eq!(found(text), keychain);
        for helper in ["null", r#""""#] {
            let named =
                format!(r#"{{ "credHelpers": {{ "a.io": {helper} }}, "credsStore": "keychain" }}"#);
            assert_eq!(found(&named), nothing, "its own entry turns `credsStore` off");
        }
    }

    #[test]
    fn only_mistakes_in_entries_of_the_host_are_reported() {
        let text = format!(
            r#"{{ "auths": {{ "b.io": [1], "b.io/web": "x", "a.io/other": 5, "a.io": {{ {AUTH} }} }},
                 "credHelpers": {{ "b.io": {{}} }} }}"#
        );
        assert_eq!(found(&text), Ok((None, Some("ci".to_owned()))));

        for (text, said) in [
            (r#"{ "auths": { "a.io": "x" } }"#, "`auths.a.io` is not a login entry"),
            (
                r#"{ "auths": { "https://a.io/v2/": { "auth": 5 } } }"#,
                "`auths.https://a.io/v2/` is not a login entry",
            ),
            (r#"{ "credHelpers": { "a.io": 5 } }"#, "`credHelpers.a.io` is not a string"),
            ("{ \"auths\":\n [] }", "it is not a login file (`config.json`), line 2"),
        ] {
            assert_eq!(found(text), Err(said.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_version_of_the_api_is_cut_only_after_the_host() {
        for key in ["https://A.io/v1/", "a.io/v2", "a.io/web", "http://a.io"] {
            let text = format!(r#"{{ "auths": {{ "{key}": {{ {AUTH} }} }} }}"#);
            assert_eq!(found(&text), Ok((None, Some("ci".to_owned()))), "{key}");
        }
        for key in ["a.io/web/v1", "a.io/v1/web", "b.io"] {
            let text = format!(r#"{{ "auths": {{ "{key}": {{ {AUTH} }} }} }}"#);
            assert_eq!(found(&text), Ok((None, None)), "{key}");
        }
    }
}
