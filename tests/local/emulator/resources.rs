//! What clients make in a cloud that starts empty.

use super::Emulator;
use super::azure::Azure;
use reqwest::Method;
use serde_json::{Value, json};

const KEY_VAULT: &str = "2023-07-01";
const GROUP: &str = "/resourceGroups/demo";
const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";

fn vault(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.KeyVault/vaults/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_has_what_its_clients_make_and_keeps_it() {
    let emulator = Emulator::start();
    let azure = Azure::of(emulator.file());
    let region = json!({ "location": "westeurope" });
    let (status, _) = azure.arm(Method::PUT, GROUP, "2024-11-01", region).await;
    assert_eq!(status, 201);
    let registry = format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/shopimages");
    let body = json!({ "location": "westeurope", "sku": { "name": "Basic" } });
    let (status, _) = azure.arm(Method::PUT, &registry, "2023-07-01", body).await;
    assert_eq!(status, 201);
    let body = json!({ "location": "westeurope", "tags": { "team": "shop" }, "properties": {
        "tenantId": TENANT, "sku": { "family": "A", "name": "standard" },
        "enableRbacAuthorization": true,
    }});
    let (status, made) = azure.arm(Method::PUT, &vault("shopvault"), KEY_VAULT, body).await;
    assert_eq!(
        (status, &made["properties"]["vaultUri"]),
        (200, &json!("https://shopvault.vault.azure.net/"))
    );

    // Each is reached by its own name at once.
    let ping = azure.http.get("https://shopimages.azurecr.io/v2/").send().await.expect("sent");
    assert_eq!(ping.status(), 401);
    let secret = "https://shopvault.vault.azure.net/secrets/token?api-version=7.4";
    let token = azure.token("https://vault.azure.net").await;
    let set = azure.http.put(secret).bearer_auth(&token).json(&json!({ "value": "s3cret" }));
    assert_eq!(set.send().await.expect("sent").status(), 200);

    emulator.program.run(&["local", "stop"]).exits(0);
    emulator.program.run(&["local", "--detach", "--runtime", "built-in"]).exits(0);

    let shown = emulator.program.run(&["local", "status"]).exits(0).stdout;
    let held = shown.split_once("\n\n").expect("tables").1;
    assert_eq!(
        held,
        "\
RESOURCE GROUP  LOCATION
demo            westeurope

REGISTRY               RESOURCE GROUP  REPOSITORIES  TAGS
shopimages.azurecr.io  demo            0             0

VAULT                      SECRETS
shopvault.vault.azure.net  1
"
    );
    let azure = Azure::of(emulator.file());
    let kept = azure.http.get(secret).bearer_auth(&token).send().await.expect("sent");
    assert_eq!(kept.json::<Value>().await.expect("JSON")["value"], "s3cret");
    let (status, found) = azure.arm(Method::GET, &vault("ShopVault"), KEY_VAULT, json!({})).await;
    assert_eq!((status, &found["tags"]), (200, &json!({ "team": "shop" })));
}

#[tokio::test(flavor = "multi_thread")]
async fn vaults_are_made_as_azure_makes_them() {
    let emulator = Emulator::start();
    let azure = Azure::of(emulator.file());
    for group in [GROUP, "/resourceGroups/other"] {
        azure.arm(Method::PUT, group, "2024-11-01", json!({ "location": "westeurope" })).await;
    }
    let good = json!({ "location": "westeurope", "properties": {
        "tenantId": TENANT, "sku": { "family": "A", "name": "standard" },
    } });
    let put = async |path: String, body: &Value| {
        let (status, answer) = azure.arm(Method::PUT, &path, KEY_VAULT, body.clone()).await;
        let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
        (status, text("code"), text("message"))
    };
    let (status, code, message) = put(vault("1st"), &good).await;
    assert_eq!((status, &*code), (400, "VaultNameNotValid"));
    assert!(message.starts_with("The vault name '1st' is invalid. "), "{message}");
    let nowhere = json!({ "location": "atlantis", "properties": good["properties"] });
    let (status, code, _) = put(vault("shopvault"), &nowhere).await;
    assert_eq!((status, &*code), (400, "LocationNotAvailableForResourceType"));
    let (status, code, _) = put(vault("shopvault"), &json!({ "location": "westeurope" })).await;
    assert_eq!((status, &*code), (400, "BadRequest"));

    assert_eq!(put(vault("shopvault"), &good).await.0, 200);
    let elsewhere =
        "/resourceGroups/other/providers/Microsoft.KeyVault/vaults/ShopVault".to_owned();
    let (status, code, message) = put(elsewhere.clone(), &good).await;
    assert_eq!((status, &*code), (409, "VaultAlreadyExists"));
    assert!(message.starts_with("The vault name 'ShopVault' is already in use. "), "{message}");
    let missing = azure.arm(Method::GET, &elsewhere, KEY_VAULT, json!({})).await;
    assert_eq!((missing.0, &missing.1["error"]["code"]), (404, &json!("ResourceNotFound")));

    let free = "/providers/Microsoft.KeyVault/checkNameAvailability";
    let free = async |name: &str| {
        let body = json!({ "name": name, "type": "Microsoft.KeyVault/vaults" });
        azure.arm(Method::POST, free, KEY_VAULT, body).await.1
    };
    assert_eq!(free("other").await, json!({ "nameAvailable": true }));
    assert_eq!(free("shopvault").await["reason"], "AlreadyExists");
    assert_eq!(free("a--b").await["reason"], "AccountNameInvalid");

    // With its group, a vault is gone with its secrets.
    azure.arm(Method::DELETE, GROUP, "2024-11-01", json!({})).await;
    let list = "/providers/Microsoft.KeyVault/vaults";
    let (_, left) = azure.arm(Method::GET, list, KEY_VAULT, json!({})).await;
    assert_eq!(left["value"], json!([]));
    let secret = "https://shopvault.vault.azure.net/secrets/token?api-version=7.4";
    assert!(azure.http.get(secret).send().await.is_err(), "there is no such vault");
}

#[tokio::test(flavor = "multi_thread")]
async fn image_from_outside_is_refused_with_the_option_that_allows_it() {
    let emulator = Emulator::start();
    let azure = Azure::of(emulator.file());
    azure.arm(Method::PUT, GROUP, "2024-11-01", json!({ "location": "westeurope" })).await;
    let refused = async |image: &str| {
        let web = format!("{GROUP}/providers/Microsoft.ContainerInstance/containerGroups/web");
        let body = json!({ "location": "westeurope", "properties": {
            "osType": "Linux",
            "containers": [{ "name": "web", "properties": {
                "image": image, "resources": { "requests": { "cpu": 1, "memoryInGB": 1 } },
            }}],
        }});
        let (status, answer) = azure.arm(Method::PUT, &web, "2023-05-01", body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("InaccessibleImage")));
        let message = answer["error"]["message"].as_str().expect("a message");
        let start = format!(
            "The image '{image}' in container group 'web' is not accessible. Please check the image \
             and registry credential. "
        );
        message.strip_prefix(&start).unwrap_or_else(|| panic!("{message}")).to_owned()
    };
    assert_eq!(
        refused("ghcr.io/octo/web:v1").await,
        "The local cloud fetches it from outside only if it was started with `--allow-host \
         ghcr.io/octo/web`."
    );
    assert_eq!(
        refused("nowhere.azurecr.io/web:v1").await,
        "There is no registry `nowhere.azurecr.io` in the local cloud."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_are_those_that_are_accepted() {
    let emulator = Emulator::start();
    let azure = Azure::of(emulator.file());

    let (status, listed) = azure.arm(Method::GET, "/locations", "2022-12-01", json!({})).await;

    assert_eq!(status, 200);
    let listed = listed["value"].as_array().expect("a list");
    assert!(listed.iter().any(|location| location["name"] == "westeurope"));
    for location in listed.iter().step_by(20) {
        let body = json!({ "location": location["name"] });
        let group = format!("/resourceGroups/{}", location["name"].as_str().expect("a name"));
        assert_eq!(azure.arm(Method::PUT, &group, "2024-11-01", body).await.0, 201);
    }
}
