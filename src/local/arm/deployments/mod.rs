//! Deployments of templates in a resource group (Microsoft.Resources/deployments,
//! 2025-04-01), as far as small templates go: parameters, variables, conditions,
//! dependencies and the common functions. The rest is refused by name.

mod apart;
mod deploy;
mod error;
mod evaluate;
mod expression;
mod functions;
mod functions_list;
mod functions_text;
mod hashes;
mod limits;
mod loops;
mod outputs;
mod parameters;
mod records;
mod requests;
mod runtime;
mod template;
#[cfg(test)]
mod tests;
mod turn;
mod values;
mod what_if;

pub use records::remove_all;
pub use requests::{Dispatch, Requests};

use super::handle::Arm;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ASYNC_OPERATION, ArmError, ArmResponse};
use crate::local::identity::random_uuid;
use apart::apart;
use deploy::Deployment;
use error::TemplateError;
use evaluate::DeploymentPlace;
use http::{HeaderValue, Method, StatusCode, header};
use records::{find, list, shown, status};
use serde_json::{Value, json};
use std::sync::Arc;
use template::Template;

/// Whether a path is that of a deployment.
pub fn is_deployment(request: &ArmRequest) -> bool {
    let words = request.path.words();
    let is_own = request.path.provider.as_deref() == Some("microsoft.resources");
    let is_operations = request.path.provider.is_none() && words.len() == 3;
    (is_own || is_operations) && words.first().is_some_and(|word| word == "deployments")
}

pub async fn handle(
    arm: &Arc<Arm>,
    request: &ArmRequest,
    requests: Requests,
) -> Result<ArmResponse, ArmError> {
    let words = request.path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(group) = request.path.resource_group.as_deref() else {
        let what = "deployments outside of resource groups";
        return Err(TemplateError::not_simulated(what).into());
    };
    let group = resource_groups::find(arm, group)?;
    let named = request.path.rest.get(1).map(String::as_str).unwrap_or_default();
    let place = Arc::new(place(arm, request, &group.name, named)?);
    match (&request.method, words.as_slice()) {
        (&Method::GET, ["deployments"]) => Ok(list(arm, &group.name)),
        (&Method::GET, ["deployments", _]) => {
            Ok(ArmResponse::ok(shown(arm, &find(arm, &group.name, named)?)))
        }
        (&Method::HEAD, ["deployments", _]) => {
            let is_there = find(arm, &group.name, named).is_ok();
            let status = if is_there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
            Ok(ArmResponse::empty(status))
        }
        (&Method::DELETE, ["deployments", _]) => records::remove(arm, &group.name, named),
        (&Method::GET, ["deployments", _, "operationstatuses", _]) => {
            status(arm, &group.name, named).await
        }
        (&Method::GET, ["deployments", _, "operations"]) => {
            records::operations(arm, &group.name, named)
        }
        (&Method::POST, ["deployments", _, "validate"]) => {
            let template = read_apart(arm, request, &place).await?;
            Ok(ArmResponse::ok(records::validated(arm, &place, &template)))
        }
        (&Method::POST, ["deployments", _, "whatif"]) => {
            let template = read_apart(arm, request, &place).await?;
            let changes = what_if::changes(&template, &place, &requests).await?;
            Ok(ArmResponse::ok(changes))
        }
        (&Method::PUT, ["deployments", _]) => put(arm, request, place, requests).await,
        _ => Err(request.no_such_route()),
    }
}

fn place(
    arm: &Arm,
    request: &ArmRequest,
    group: &str,
    deployment: &str,
) -> Result<DeploymentPlace, ArmError> {
    let found = resource_groups::find(arm, group)?;
    let identity = arm.identity();
    let subscription = request.path.subscription.clone().unwrap_or_default();
    Ok(DeploymentPlace {
        resource_group: json!({
            "id": format!("/subscriptions/{subscription}/resourceGroups/{}", found.name),
            "name": found.name, "type": "Microsoft.Resources/resourceGroups",
            "location": found.location, "tags": found.tags,
            "properties": { "provisioningState": "Succeeded" },
        }),
        subscription,
        tenant: identity.tenant_id.clone(),
        deployment: deployment.to_owned(),
    })
}

/// Reads the body of a request away from the threads that serve: its expressions are evaluated.
async fn read_apart(
    arm: &Arc<Arm>,
    request: &ArmRequest,
    place: &Arc<DeploymentPlace>,
) -> Result<Arc<Template>, ArmError> {
    let (arm, body, place) = (Arc::clone(arm), request.json()?, Arc::clone(place));
    apart(move || read(&arm, &body, &place)).await.map(Arc::new)
}

/// Reads the body of a request, with the secrets that parameters refer to.
fn read(arm: &Arm, body: &Value, place: &DeploymentPlace) -> Result<Template, ArmError> {
    let mut properties = body["properties"].clone();
    match properties["mode"].as_str() {
        None | Some("Incremental") => {}
        Some(mode) => {
            let what = format!("the mode '{mode}'");
            return Err(TemplateError::not_simulated(&what).into());
        }
    }
    for (name, given) in properties["parameters"].as_object_mut().into_iter().flatten() {
        let reference = &given["reference"];
        if reference.is_object() {
            let value = secret(arm, reference).ok_or_else(|| {
                let message = format!(
                    "The secret of KeyVault parameter '{name}' cannot be retrieved: there is none \
                     of this name that is enabled in the vault."
                );
                ArmError::bad("KeyVaultParameterReferenceSecretRetrieveFailed", message)
            })?;
            *given = json!({ "value": value });
        }
    }
    let template = Template::read(&properties, place)?;
    deploy::check(&template, place)?;
    Ok(template)
}

fn secret(arm: &Arm, reference: &Value) -> Option<String> {
    let vault = reference["keyVault"]["id"].as_str()?.rsplit('/').next()?;
    let host = format!("{}.vault.azure.net", vault.to_ascii_lowercase());
    let version = reference["secretVersion"].as_str();
    let found = arm.vaults.get(&host, reference["secretName"].as_str()?, version)?;
    found.enabled.then(|| found.value.expose().to_owned())
}

async fn put(
    arm: &Arc<Arm>,
    request: &ArmRequest,
    place: Arc<DeploymentPlace>,
    requests: Requests,
) -> Result<ArmResponse, ArmError> {
    check_name(&place.deployment)?;
    let template = read_apart(arm, request, &place).await?;
    let begun = records::begin(arm, &place, &template)?;
    let body = shown(arm, &begun);
    let id = body["id"].as_str().unwrap_or_default();
    let operation = format!(
        "https://{}{id}/operationStatuses/{}?api-version={}",
        request.host,
        random_uuid(),
        request.api_version()?
    );
    let arm = Arc::clone(arm);
    tokio::spawn(async move {
        let deployment = Deployment { template: &template, place: &place, requests: &requests };
        let ended = deployment.run().await;
        records::end(&arm, begun, ended);
    });
    let mut answer = ArmResponse::new(StatusCode::CREATED, body).with(ASYNC_OPERATION, &operation);
    answer.headers.insert(header::RETRY_AFTER, HeaderValue::from_static(records::RETRY_AFTER));
    Ok(answer)
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.()".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(is_good) && !name.ends_with('.') {
        return Ok(());
    }
    let message = format!(
        "The provided deployment name '{name}' is not valid. It has at most 64 letters, digits, \
         '-', '_', '.', '(' and ')', and does not end with '.'."
    );
    Err(ArmError::bad("InvalidDeploymentName", message))
}
