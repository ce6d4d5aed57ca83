//! Tokens of registries, which log in with what their scope map allows.

use super::{GROUP, VERSION, cloud, error};
use crate::local::emulator::azure::Azure;
use reqwest::Method;
use serde_json::{Value, json};

/// The actions that the registry grants of those that are asked for.
async fn granted(azure: &Azure, password: &str, scope: &str) -> (u16, Value) {
    let url = format!(
        "https://demo.azurecr.io/oauth2/token?service=demo.azurecr.io&scope=repository:{scope}"
    );
    let request = azure.http.get(url).basic_auth("reader", Some(password));
    let answer = request.send().await.expect("sent");
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.expect("JSON");
    let token = answer["access_token"].as_str().unwrap_or_default().to_owned();
    let claims = token.split('.').nth(1).map(|part| {
        use base64::Engine as _;
        let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    });
    (status, claims.unwrap_or_default()["access"][0]["actions"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn token_logs_in_with_what_its_scope_map_allows() {
    let (emulator, azure) = cloud().await;
    let registry = format!(
        "{}/providers/Microsoft.ContainerRegistry/registries/demo",
        GROUP.replace("demo", "preloaded")
    );
    let map = format!("{registry}/scopeMaps/readers");
    let actions = json!(["repositories/hello/content/read", "repositories/hello/metadata/read"]);
    let body = json!({ "properties": { "actions": actions } });
    assert_eq!(azure.arm(Method::PUT, &map, VERSION, body).await.0, 201);
    let body = json!({ "properties": { "actions": ["repositories/hello/contentRead"] } });
    let (status, wrong) = azure.arm(Method::PUT, &map, VERSION, body).await;
    assert_eq!(
        (status, error(&wrong)),
        (
            400,
            (
                "InvalidScopeMapActions",
                "The action 'repositories/hello/contentRead' of the scope map is invalid."
            )
        )
    );
    let id = |path: &str| format!("/subscriptions/{}{path}", emulator.file().subscription_id);
    let token = format!("{registry}/tokens/reader");
    let of = |map: &str| json!({ "properties": { "scopeMapId": id(map) } });
    let none = format!("{registry}/scopeMaps/none");
    let (status, missing) = azure.arm(Method::PUT, &token, VERSION, of(&none)).await;
    assert_eq!(
        (status, error(&missing)),
        (400, ("ScopeMapNotFound", "The scope map 'none' of the token was not found."))
    );
    assert_eq!(azure.arm(Method::PUT, &token, VERSION, of(&map)).await.0, 201);
    let generate = format!("{registry}/generateCredentials");
    let body = json!({ "tokenId": id(&token) });
    let (status, made) = azure.arm(Method::POST, &generate, VERSION, body).await;
    assert_eq!((status, &made["username"]), (200, &json!("reader")));
    let password = made["passwords"][0]["value"].as_str().expect("a password");
    let (_, shown) = azure.arm(Method::GET, &token, VERSION, json!({})).await;
    assert!(shown["properties"]["credentials"]["passwords"][0]["value"].is_null(), "{shown}");

    assert_eq!(granted(&azure, password, "hello:pull,push").await, (200, json!(["pull"])));
    assert_eq!(granted(&azure, password, "other:pull").await, (200, json!([])));
    assert_eq!(granted(&azure, "wrong", "hello:pull").await.0, 401);
    let manifest = "https://demo.azurecr.io/v2/hello/manifests/v1";
    let pull = azure.http.get(manifest).basic_auth("reader", Some(password));
    assert_eq!(pull.send().await.expect("sent").status().as_u16(), 200);
    let push = azure.http.put(manifest).basic_auth("reader", Some(password)).body("{}");
    assert_eq!(push.send().await.expect("sent").status().as_u16(), 401);

    let off = json!({ "properties": { "status": "disabled" } });
    azure.arm(Method::PATCH, &token, VERSION, off).await;
    assert_eq!(granted(&azure, password, "hello:pull").await.0, 401);
    let (status, used) = azure.arm(Method::DELETE, &map, VERSION, json!({})).await;
    assert_eq!(
        (status, error(&used)),
        (409, ("ScopeMapInUse", "The scope map 'readers' is used by the token 'reader'."))
    );
    let builtin = format!("{registry}/scopeMaps/_repositories_pull");
    let body = json!({ "properties": { "actions": actions } });
    let (status, fixed) = azure.arm(Method::PUT, &builtin, VERSION, body).await;
    assert_eq!(
        (status, error(&fixed)),
        (
            400,
            (
                "SystemDefinedScopeMapUpdateDisallowed",
                "The scope map '_repositories_pull' is defined by the system and is not changed."
            )
        )
    );
}
