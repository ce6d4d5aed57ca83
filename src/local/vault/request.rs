//! The requests for the secrets of one vault.

use super::answer::Shown;
use super::error::VaultError;
use super::limits::{tags_mistake, value_mistake};
use super::secret::StoredSecret;
use super::store::Vaults;
use crate::local::hidden::Hidden;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub struct VaultRequest<'a> {
    pub vaults: &'a Vaults,
    pub host: &'a str,
}

/// The body of a PUT.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetSecretBody {
    value: Hidden,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<Attributes>,
}

/// The body of a PATCH.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSecretBody {
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<Attributes>,
}

/// The body of a restore, and the answer of a backup.
#[derive(Deserialize)]
pub struct BackupBody {
    value: String,
}

#[derive(Default, Deserialize)]
struct Attributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

impl Attributes {
    fn apply(&self, secret: &mut StoredSecret) {
        secret.enabled = self.enabled.unwrap_or(secret.enabled);
        secret.not_before = self.nbf.or(secret.not_before);
        secret.expires = self.exp.or(secret.expires);
    }
}

/// What a backup holds. The service encrypts it; here its form alone keeps it from being read
/// by accident.
#[derive(Deserialize, serde::Serialize)]
struct Backup {
    name: String,
    versions: Vec<StoredSecret>,
}

impl VaultRequest<'_> {
    pub fn shown(&self) -> Shown<'_> {
        Shown { host: self.host, settings: self.vaults.settings(self.host) }
    }

    pub fn get(&self, name: &str, version: Option<&str>) -> Result<Response, VaultError> {
        let found = self.vaults.get(self.host, name, version);
        let found = found.ok_or_else(|| VaultError::missing(name, version))?;
        if !found.enabled {
            return Err(VaultError::disabled());
        }
        Ok(Json(self.shown().bundle(name, &found, true)).into_response())
    }

    pub fn set(&self, name: &str, given: SetSecretBody) -> Result<Response, VaultError> {
        let tags = given.tags.as_ref().and_then(tags_mistake);
        if let Some(mistake) = value_mistake(given.value.expose()).or(tags) {
            return Err(VaultError::bad(mistake));
        }
        let mut found = StoredSecret::new(given.value);
        found.content_type = given.content_type;
        found.tags = given.tags.unwrap_or_default();
        given.attributes.unwrap_or_default().apply(&mut found);
        let answer = self.shown().bundle(name, &found, true);
        let key = name.to_ascii_lowercase();
        self.vaults.change_vault(self.host, |vault| {
            if vault.deleted_secrets.contains_key(&key) {
                return Err(VaultError::deleted_but_recoverable(name));
            }
            vault.secrets.entry(key).or_default().push(found);
            Ok(())
        })?;
        Ok(Json(answer).into_response())
    }

    /// Changes what a version, or the newest, has beside its value.
    pub fn update(
        &self,
        name: &str,
        version: Option<&str>,
        given: UpdateSecretBody,
    ) -> Result<Response, VaultError> {
        if let Some(mistake) = given.tags.as_ref().and_then(tags_mistake) {
            return Err(VaultError::bad(mistake));
        }
        let changed = self.vaults.change_vault(self.host, |vault| {
            let versions = vault.secrets.get_mut(&name.to_ascii_lowercase());
            let mut versions = versions.into_iter().flatten();
            let found = match version {
                None => versions.next_back(),
                Some(version) => versions.find(|one| one.version == version),
            };
            let found = found.ok_or_else(|| VaultError::missing(name, version))?;
            given.attributes.unwrap_or_default().apply(found);
            found.content_type = given.content_type.or_else(|| found.content_type.take());
            found.tags = given.tags.unwrap_or_else(|| std::mem::take(&mut found.tags));
            found.updated = jiff::Timestamp::now().as_second();
            Ok::<_, VaultError>(found.clone())
        })?;
        Ok(Json(self.shown().bundle(name, &changed, false)).into_response())
    }

    pub fn list(&self) -> Vec<Value> {
        let shown = self.shown();
        let newest =
            |name: &String| Some(shown.item(name, &self.vaults.get(self.host, name, None)?));
        let names = self.vaults.names(self.host);
        names.iter().filter_map(newest).collect()
    }

    pub fn versions(&self, name: &str) -> Result<Vec<Value>, VaultError> {
        let versions = self.vaults.versions(self.host, name);
        if versions.is_empty() {
            return Err(VaultError::missing(name, None));
        }
        let shown = self.shown();
        let bundles = versions.iter().map(|found| shown.bundle(name, found, false));
        Ok(bundles.collect())
    }

    pub fn backup(&self, name: &str) -> Result<Response, VaultError> {
        let versions = self.vaults.versions(self.host, name);
        if versions.is_empty() {
            return Err(VaultError::missing(name, None));
        }
        let backup = json!(Backup { name: name.to_owned(), versions }).to_string();
        Ok(Json(json!({"value": URL_SAFE_NO_PAD.encode(backup)})).into_response())
    }

    pub fn restore(&self, given: &BackupBody) -> Result<Response, VaultError> {
        let bytes = URL_SAFE_NO_PAD.decode(&given.value).ok();
        let backup: Option<Backup> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let backup = backup.filter(|backup| !backup.versions.is_empty());
        let Some(Backup { name, versions }) = backup else {
            // The service's words are not known.
            return Err(VaultError::bad(
                "The backup cannot be restored: it is not one of a vault.",
            ));
        };
        let newest = versions[versions.len() - 1].clone();
        self.vaults.change_vault(self.host, |vault| {
            if vault.deleted_secrets.contains_key(&name.to_ascii_lowercase()) {
                return Err(VaultError::deleted_but_recoverable(&name));
            }
            if vault.secrets.contains_key(&name.to_ascii_lowercase()) {
                let message = format!("A secret with the name {name} already exists.");
                return Err(VaultError::new(409, "Conflict", message));
            }
            vault.secrets.insert(name.to_ascii_lowercase(), versions);
            Ok(())
        })?;
        Ok(Json(self.shown().bundle(&name, &newest, false)).into_response())
    }
}
