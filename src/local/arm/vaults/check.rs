//! What a vault may be.
//!
//! "The parameter … is not specified" and "An invalid value was provided for …" are the words of
//! reported errors.

use super::super::response::ArmError;
use super::super::store::VaultRecord;
use serde_json::{Map, Value};

/// Checks what the body of a PUT has to say.
pub fn new_vault(
    properties: &Map<String, Value>,
    before: Option<&VaultRecord>,
) -> Result<(), ArmError> {
    match properties.get("tenantId") {
        None => return Err(missing("tenantId")),
        Some(tenant) if !tenant.as_str().is_some_and(is_uuid) => return Err(invalid("tenantId")),
        Some(_) => {}
    }
    vault(properties, before)
}

/// Checks the properties of a vault as it is going to be.
pub fn vault(
    properties: &Map<String, Value>,
    before: Option<&VaultRecord>,
) -> Result<(), ArmError> {
    let sku = properties.get("sku").ok_or_else(|| missing("sku"))?;
    let is = |name: &str, allowed: &[&str]| {
        let given = sku[name].as_str().unwrap_or_default();
        allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(given))
    };
    if !is("family", &["A"]) || !is("name", &["standard", "premium"]) {
        return Err(invalid("sku"));
    }
    if let Some(given) = properties.get("accessPolicies") {
        policies(given)?;
    }
    let days = properties.get("softDeleteRetentionInDays");
    if days.is_some_and(|days| !days.as_i64().is_some_and(|days| (7..=90).contains(&days))) {
        let message = "The value for the property \"softDeleteRetentionInDays\" must be between 7 \
                       and 90.";
        return Err(ArmError::bad("BadRequest", message));
    }
    let is_protected = |properties: &Map<String, Value>| {
        properties.get("enablePurgeProtection").is_some_and(|value| *value == true)
    };
    if before.is_some_and(|before| is_protected(&before.properties)) && !is_protected(properties) {
        let message = "The property \"enablePurgeProtection\" cannot be set to false. Enabling the \
                       purge protection for a vault is an irreversible action.";
        return Err(ArmError::bad("BadRequest", message));
    }
    Ok(())
}

/// The access policies of a request, each of one principal.
pub fn policies(given: &Value) -> Result<&Vec<Value>, ArmError> {
    let is_good = |policy: &Value| {
        policy["tenantId"].as_str().is_some_and(is_uuid)
            && policy["objectId"].as_str().is_some_and(|id| !id.is_empty())
            && policy["permissions"].is_object()
    };
    let policies = given.as_array().filter(|policies| policies.iter().all(is_good));
    policies.ok_or_else(|| invalid("accessPolicies"))
}

fn missing(name: &str) -> ArmError {
    ArmError::bad("BadRequest", format!("The parameter {name} is not specified."))
}

fn invalid(name: &str) -> ArmError {
    ArmError::bad("BadRequest", format!("An invalid value was provided for '{name}'."))
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::{new_vault, policies};
    use serde_json::{Value, json};

    const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";

    #[test]
    fn vault_that_azure_refuses_is_refused() {
        let checked = |change: Value| {
            let mut body = json!({
                "tenantId": TENANT, "sku": { "family": "A", "name": "standard" },
            });
            for (name, value) in change.as_object().into_iter().flatten() {
                body[name] = value.clone();
            }
            let mut properties = body.as_object().cloned().expect("an object");
            properties.retain(|_, value| !value.is_null());
            new_vault(&properties, None).map_err(|error| {
                assert_eq!((error.status.as_u16(), error.code.as_str()), (400, "BadRequest"));
                error.message
            })
        };
        assert_eq!(checked(json!({})), Ok(()));
        assert_eq!(
            checked(json!({ "softDeleteRetentionInDays": 7, "accessPolicies": [] })),
            Ok(())
        );
        let refused = |change: Value| checked(change).expect_err("refused");
        assert_eq!(
            refused(json!({ "tenantId": null })),
            "The parameter tenantId is not specified."
        );
        assert_eq!(
            refused(json!({ "tenantId": "x" })),
            "An invalid value was provided for 'tenantId'."
        );
        assert_eq!(refused(json!({ "sku": null })), "The parameter sku is not specified.");
        for sku in
            [json!({ "family": "A", "name": "gold" }), json!({ "name": "standard" }), json!(1)]
        {
            assert_eq!(refused(json!({ "sku": sku })), "An invalid value was provided for 'sku'.");
        }
        assert_eq!(
            refused(json!({ "accessPolicies": "x" })),
            "An invalid value was provided for 'accessPolicies'."
        );
        for days in [json!(0), json!(6), json!(91), json!(1e30), json!("7")] {
            assert_eq!(
                refused(json!({ "softDeleteRetentionInDays": days })),
                "The value for the property \"softDeleteRetentionInDays\" must be between 7 and 90."
            );
        }
    }

    #[test]
    fn access_policies_name_a_principal_and_its_permissions() {
        let good = json!([{ "tenantId": TENANT, "objectId": "o", "permissions": {} }]);
        assert_eq!(policies(&good).expect("good").len(), 1);
        for (name, value) in
            [("tenantId", json!("t")), ("objectId", json!("")), ("permissions", json!("all"))]
        {
            let mut bad = good.clone();
            bad[0][name] = value;
            let refused = policies(&bad).expect_err(name);
            assert_eq!(refused.message, "An invalid value was provided for 'accessPolicies'.");
        }
        policies(&Value::Null).expect_err("no list");
    }
}
