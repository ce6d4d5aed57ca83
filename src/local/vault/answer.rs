//! How secrets are shown (Key Vault data plane 7.4 and later, which share their JSON
//! shapes).

use super::secret::{DeletedSecret, StoredSecret};
use super::settings::VaultSettings;
use serde_json::{Value, json};

/// What the answers of one vault have in common.
pub struct Shown<'a> {
    pub host: &'a str,
    pub settings: VaultSettings,
}

impl Shown<'_> {
    /// A `SecretBundle`, or without the value a `SecretItem`.
    pub fn bundle(&self, name: &str, found: &StoredSecret, value: bool) -> Value {
        let mut attributes = json!({
            "enabled": found.enabled, "created": found.created, "updated": found.updated,
            "recoveryLevel": self.settings.recovery_level(),
            "recoverableDays": self.settings.retention_days,
        });
        for (name, time) in [("nbf", found.not_before), ("exp", found.expires)] {
            if let Some(time) = time {
                attributes[name] = json!(time);
            }
        }
        let mut bundle = json!({
            "id": format!("https://{}/secrets/{name}/{}", self.host, found.version),
            "attributes": attributes,
        });
        if value {
            bundle["value"] = json!(found.value.expose());
        }
        if let Some(kind) = &found.content_type {
            bundle["contentType"] = json!(kind);
        }
        if !found.tags.is_empty() {
            bundle["tags"] = json!(found.tags);
        }
        bundle
    }

    /// A `SecretItem` of the newest version, whose id names no version.
    pub fn item(&self, name: &str, found: &StoredSecret) -> Value {
        let mut item = self.bundle(name, found, false);
        item["id"] = json!(format!("https://{}/secrets/{name}", self.host));
        item
    }

    /// A `DeletedSecretBundle`.
    pub fn deleted(&self, name: &str, found: &DeletedSecret) -> Value {
        let newest = found.versions.last();
        self.with_deletion(name, found, newest.map(|newest| self.bundle(name, newest, false)))
    }

    /// A `DeletedSecretItem`.
    pub fn deleted_item(&self, name: &str, found: &DeletedSecret) -> Value {
        let newest = found.versions.last();
        self.with_deletion(name, found, newest.map(|newest| self.item(name, newest)))
    }

    fn with_deletion(&self, name: &str, found: &DeletedSecret, item: Option<Value>) -> Value {
        let mut item = item.unwrap_or_else(|| json!({}));
        item["recoveryId"] = json!(format!("https://{}/deletedsecrets/{name}", self.host));
        item["deletedDate"] = json!(found.deleted);
        item["scheduledPurgeDate"] = json!(self.settings.purge_time(found.deleted));
        item
    }
}
