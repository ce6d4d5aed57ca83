//! The variables of a local cloud in a shell that still has them when it has ended.

use super::terminate::{LOCK, is_up};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file of the certificate in the state folder of a cloud.
pub const CERTIFICATE: &str = "ca.pem";

/// What a shell has of a cloud that it is not to go on with. The token of GitHub may be the
/// user's own.
const VARIABLES: [&str; 14] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_SUBSCRIPTION_ID",
];

/// A local cloud that has ended, whose variables an environment has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndedCloud {
    /// Its state folder.
    pub state: PathBuf,
    /// The command that removes the variables from a shell.
    pub unset: String,
}

impl EndedCloud {
    /// The cloud whose certificate the environment names, unless that is up.
    pub fn of(environment: &BTreeMap<String, String>) -> Option<Self> {
        let certificate = Path::new(environment.get("SSL_CERT_FILE")?);
        let state = certificate.parent()?;
        let is_named = certificate.file_name().is_some_and(|name| name == CERTIFICATE);
        let is_state = state.join(LOCK).is_file()
            || state.parent().is_some_and(|parent| parent.ends_with(".shipway/local"));
        if !is_named || !is_state || is_up(state) {
            return None;
        }
        let set = VARIABLES.iter().filter(|name| environment.contains_key(**name));
        let set: Vec<&str> = set.copied().collect();
        Some(Self { state: state.to_owned(), unset: format!("unset {}", set.join(" ")) })
    }
}

#[cfg(test)]
mod tests {
    use super::EndedCloud;
    use std::collections::BTreeMap;

    fn of(certificate: &str) -> Option<EndedCloud> {
        let environment = [("HTTPS_PROXY", "http://x"), ("SSL_CERT_FILE", certificate)];
        let environment: BTreeMap<String, String> =
            environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        EndedCloud::of(&environment)
    }

    #[test]
    fn cloud_that_has_ended_is_known_by_its_certificate() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(of(&path("ca.pem")), None, "a certificate of the user's own");
        std::fs::write(path("lock"), "").expect("written");
        let found = of(&path("ca.pem")).expect("a cloud");
        assert_eq!(found.state, folder.path());
        assert_eq!(found.unset, "unset HTTPS_PROXY SSL_CERT_FILE");
        assert_eq!(of(&path("other.pem")), None);
        // Its folder may be gone.
        assert!(of("/nowhere/.shipway/local/default/ca.pem").is_some());
        assert_eq!(of("/nowhere/ca.pem"), None);
    }
}
