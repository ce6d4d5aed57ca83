//! Tags, providers and versions.

use super::{GROUP, cloud, error};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_providers_are_found_by_their_names() {
    let (_emulator, azure) = cloud().await;
    let tags = format!("{GROUP}/providers/Microsoft.Resources/tags/default");
    let body = json!({ "operation": "Merge", "properties": { "tags": { "team": "shop" } } });
    let (status, changed) = azure.arm(Method::PATCH, &tags, "2024-11-01", body).await;
    assert_eq!((status, &changed["properties"]["tags"]), (200, &json!({ "team": "shop" })));
    let (_, group) = azure.arm(Method::GET, GROUP, "2024-11-01", json!({})).await;
    assert_eq!(group["tags"], json!({ "team": "shop" }));

    let answer = azure.http.get("https://management.azure.com/subscriptions").send().await;
    let answer = answer.expect("sent");
    for name in ["x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id"] {
        assert!(answer.headers().contains_key(name), "{name}");
    }
    let (_, all) = azure.arm(Method::GET, "/providers", "2024-11-01", json!({})).await;
    let names: Vec<&str> = all["value"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["namespace"].as_str())
        .collect();
    assert!(names.contains(&"Microsoft.ContainerInstance"), "{names:?}");
    let (status, unknown) =
        azure.arm(Method::GET, "/providers/Microsoft.Nothing", "2024-11-01", json!({})).await;
    assert_eq!(
        (status, error(&unknown)),
        (
            404,
            (
                "InvalidResourceNamespace",
                "The resource namespace 'microsoft.nothing' is invalid, or the local cloud does not have it."
            )
        )
    );
    let (status, old) = azure.arm(Method::GET, GROUP, "1999-01-01", json!({})).await;
    assert_eq!(
        (status, error(&old)),
        (
            400,
            (
                "InvalidApiVersionParameter",
                "The api-version '1999-01-01' is invalid. The supported versions are dates since \
             '2014-04-01', such as '2025-04-01'."
            )
        )
    );
    let group = format!("{GROUP}/providers/Microsoft.ContainerInstance/containerGroups/none");
    let (status, missing) = azure.arm(Method::GET, &group, "2023-05-01", json!({})).await;
    assert_eq!((status, error(&missing).0), (404, "ResourceNotFound"));
}
