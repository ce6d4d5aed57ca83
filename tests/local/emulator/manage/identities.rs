//! Identities and their roles, as a pull needs them.

use super::{GROUP, REGION, cloud, error};
use crate::local::emulator::azure::Azure;
use reqwest::Method;
use serde_json::{Value, json};

fn container_group(identity: &str) -> Value {
    json!({
        "location": REGION,
        "identity": { "type": "UserAssigned", "userAssignedIdentities": { identity: {} } },
        "properties": {
            "osType": "Linux", "restartPolicy": "Never",
            "imageRegistryCredentials": [{ "server": "demo.azurecr.io", "identity": identity }],
            "containers": [{ "name": "web", "properties": {
                "image": "demo.azurecr.io/hello:v1",
                "resources": { "requests": { "cpu": 1, "memoryInGB": 1 } },
            }}],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn image_is_pulled_by_an_identity_that_has_the_role() {
    let (emulator, azure) = cloud().await;
    let subscription = format!("/subscriptions/{}", emulator.file().subscription_id);
    let path = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull");
    let id = format!("{subscription}{path}");
    let web = format!("{GROUP}/providers/Microsoft.ContainerInstance/containerGroups/web");
    let deploy = async || azure.arm(Method::PUT, &web, "2023-05-01", container_group(&id)).await;

    let (status, refused) = deploy().await;
    assert_eq!(status, 400);
    let message = format!(
        "Identity operation for resource '{subscription}{web}' failed with error 'Failed to perform \
         resource identity operation. Status: 'BadRequest'. Response: '{{\"error\":{{\"code\":\
         \"BadRequest\",\"message\":\"Resource '{id}' was not found.\"}}}}'.'."
    );
    assert_eq!(error(&refused), ("FailedIdentityOperation", &*message));

    let body = json!({ "location": REGION });
    let (status, made) = azure.arm(Method::PUT, &path, "2023-01-31", body).await;
    assert_eq!(status, 201);
    let (status, refused) = deploy().await;
    assert_eq!((status, error(&refused).0), (400, "InaccessibleImage"));

    let registry =
        "/resourceGroups/preloaded/providers/Microsoft.ContainerRegistry/registries/demo";
    let assignments = format!("{registry}/providers/Microsoft.Authorization/roleAssignments");
    let role = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
    let assign = async |name: &str, principal: &Value| {
        let body = json!({ "properties": {
            "roleDefinitionId": format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
            "principalId": principal, "principalType": "ServicePrincipal",
        }});
        azure.arm(Method::PUT, &format!("{assignments}/{name}"), "2022-04-01", body).await
    };
    let (status, refused) = assign("1", &json!("no-such")).await;
    assert_eq!((status, error(&refused).0), (400, "PrincipalNotFound"));
    assert!(
        error(&refused).1.starts_with("Principal nosuch does not exist in the directory "),
        "{refused}"
    );
    assert_eq!(assign("2", &made["properties"]["principalId"]).await.0, 201);
    assert_eq!(deploy().await.0, 201);

    // It holds after a restart, and not once it is deleted.
    emulator.program.run(&["local", "stop"]).exits(0);
    emulator.program.run(&["local", "--detach", "--runtime", "built-in"]).exits(0);
    let azure = Azure::of(emulator.file());
    let assignment = format!("{assignments}/2");
    let shown = azure.arm(Method::GET, &assignment, "2022-04-01", json!({})).await;
    assert_eq!(shown.1["properties"]["principalId"], made["properties"]["principalId"]);
    let deleted = azure.arm(Method::DELETE, &assignment, "2022-04-01", json!({})).await;
    assert_eq!(deleted.0, 200);
    azure.arm(Method::DELETE, &web, "2023-05-01", json!({})).await;
    let (status, _) = azure.arm(Method::PUT, &web, "2023-05-01", container_group(&id)).await;
    assert_eq!(status, 400);
    let gone = azure.arm(Method::GET, &assignment, "2022-04-01", json!({})).await;
    assert_eq!(error(&gone.1), ("RoleAssignmentNotFound", "The role assignment '2' is not found."));
    azure.arm(Method::DELETE, &path, "2023-01-31", json!({})).await;
    let (status, missing) = azure.arm(Method::GET, &path, "2023-01-31", json!({})).await;
    assert_eq!((status, error(&missing).0), (404, "ResourceNotFound"));
    let bad = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a.b");
    let (_, refused) =
        azure.arm(Method::PUT, &bad, "2023-01-31", json!({ "location": REGION })).await;
    assert_eq!(
        error(&refused).1,
        "The name 'a.b' of the identity is invalid. It must have 3 to 128 letters, digits, hyphens \
         and underscores, and begin with a letter or digit."
    );
}
