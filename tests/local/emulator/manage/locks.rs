//! Locks, and what answers say of the requests that are left.

use super::{GROUP, REGION, VERSION, cloud, error};
use reqwest::Method;
use serde_json::json;

const LOCKS: &str = "2016-09-01";

#[tokio::test(flavor = "multi_thread")]
async fn locked_resource_is_not_deleted_until_its_lock_is() {
    let (emulator, azure) = cloud().await;
    let registry = format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/other");
    let body = json!({ "location": REGION, "sku": { "name": "Basic" } });
    azure.arm(Method::PUT, &registry, VERSION, body.clone()).await;
    let lock = format!("{registry}/providers/Microsoft.Authorization/locks/keep");
    let level = |level: &str| json!({ "properties": { "level": level, "notes": "of the shop" } });
    let (status, wrong) = azure.arm(Method::PUT, &lock, LOCKS, level("Never")).await;
    assert_eq!(
        (status, error(&wrong)),
        (
            400,
            (
                "InvalidLockLevel",
                "The lock level 'Never' is neither 'CanNotDelete' nor 'ReadOnly'."
            )
        )
    );
    let (status, made) = azure.arm(Method::PUT, &lock, LOCKS, level("CanNotDelete")).await;
    assert_eq!(status, 201);
    let subscription = format!("/subscriptions/{}", emulator.file().subscription_id);
    assert_eq!(made["id"], format!("{subscription}{lock}"));
    assert_eq!(made["properties"], json!({ "level": "CanNotDelete", "notes": "of the shop" }));

    for (path, version) in [(registry.as_str(), VERSION), (GROUP, "2024-11-01")] {
        let (status, refused) = azure.arm(Method::DELETE, path, version, json!({})).await;
        assert_eq!(
            (status, error(&refused)),
            (
                409,
                (
                    "ScopeLocked",
                    &*format!(
                        "The scope '{subscription}{path}' cannot perform delete operation because \
                         following scope(s) are locked: '{subscription}{registry}'. Please remove \
                         the lock and try again."
                    )
                )
            )
        );
    }
    let (status, _) = azure.arm(Method::PUT, &registry, VERSION, body.clone()).await;
    assert_eq!(status, 200, "it may be changed");
    azure.arm(Method::PUT, &lock, LOCKS, level("ReadOnly")).await;
    let (status, refused) = azure.arm(Method::PUT, &registry, VERSION, body).await;
    assert_eq!((status, error(&refused).0), (409, "ScopeLocked"));
    assert!(error(&refused).1.contains("cannot perform write operation"), "{refused}");
    let list = "/providers/Microsoft.Authorization/locks";
    let (_, all) = azure.arm(Method::GET, list, LOCKS, json!({})).await;
    assert_eq!(all["value"][0]["name"], "keep");

    assert_eq!(azure.arm(Method::DELETE, &lock, LOCKS, json!({})).await.0, 200);
    assert_eq!(azure.arm(Method::DELETE, &lock, LOCKS, json!({})).await.0, 204);
    let (status, missing) = azure.arm(Method::GET, &lock, LOCKS, json!({})).await;
    assert_eq!(
        (status, error(&missing)),
        (404, ("LockNotFound", "The lock 'keep' could not be found."))
    );
    assert_eq!(azure.arm(Method::DELETE, &registry, VERSION, json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_how_many_requests_are_left() {
    let (emulator, azure) = cloud().await;
    let id = emulator.file().subscription_id;
    let url = format!(
        "https://management.azure.com/subscriptions/{id}/resourcegroups?api-version=2024-11-01"
    );
    let token = azure.token("https://management.azure.com").await;
    let answer = azure.http.get(url).bearer_auth(token).send().await.expect("sent");
    let left = answer.headers()["x-ms-ratelimit-remaining-subscription-reads"].to_str();
    let left: u32 = left.expect("text").parse().expect("a number");
    assert!((1..250).contains(&left), "{left}");
}
