//! Secrets in Key Vault that a body refers to by the name of an entry of
//! `secretReferences` (api-version 2025-09-01).

use super::super::handle::Arm;
use super::super::response::ArmError;
use super::json::array;
use serde_json::Value;

fn referenced(arm: &Arm, body: &Value, name: &str) -> Result<String, ArmError> {
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
    let url = url::Url::parse(uri).map_err(|_| failed("its URI is invalid"))?;
    let mut parts = url.path_segments().into_iter().flatten().filter(|part| !part.is_empty());
    let (Some("secrets"), Some(secret), version) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(failed("its URI does not name a secret"));
    };
    let host = url.host_str().unwrap_or_default();
    let found = arm.vaults.get(host, secret, version);
    let found =
        found.filter(|found| found.enabled).ok_or_else(|| failed("the vault does not have it"))?;
    Ok(found.value.expose().to_owned())
}

/// The names of the fields that hold a value, or refer to it.
#[derive(Clone, Copy)]
pub struct FieldNames<'a> {
    /// The first that exists is used.
    pub inline: &'a [&'a str],
    pub reference: &'a str,
}

/// The value of a field that is given inline or by reference.
pub fn value(
    arm: &Arm,
    body: &Value,
    entry: &Value,
    names: FieldNames<'_>,
) -> Result<String, ArmError> {
    if let Some(name) = entry[names.reference].as_str() {
        return referenced(arm, body, name);
    }
    let text = names.inline.iter().find_map(|name| entry[*name].as_str());
    Ok(text.unwrap_or_default().to_owned())
}
