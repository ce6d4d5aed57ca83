//! The ids and credentials of one local cloud: random, and kept in its state
//! folder.

use super::files::{FileError, read_json, write_json};
use super::hidden::Hidden;
use super::initial_state::InitialState;
use crate::oci::Digest;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that clients know a cloud by, so that it must survive a restart.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    pub tenant_id: String,
    pub subscription_id: String,
    /// The only application that may sign in.
    pub client_id: String,
    pub client_secret: Hidden,
    /// The object id of the application's service principal.
    pub object_id: String,
    /// The token that the local GitHub API accepts.
    pub github_token: Hidden,
    pub proxy_password: Hidden,
    /// The HMAC key of access tokens.
    pub token_key: Hidden,
}

impl Identity {
    /// Reads the identity of a state folder. A new folder gets a random one, except
    /// for the ids and the token that `initial` names.
    pub fn open(state: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let path = state.join("identity.json");
        if let Some(identity) = read_json(&path)? {
            return Ok(identity);
        }
        let or_random = |given: &str| match given {
            "" => random_uuid(),
            given => given.to_owned(),
        };
        let token = initial.github.as_ref().map(|github| github.token.clone());
        let identity = Self {
            tenant_id: or_random(&initial.tenant_id),
            subscription_id: or_random(&initial.subscription_id),
            client_id: random_uuid(),
            client_secret: Hidden::new(random_hex(20)),
            object_id: random_uuid(),
            github_token: token
                .filter(|token| !token.is_empty())
                .unwrap_or_else(|| Hidden::new(format!("ghs_{}", random_hex(18)))),
            proxy_password: Hidden::new(random_hex(20)),
            token_key: Hidden::new(random_hex(32)),
        };
        write_json(&path, &identity)?;
        Ok(identity)
    }
}

/// The principal id and client id of an identity, derived from its resource id.
pub fn ids_of(name: &str) -> (String, String) {
    let uuid = |seed: &str| {
        let digest = Digest::of(format!("{seed}:{}", name.to_ascii_lowercase()).as_bytes());
        let hex = digest.hex();
        format!(
            "{}-{}-4{}-8{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..32]
        )
    };
    (uuid("principal"), uuid("client"))
}

/// Random bytes in hexadecimal.
///
/// # Panics
///
/// When the system has no random numbers.
pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).expect("the system has random numbers");
    hex::encode(random)
}

/// A random UUID, version 4 (RFC 9562, section 5.4).
///
/// # Panics
///
/// When the system has no random numbers.
pub fn random_uuid() -> String {
    let hex = random_hex(16);
    let variant = ["8", "9", "a", "b"][usize::from(hex.as_bytes()[16] & 3)];
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::{Identity, random_uuid};
    use crate::local::initial_state::InitialState;

    #[test]
    fn a_restart_keeps_the_identity() {
        let state = tempfile::tempdir().expect("a folder");
        let initial = InitialState { subscription_id: "sub".into(), ..InitialState::default() };

        let first = Identity::open(state.path(), &initial).expect("made");
        let second = Identity::open(state.path(), &InitialState::default()).expect("read");

        assert_eq!(first.subscription_id, "sub");
        assert_eq!(second.subscription_id, "sub");
        assert_eq!(first.client_secret, second.client_secret);
        assert_eq!(first.tenant_id, second.tenant_id);
    }

    #[test]
    fn random_uuids_have_version_4() {
        let uuid = random_uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();

        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
