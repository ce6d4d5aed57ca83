//! What clients manage in a cloud that starts empty: vaults, identities, roles, images.

use super::azure::Azure;
use super::{Emulator, STATE};
use crate::support::Program;
use crate::support::layout::layout;
use reqwest::Method;
use serde_json::{Value, json};

const GROUP: &str = "/resourceGroups/demo";
const VERSION: &str = "2023-07-01";
const REGION: &str = "westeurope";

/// A cloud with the group `demo`, and the registry `demo` of a preloaded image.
async fn cloud() -> (Emulator, Azure) {
    let program = Program::new();
    let config = json!({ "Entrypoint": ["/app"] });
    layout(&program.path("image"), &[("app", b"#!/bin/sh\n".to_vec())], &config);
    let seed = "demo.azurecr.io/hello:v1=oci:image";
    let start = ["local", "--detach", "--runtime", "built-in", "--seed-image", seed];
    let started = program.run(&start).exits(0);
    let emulator = Emulator { program, said: started.stderr, exports: started.stdout };
    let azure = Azure::of(emulator.file());
    let body = json!({ "location": REGION });
    assert_eq!(azure.arm(Method::PUT, GROUP, "2024-11-01", body).await.0, 201);
    (emulator, azure)
}

fn error(answer: &Value) -> (&str, &str) {
    let text = |name: &str| answer["error"][name].as_str().unwrap_or_default();
    (text("code"), text("message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_vault_keeps_its_name_until_it_is_purged() {
    let (_emulator, azure) = cloud().await;
    let vault = format!("{GROUP}/providers/Microsoft.KeyVault/vaults/shopvault");
    let body = json!({ "location": REGION, "properties": {
        "sku": { "name": "standard" }, "enableRbacAuthorization": true,
        "softDeleteRetentionInDays": 7,
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
    assert!(azure.http.get(secret).send().await.is_err(), "there is no such vault");
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
    let own = json!({ "objectId": "p", "tenantId": "t", "permissions": { "secrets": ["get"] } });
    let body = json!({ "location": REGION, "properties": { "sku": { "name": "standard" } } });
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

#[tokio::test(flavor = "multi_thread")]
async fn images_are_imported_and_locked() {
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
    let id = format!(
        "/subscriptions/{}/resourceGroups/preloaded/providers/Microsoft.ContainerRegistry/registries/demo",
        emulator.file().subscription_id
    );
    let by_id = async |mode: &str| {
        let body = json!({
            "source": { "resourceId": id, "sourceImage": "hello:v1" },
            "targetTags": ["copy:v1"], "mode": mode,
        });
        azure.arm(Method::POST, &format!("{registry}/importImage"), VERSION, body).await
    };
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

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_deployed() {
    let (_emulator, azure) = cloud().await;
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": { "name": { "type": "string" } },
        "variables": { "vault": "[concat(parameters('name'), '-vault')]" },
        "resources": [
            { "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": VERSION,
              "name": "[format('{0}/acr', variables('vault'))]",
              "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', variables('vault'))]"],
              "properties": { "value":
                "[listCredentials(resourceId('Microsoft.ContainerRegistry/registries', \
                 parameters('name')), '2023-07-01').passwords[0].value]" } },
            { "type": "Microsoft.KeyVault/vaults", "apiVersion": VERSION,
              "name": "[variables('vault')]", "location": "[resourceGroup().location]",
              "properties": { "sku": { "family": "A", "name": "standard" },
                              "tenantId": "[subscription().tenantId]",
                              "enableRbacAuthorization": true } },
            { "type": "Microsoft.ContainerRegistry/registries", "apiVersion": VERSION,
              "name": "[parameters('name')]", "location": "[resourceGroup().location]",
              "sku": { "name": "Basic" }, "properties": { "adminUserEnabled": true } },
        ],
        "outputs": { "server": { "type": "string",
                                 "value": "[reference(parameters('name')).loginServer]" } },
    });
    let deployment = format!("{GROUP}/providers/Microsoft.Resources/deployments/main");
    let properties = |name: &str| {
        json!({ "properties": { "mode": "Incremental", "template": template,
                                "parameters": { "name": { "value": name } } } })
    };
    let ask =
        async |method, path: &str, body: Value| azure.arm(method, path, "2025-04-01", body).await;
    let (status, checked) =
        ask(Method::POST, &format!("{deployment}/validate"), properties("shopreg")).await;
    assert_eq!(
        (status, checked["properties"]["validatedResources"].as_array().map(Vec::len)),
        (200, Some(3))
    );
    let (_, planned) =
        ask(Method::POST, &format!("{deployment}/whatIf"), properties("shopreg")).await;
    let kinds = |answer: &Value| -> Vec<String> {
        let changes = answer["properties"]["changes"].as_array().expect("changes");
        changes.iter().map(|it| it["changeType"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(kinds(&planned), ["Create", "Create", "Create"]);

    let ended = async |name: &str| {
        let (status, begun) = ask(Method::PUT, &deployment, properties(name)).await;
        assert_eq!((status, &begun["properties"]["provisioningState"]), (201, &json!("Running")));
        ask(Method::GET, &format!("{deployment}/operationStatuses/0"), json!({})).await.1
    };
    assert_eq!(ended("shopreg").await["status"], "Succeeded");
    let (_, shown) = ask(Method::GET, &deployment, json!({})).await;
    assert_eq!(
        shown["properties"]["outputs"]["server"],
        json!({ "type": "String", "value": "shopreg.azurecr.io" })
    );
    assert_eq!(shown["properties"]["outputResources"].as_array().map(Vec::len), Some(3));
    let secret = "https://shopreg-vault.vault.azure.net/secrets/acr?api-version=7.4";
    let token = azure.token("https://vault.azure.net").await;
    let stored = azure.http.get(secret).bearer_auth(&token).send().await.expect("sent");
    assert_eq!(stored.status(), 200);
    let (_, planned) =
        ask(Method::POST, &format!("{deployment}/whatIf"), properties("shopreg")).await;
    assert_eq!(kinds(&planned), ["Modify", "NoChange", "NoChange"]);

    // A name that Azure refuses fails the deployment, not its request.
    let failed = ended("x").await;
    assert_eq!(failed["status"], "Failed");
    assert_eq!(failed["error"]["code"], "DeploymentFailed");
    assert_eq!(failed["error"]["details"][0]["code"], "InvalidRegistryName");
    let (_, operations) =
        ask(Method::GET, &format!("{GROUP}/deployments/main/operations"), json!({})).await;
    let states = operations["value"].as_array().expect("operations").iter();
    let states: Vec<&str> =
        states.filter_map(|it| it["properties"]["provisioningState"].as_str()).collect();
    assert_eq!(states.last(), Some(&"Failed"));
    let (_, complete) = ask(
        Method::PUT,
        &deployment,
        json!({ "properties": { "mode": "Complete", "template": template } }),
    )
    .await;
    assert_eq!(
        error(&complete),
        ("NotSimulated", "The local cloud does not simulate the mode 'Complete' of templates.")
    );
    assert_eq!(ask(Method::DELETE, &deployment, json!({})).await.0, 200);
    assert_eq!(
        error(&ask(Method::GET, &deployment, json!({})).await.1),
        ("DeploymentNotFound", "Deployment 'main' could not be found.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_providers_are_found_by_their_names() {
    let (_emulator, azure) = cloud().await;
    let tags = format!("{GROUP}/providers/Microsoft.Resources/tags/default");
    let body = json!({ "operation": "Merge", "properties": { "tags": { "team": "shop" } } });
    let (status, changed) = azure.arm(Method::PATCH, &tags, "2024-11-01", body).await;
    assert_eq!((status, &changed["properties"]["tags"]), (200, &json!({ "team": "shop" })));
    let (_, group) = azure.arm(Method::GET, GROUP, "2024-11-01", json!({})).await;
    assert_eq!(group["tags"], json!({ "team": "shop" }));

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

#[test]
fn damaged_state_is_named_with_the_way_out() {
    let program = Program::new();
    let state = program.path(STATE);
    std::fs::create_dir_all(&state).expect("a folder");
    std::fs::write(state.join("vault.json"), "{").expect("a file");

    let refused = program.run(&["local", "--detach", "--runtime", "built-in"]).exits(3).stderr;

    assert!(
        refused.contains(&format!(
            "help: the file is damaged, or was written by another version: `rm -r DIR/{STATE}` \
             removes what the cloud held, and the next start begins with an empty one"
        )),
        "{refused}"
    );
}
