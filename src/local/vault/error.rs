//! Refusals in Key Vault's JSON shape. Codes and messages are those of recordings of
//! Microsoft's SDKs, unless a comment says otherwise.

use crate::local::files::FileError;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;

#[derive(Debug)]
pub struct VaultError {
    status: u16,
    code: &'static str,
    message: String,
    inner: Option<&'static str>,
}

impl VaultError {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner: None }
    }

    fn with_inner(self, inner: &'static str) -> Self {
        Self { inner: Some(inner), ..self }
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", message)
    }

    pub fn missing(name: &str, version: Option<&str>) -> Self {
        let id = version.map_or_else(|| name.to_owned(), |version| format!("{name}/{version}"));
        let message = format!(
            "A secret with (name/id) {id} was not found in this key vault. If you recently deleted \
             this secret you may be able to recover it using the correct recovery command. For \
             help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
        );
        Self::new(404, "SecretNotFound", message)
    }

    pub fn not_deleted(name: &str) -> Self {
        Self::new(404, "SecretNotFound", format!("Deleted Secret not found: {name}"))
    }

    pub fn disabled() -> Self {
        let message = "Operation get is not allowed on a disabled secret.";
        Self::new(403, "Forbidden", message).with_inner("SecretDisabled")
    }

    pub fn deleted_but_recoverable(name: &str) -> Self {
        let message = format!(
            "Secret {name} is currently in a deleted but recoverable state, and its name cannot be \
             reused; in this state, the secret can only be recovered or purged."
        );
        Self::new(409, "Conflict", message).with_inner("ObjectIsDeletedButRecoverable")
    }

    pub fn purge_protected() -> Self {
        let message = "Operation \"purge\" is not allowed because purge protection is enabled for this vault.";
        // From documentation and reports: no recording has it.
        Self::new(403, "Forbidden", message).with_inner("ForbiddenByPolicy")
    }

    pub fn by_roles(message: String) -> Self {
        Self::new(403, "Forbidden", message).with_inner("ForbiddenByRbac")
    }

    pub fn by_policy(message: String) -> Self {
        Self::new(403, "Forbidden", message).with_inner("ForbiddenByPolicy")
    }

    pub fn answer(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(inner) = self.inner {
            error["innererror"] = json!({"code": inner});
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"error": error}))).into_response()
    }
}

impl From<FileError> for VaultError {
    fn from(error: FileError) -> Self {
        Self::new(500, "InternalServerError", error.to_string())
    }
}
