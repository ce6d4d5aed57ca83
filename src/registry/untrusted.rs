//! Doors to what reads the words of a registry, for throwing bytes at it. Not
//! part of the interface: nobody else is to use them.

use super::login::{challenge_parameters, token_length};
use super::manifest::ManifestContent;
use super::pull::next_target;
use super::wire::{Address, error_words};
use crate::oci::Digest;
use url::Url;

/// Name and value of each parameter in `WWW-Authenticate`.
pub fn challenges(header: &str) -> Vec<(String, String)> {
    challenge_parameters(header)
}

/// Where a `Link` says that a list goes on.
pub fn next_page(header: &str) -> Option<&str> {
    next_target(header)
}

/// Where a `Location` of a registry leads, if one may go there.
pub fn location(registry: &str, text: &str) -> Option<Url> {
    let address = Address::new(registry, false)?;
    address.locate(&address.url("web/blobs/uploads/"), text)
}

/// The digests that a manifest names, if it is one of the kind that it is said
/// to be.
pub fn manifest(said: &str, bytes: &[u8]) -> Option<Vec<Digest>> {
    let (_, manifest) = ManifestContent::parse(said, bytes).ok()?;
    let named = match manifest {
        ManifestContent::Image { config, layers } => layers.into_iter().chain([*config]).collect(),
        ManifestContent::Index(entries) => entries,
    };
    Some(named.into_iter().map(|entry| entry.digest).collect())
}

/// Whether a token server's answer has a token; what the token says of itself
/// is read too.
pub fn token(bytes: &[u8]) -> bool {
    token_length(bytes).is_some()
}

/// An error of a registry, in words for people.
pub fn error(body: &[u8]) -> String {
    error_words(body)
}
