//! What container groups and apps have in common: variables, identities and terminals.

use crate::azure::registries::{PullLogin, RegistryLogin};
use crate::secret::Secret;
use serde_json::{Map, Value, json};

/// The name of the tag that holds a fingerprint of what was put.
pub const FINGERPRINT_TAG: &str = "shipway-body";

/// The remedy where the last lines of its log are shown with the error.
pub const LAST_LINES_REMEDY: &str = "its last lines say why; `shipway logs` shows more";

/// The size of a terminal on which a program of a container runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TerminalSize {
    pub rows: u16,
    pub columns: u16,
}

/// The value of an environment variable, or the content of a file.
#[derive(Clone, Debug)]
pub enum EnvValue {
    /// Visible to everyone who may read the resource.
    Plain(String),
    /// Sent as a secure value, which Azure never returns.
    Secret(Secret),
}

impl EnvValue {
    /// The text, secret or not.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }

    /// The secret, if it is one.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Plain(_) => None,
            Self::Secret(secret) => Some(secret),
        }
    }
}

/// The managed identities of a resource.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// Whether it has one of its own.
    pub system: bool,
    /// Resource ids.
    pub user_assigned: Vec<String>,
}

/// The member `identity`: the plan's identities and those that Azure pulls with, which have to
/// be assigned to the resource. The case of ids does not matter, so that two spellings are
/// one. `None` where there is no identity.
pub fn identity_json(identities: &Identities, registries: &[RegistryLogin]) -> Option<Value> {
    let pull = registries.iter().filter_map(|registry| match &registry.login {
        PullLogin::Identity(id) => Some(id),
        PullLogin::User { .. } => None,
    });
    let mut user_assigned: Map<String, Value> = Map::new();
    for id in identities.user_assigned.iter().chain(pull) {
        if !user_assigned.keys().any(|known| known.eq_ignore_ascii_case(id)) {
            user_assigned.insert(id.clone(), json!({}));
        }
    }
    let kind = match (identities.system, user_assigned.is_empty()) {
        (false, true) => return None,
        (true, true) => return Some(json!({ "type": "SystemAssigned" })),
        (true, false) => "SystemAssigned, UserAssigned",
        (false, false) => "UserAssigned",
    };
    Some(json!({ "type": kind, "userAssignedIdentities": user_assigned }))
}
