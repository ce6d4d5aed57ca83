//! Images that are imported and locked.

use super::{GROUP, REGION, VERSION, cloud, error};
use crate::local::emulator::Emulator;
use crate::local::emulator::azure::Azure;
use reqwest::Method;
use serde_json::{Value, json};

/// Imports the preloaded image as `copy:v1` of the registry `other`.
async fn import_hello(emulator: &Emulator, azure: &Azure, mode: &str) -> (u16, Value) {
    let registry = format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/other");
    let id = format!(
        "/subscriptions/{}/resourceGroups/preloaded/providers/Microsoft.ContainerRegistry/registries/demo",
        emulator.file().subscription_id
    );
    let body = json!({
        "source": { "resourceId": id, "sourceImage": "hello:v1" },
        "targetTags": ["copy:v1"], "mode": mode,
    });
    azure.arm(Method::POST, &format!("{registry}/importImage"), VERSION, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_imported() {
    let (emulator, azure) = cloud().await;
    let registry = format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/other");
    let body = json!({ "location": REGION, "sku": { "name": "Basic" } });
    azure.arm(Method::PUT, &registry, VERSION, body).await;
    let import = async |registry_uri: &str, image: &str, mode: &str| {
        let body = json!({
            "source": { "registryUri": registry_uri, "sourceImage": image,
                        "credentials": { "username": "demo", "password": "wrong" } },
            "targetTags": ["copy:v1"], "mode": mode,
        });
        azure.arm(Method::POST, &format!("{registry}/importImage"), VERSION, body).await
    };
    let by_id = async |mode: &str| import_hello(&emulator, &azure, mode).await;
    let (status, refused) = import("demo.azurecr.io", "hello:v1", "NoForce").await;
    assert_eq!(
        (status, error(&refused)),
        (
            400,
            (
                "InvalidParameters",
                "The registry 'demo.azurecr.io' refuses the credentials of the source."
            )
        )
    );
    let (_, outside) = import("ghcr.io", "octo/web:v1", "NoForce").await;
    assert_eq!(
        error(&outside).1,
        "The source image cannot be imported: the image `ghcr.io/octo/web:v1` was not found. The \
         local cloud fetches it from outside only if it was started with `--allow-host \
         ghcr.io/octo/web`."
    );
    assert_eq!(by_id("NoForce").await.0, 200);
    let (status, again) = by_id("NoForce").await;
    assert_eq!(
        (status, error(&again)),
        (409, ("Conflict", "Tag copy:v1 already exists in target registry."))
    );
    assert_eq!(by_id("Force").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_that_is_locked_is_neither_deleted_nor_replaced() {
    let (emulator, azure) = cloud().await;
    let registry = format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/other");
    let body = json!({ "location": REGION, "sku": { "name": "Basic" } });
    azure.arm(Method::PUT, &registry, VERSION, body).await;
    let by_id = async |mode: &str| import_hello(&emulator, &azure, mode).await;
    assert_eq!(by_id("NoForce").await.0, 200);
    let refresh = {
        let form = [
            ("grant_type", "access_token"),
            ("service", "other.azurecr.io"),
            ("access_token", &azure.token("https://management.azure.com").await),
        ];
        let url = "https://other.azurecr.io/oauth2/exchange";
        let answer: Value = azure
            .http
            .post(url)
            .form(&form)
            .send()
            .await
            .expect("sent")
            .json()
            .await
            .expect("JSON");
        answer["refresh_token"].as_str().expect("a token").to_owned()
    };
    let login = "00000000-0000-0000-0000-000000000000";
    let url = "https://other.azurecr.io/acr/v1/copy/_tags/v1";
    let lock = async |body: Value| {
        let request = azure.http.patch(url).basic_auth(login, Some(&refresh)).json(&body);
        let answer = request.send().await.expect("sent");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, locked) = lock(json!({ "writeEnabled": false })).await;
    assert_eq!(
        (status, &locked["tag"]["changeableAttributes"]["writeEnabled"]),
        (200, &json!(false))
    );
    let deleted = azure.http.delete(url).basic_auth(login, Some(&refresh)).send().await;
    let deleted = deleted.expect("sent");
    assert_eq!(deleted.status(), 405);
    let refused: Value = deleted.json().await.expect("JSON");
    assert_eq!(
        refused["errors"][0],
        json!({ "code": "REGISTRY_DISALLOWED_OPERATION", "detail": null, "message":
            "The operation is disallowed on this registry, repository or image. View troubleshooting \
             steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation" })
    );
    let (_, refused) = by_id("Force").await;
    assert_eq!(error(&refused).1, "The operation is disallowed: copy:v1 is locked.");
    let (_, hidden) = lock(json!({ "listEnabled": false })).await;
    assert_eq!(hidden["errors"][0]["message"], "the local cloud leaves nothing out of lists");
    lock(json!({ "writeEnabled": true })).await;
    let deleted = azure.http.delete(url).basic_auth(login, Some(&refresh)).send().await;
    assert_eq!(deleted.expect("sent").status(), 202);
}
