//! Secrets that were deleted: shown, recovered, purged.

use super::error::VaultError;
use super::request::VaultRequest;
use super::secret::DeletedSecret;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;

impl VaultRequest<'_> {
    pub fn delete(&self, name: &str) -> Result<Response, VaultError> {
        let deleted = self.vaults.change_vault(self.host, |vault| {
            let key = name.to_ascii_lowercase();
            let versions = vault.secrets.remove(&key);
            let versions = versions.ok_or_else(|| VaultError::missing(name, None))?;
            let deleted = DeletedSecret { versions, deleted: jiff::Timestamp::now().as_second() };
            vault.deleted_secrets.insert(key, deleted.clone());
            Ok::<_, VaultError>(deleted)
        })?;
        Ok(Json(self.shown().deleted(name, &deleted)).into_response())
    }

    pub fn list_deleted(&self) -> Vec<Value> {
        let shown = self.shown();
        let all = self.vaults.deleted(self.host);
        all.iter().map(|(name, found)| shown.deleted_item(name, found)).collect()
    }

    pub fn get_deleted(&self, name: &str) -> Result<Response, VaultError> {
        let all = self.vaults.deleted(self.host);
        let found = all.get(&name.to_ascii_lowercase());
        let found = found.ok_or_else(|| VaultError::not_deleted(name))?;
        Ok(Json(self.shown().deleted(name, found)).into_response())
    }

    pub fn recover(&self, name: &str) -> Result<Response, VaultError> {
        let newest = self.vaults.change_vault(self.host, |vault| {
            let key = name.to_ascii_lowercase();
            let found = vault.deleted_secrets.remove(&key);
            let DeletedSecret { versions, .. } =
                found.ok_or_else(|| VaultError::not_deleted(name))?;
            let newest = versions.last().cloned();
            vault.secrets.insert(key, versions);
            newest.ok_or_else(|| VaultError::not_deleted(name))
        })?;
        Ok(Json(self.shown().bundle(name, &newest, false)).into_response())
    }

    pub fn purge(&self, name: &str) -> Result<Response, VaultError> {
        self.vaults.change_vault(self.host, |vault| {
            if vault.settings.purge_protection {
                return Err(VaultError::purge_protected());
            }
            let found = vault.deleted_secrets.remove(&name.to_ascii_lowercase());
            found.map(drop).ok_or_else(|| VaultError::not_deleted(name))
        })?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}
