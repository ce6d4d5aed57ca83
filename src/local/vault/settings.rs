//! What Resource Manager says of a vault, as far as requests for its secrets depend on it.

use serde::{Deserialize, Serialize};

/// How long Azure keeps what was deleted, unless the vault says otherwise.
pub const DEFAULT_RETENTION_DAYS: i64 = 90;

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultSettings {
    /// How many days what was deleted can be recovered: 7 to 90.
    pub retention_days: i64,
    /// Whether what was deleted cannot be purged before that.
    pub purge_protection: bool,
    /// Who may do what with the secrets. `None` where role assignments decide.
    pub policies: Option<Vec<AccessPolicy>>,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { retention_days: DEFAULT_RETENTION_DAYS, purge_protection: false, policies: None }
    }
}

/// What one principal may do with the secrets of a vault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessPolicy {
    pub object_id: String,
    /// In lower case: `get`, `list`, `set`, `delete`, `recover`, `purge`, `backup`, `restore`,
    /// or `all`.
    pub secrets: Vec<String>,
}

impl VaultSettings {
    /// As secrets show it (Key Vault data plane 7.4, `DeletionRecoveryLevel`).
    pub fn recovery_level(&self) -> &'static str {
        match (self.retention_days < DEFAULT_RETENTION_DAYS, self.purge_protection) {
            (true, false) => "CustomizedRecoverable+Purgeable",
            (true, true) => "CustomizedRecoverable",
            (false, false) => "Recoverable+Purgeable",
            (false, true) => "Recoverable",
        }
    }

    /// When something that is deleted at a time is purged. Both are Unix times.
    pub fn purge_time(&self, deleted: i64) -> i64 {
        deleted + self.retention_days * 86_400
    }

    /// Whether an access policy permits this.
    pub fn permit(&self, object_id: &str, permission: &str) -> bool {
        let permits = |policy: &AccessPolicy| {
            policy.object_id.eq_ignore_ascii_case(object_id)
                && policy.secrets.iter().any(|it| it == permission || it == "all")
        };
        self.policies.as_ref().is_some_and(|policies| policies.iter().any(permits))
    }
}
