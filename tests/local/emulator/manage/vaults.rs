//! Vaults: deletion that can be undone, and access policies.

use super::{GROUP, REGION, VERSION, cloud, error};
use crate::local::emulator::azure::Azure;
use reqwest::Method;
use serde_json::{Value, json};

/// Any tenant's: a vault may belong to another one.
const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";

#[tokio::test(flavor = "multi_thread")]
async fn deleted_vault_keeps_its_name_until_it_is_purged() {
    let (emulator, azure) = cloud().await;
    let vault = format!("{GROUP}/providers/Microsoft.KeyVault/vaults/shopvault");
    let body = json!({ "location": REGION, "properties": {
        "tenantId": TENANT, "sku": { "family": "A", "name": "standard" },
        "enableRbacAuthorization": true, "softDeleteRetentionInDays": 7,
    }});
    let ask = async |method, path: &str, body: &Value| {
        azure.arm(method, path, VERSION, body.clone()).await
    };
    let none = json!({});
    let (_, made) = ask(Method::PUT, &vault, &body).await;
    assert_eq!(made["properties"]["enableSoftDelete"], true);
    let secret = "https://shopvault.vault.azure.net/secrets/token?api-version=7.4";
    let token = azure.token("https://vault.azure.net").await;
    let set = azure.http.put(secret).bearer_auth(&token).json(&json!({ "value": "s3cret" }));
    assert_eq!(set.send().await.expect("sent").status(), 200);

    assert_eq!(ask(Method::DELETE, &vault, &none).await.0, 200);
    // Not by a connection that is open still.
    let other = Azure::of(emulator.file());
    assert!(other.http.get(secret).send().await.is_err(), "there is no such vault");
    let (status, refused) = ask(Method::PUT, &vault, &body).await;
    assert_eq!((status, error(&refused).0), (409, "ConflictError"));
    assert!(error(&refused).1.starts_with(
        "A vault with the same name already exists in deleted state. You need to either recover or \
         purge existing key vault."
    ));
    let (_, deleted) = ask(Method::GET, "/providers/Microsoft.KeyVault/deletedVaults", &none).await;
    assert_eq!(deleted["value"][0]["properties"]["location"], REGION);
    let mut recover = body.clone();
    recover["properties"] = json!({ "createMode": "recover" });
    assert_eq!(ask(Method::PUT, &vault, &recover).await.0, 200);
    let kept = azure.http.get(secret).bearer_auth(&token).send().await.expect("sent");
    assert_eq!(kept.json::<Value>().await.expect("JSON")["value"], "s3cret");

    ask(Method::DELETE, &vault, &none).await;
    let place = "/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/shopvault";
    assert_eq!(ask(Method::POST, &format!("{place}/purge"), &none).await.0, 200);
    let (status, gone) = ask(Method::GET, place, &none).await;
    assert_eq!(
        (status, error(&gone)),
        (404, ("DeletedVaultNotFound", "The specified deleted vault 'shopvault' does not exist."))
    );
    let mut days = body.clone();
    days["properties"]["softDeleteRetentionInDays"] = json!(100);
    assert_eq!(
        error(&ask(Method::PUT, &vault, &days).await.1).1,
        "The value for the property \"softDeleteRetentionInDays\" must be between 7 and 90."
    );
    let mut protected = body.clone();
    protected["properties"]["enablePurgeProtection"] = json!(true);
    ask(Method::PUT, &vault, &protected).await;
    assert_eq!(
        error(&ask(Method::PUT, &vault, &body).await.1).1,
        "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge \
         protection for a vault is an irreversible action."
    );
    ask(Method::DELETE, &vault, &none).await;
    let (status, refused) = ask(Method::POST, &format!("{place}/purge"), &none).await;
    assert_eq!(
        (status, error(&refused)),
        (405, ("MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed."))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_a_vault_are_added_and_removed() {
    let (_emulator, azure) = cloud().await;
    let vault = format!("{GROUP}/providers/Microsoft.KeyVault/vaults/shopvault");
    let own = json!({ "objectId": "p", "tenantId": TENANT, "permissions": { "secrets": ["get"] } });
    let body = json!({ "location": REGION, "properties": {
        "tenantId": TENANT, "sku": { "family": "A", "name": "standard" },
    } });
    azure.arm(Method::PUT, &vault, VERSION, body).await;
    let change = async |change: &str, policy: &Value| {
        let body = json!({ "properties": { "accessPolicies": [policy] } });
        let path = format!("{vault}/accessPolicies/{change}");
        azure.arm(Method::PUT, &path, VERSION, body).await
    };
    // Without policies, an application that may do everything may not read secrets.
    let secret = "https://shopvault.vault.azure.net/secrets/token?api-version=7.4";
    let token = azure.token("https://vault.azure.net").await;
    let refused = azure.http.get(secret).bearer_auth(&token).send().await.expect("sent");
    assert_eq!(refused.status(), 403);

    change("add", &own).await;
    let mut more = own.clone();
    more["permissions"]["secrets"] = json!(["list"]);
    let (_, added) = change("add", &more).await;
    let permissions = |answer: &Value| answer["properties"]["accessPolicies"][0].clone();
    assert_eq!(permissions(&added)["permissions"]["secrets"], json!(["get", "list"]));
    let (_, replaced) = change("replace", &own).await;
    assert_eq!(permissions(&replaced)["permissions"]["secrets"], json!(["get"]));
    let (_, removed) = change("remove", &own).await;
    assert_eq!(removed["properties"]["accessPolicies"], json!([]));
    let (status, other) = change("swap", &own).await;
    assert_eq!((status, error(&other).1), (400, "There is no change 'swap' of access policies."));
}
