//! Deployments of templates.

use super::{GROUP, VERSION, cloud, error};
use reqwest::Method;
use serde_json::{Value, json};

/// A registry with a vault that has its password.
fn template() -> Value {
    json!({
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
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_deployed() {
    let (_emulator, azure) = cloud().await;
    let template = template();
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
async fn templates_are_bounded_and_outputs_have_their_types() {
    let (_emulator, azure) = cloud().await;
    let deployment = format!("{GROUP}/providers/Microsoft.Resources/deployments/main");
    let ask = async |method, path: &str, template: &Value| {
        let body = json!({ "properties": { "mode": "Incremental", "template": template } });
        azure.arm(method, path, "2025-04-01", body).await
    };
    let mut template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "resources": [], "variables": { "v0": "a" },
        "outputs": { "o": { "type": "string", "value": "[length(variables('v24'))]" } },
    });
    for at in 1..=24 {
        let before = format!("variables('v{}')", at - 1);
        template["variables"][format!("v{at}")] = json!(format!("[concat({before}, {before})]"));
    }
    let (status, refused) = ask(Method::POST, &format!("{deployment}/validate"), &template).await;
    assert_eq!(
        (status, error(&refused)),
        (
            400,
            (
                "InvalidTemplate",
                "Deployment template validation failed: 'The language expression value size limit \
                 exceeded. Limit: '4194304' and actual: '4194306'.'"
            )
        )
    );

    template["variables"] = json!({ "v24": "text" });
    assert_eq!(ask(Method::PUT, &deployment, &template).await.0, 201);
    let path = format!("{deployment}/operationStatuses/0");
    let (_, ended) = azure.arm(Method::GET, &path, "2025-04-01", json!({})).await;
    assert_eq!(
        ended["error"]["details"][0],
        json!({
            "code": "DeploymentOutputEvaluationFailed",
            "message": "The template output 'o' is not valid: The provided value for the template \
                        output 'o' is not valid. Expected a value of type 'String, Uri', but \
                        received a value of type 'Integer'. Please see \
                        https://aka.ms/arm-create-parameter-file for usage details..",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_azure_refuses_are_refused() {
    let (_emulator, azure) = cloud().await;
    let body = json!({ "location": "westeurope" });
    let (status, refused) =
        azure.arm(Method::PUT, "/resourceGroups/a%00b", "2021-04-01", body).await;
    assert_eq!(
        (status, error(&refused)),
        (
            400,
            (
                "InvalidResourceGroup",
                "The provided resource group name 'a\0b' has these invalid characters: '\0'. The \
                 name can only be a letter, digit, '-', '.', '(', ')' or '_'."
            )
        )
    );
    let path = "/resourceGroups/nope/providers/Microsoft.Authorization/roleAssignments/1";
    let (status, refused) = azure.arm(Method::PUT, path, "2022-04-01", json!({})).await;
    assert_eq!(
        (status, error(&refused)),
        (404, ("ResourceGroupNotFound", "Resource group 'nope' could not be found."))
    );
}
