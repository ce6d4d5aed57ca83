//! A secret as it is stored.

use crate::local::hidden::Hidden;
use crate::local::identity::random_hex;
use crate::local::initial_state::VaultSecret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One version of a secret. Times are Unix times in seconds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredSecret {
    /// 32 hexadecimal digits.
    pub version: String,
    pub value: Hidden,
    /// Whether clients may read it.
    pub enabled: bool,
    pub created: i64,
    pub updated: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// The service serves the secret after this time, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// The media type of the value, if the client gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl StoredSecret {
    /// A new, enabled version with a random id.
    pub fn new(value: Hidden) -> Self {
        let now = jiff::Timestamp::now().as_second();
        Self {
            version: random_hex(16),
            value,
            enabled: true,
            created: now,
            updated: now,
            not_before: None,
            expires: None,
            content_type: None,
            tags: BTreeMap::new(),
        }
    }

    /// The versions of a secret of the initial state.
    pub fn initial(secret: &VaultSecret) -> Vec<Self> {
        match secret {
            VaultSecret::Value(value) => vec![Self::new(value.clone())],
            VaultSecret::Versions(versions) => versions
                .iter()
                .map(|given| {
                    let mut found = Self::new(given.value.clone());
                    found.enabled = given.enabled;
                    found.expires = given.expires;
                    if !given.version.is_empty() {
                        found.version.clone_from(&given.version);
                    }
                    found
                })
                .collect(),
        }
    }
}

/// A secret that was deleted and can be recovered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeletedSecret {
    /// Newest last.
    pub versions: Vec<StoredSecret>,
    /// Unix time in seconds.
    pub deleted: i64,
}
