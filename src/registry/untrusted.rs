//! Entry points for the fuzz targets: everything that parses bytes of a registry.

use super::login::{challenge_parameters, token_length};
use super::manifest::ManifestContent;
use super::pull::next_target;
use super::wire::{Address, error_message};
use crate::oci::Digest;
use url::Url;

pub use super::login::untrusted as login;

/// Name and value of each parameter in `WWW-Authenticate`.
pub fn challenges(header: &str) -> Vec<(String, String)> {
    challenge_parameters(header)
}

/// The target of the next page in a `Link` header.
pub fn next_page(header: &str) -> Option<&str> {
    next_target(header)
}

/// The URL of a `Location`, if the registry may redirect there.
pub fn location(registry: &str, text: &str) -> Option<Url> {
    let address = Address::new(registry, false)?;
    address.locate(&address.url("web/blobs/uploads/"), text)
}

/// The digests that a manifest names, if it is of the declared media type.
pub fn manifest(declared: &str, bytes: &[u8]) -> Option<Vec<Digest>> {
    let (_, content) = ManifestContent::parse(declared, bytes).ok()?;
    let named = match content {
        ManifestContent::Image { config, layers } => layers.into_iter().chain([*config]).collect(),
        ManifestContent::Index(entries) => entries,
    };
    Some(named.into_iter().map(|entry| entry.digest).collect())
}

/// Whether the response of a token server has a token. The claims of the token are
/// parsed too.
pub fn token(bytes: &[u8]) -> bool {
    token_length(bytes).is_some()
}

/// The message in the body of an error.
pub fn error(body: &[u8]) -> String {
    error_message(body)
}
