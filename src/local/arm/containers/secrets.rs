//! Secrets that a body refers to instead of holding them: in Key Vault, by the
//! name of an entry of `secretReferences` (api-version 2025-09-01).

use super::super::handle::Arm;
use super::super::response::ArmError;
use super::validate::array;
use serde_json::Value;

/// The value of an entry, which its vault must have.
pub(super) fn referenced(arm: &Arm, body: &Value, name: &str) -> Result<String, ArmError> {
    let failed = |reason: &str| {
        let message = format!("The secret reference '{name}' cannot be read: {reason}.");
        ArmError::bad("InvalidSecretReference", message)
    };
    let all = array(&body["properties"]["secretReferences"]);
    let entry = all
        .iter()
        .find(|entry| entry["name"] == name)
        .ok_or_else(|| failed("it is not defined"))?;
    let uri = entry["secretReferenceUri"].as_str().unwrap_or_default();
    let url = url::Url::parse(uri).map_err(|_| failed("its address is none"))?;
    let mut parts = url.path_segments().into_iter().flatten().filter(|part| !part.is_empty());
    let (Some("secrets"), Some(secret), version) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(failed("its address names no secret"));
    };
    let host = url.host_str().unwrap_or_default();
    let found = arm.vaults.get(host, secret, version);
    let found =
        found.filter(|found| found.enabled).ok_or_else(|| failed("the vault does not have it"))?;
    Ok(found.value.expose().to_owned())
}

/// A value that is there either itself or by reference.
pub(super) fn value(
    arm: &Arm,
    body: &Value,
    entry: &Value,
    (names, reference): (&[&str], &str),
) -> Result<String, ArmError> {
    if let Some(name) = entry[reference].as_str() {
        return referenced(arm, body, name);
    }
    let text = names.iter().find_map(|name| entry[*name].as_str());
    Ok(text.unwrap_or_default().to_owned())
}
