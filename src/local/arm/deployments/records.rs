//! The deployments of a resource group, and how they are shown.

use super::super::handle::Arm;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::DeploymentRecord;
use super::deploy::{Deployed, DeploymentFailure};
use super::evaluate::DeploymentPlace;
use super::template::Template;
use crate::local::identity::random_uuid;
use crate::oci::Digest;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use std::time::Duration;

const KIND: &str = "Microsoft.Resources/deployments";

/// How long clients wait between two looks at a deployment, in seconds.
pub const RETRY_AFTER: &str = "2";

/// How long the first look waits for the end.
const FIRST_POLL_TIME: Duration = Duration::from_secs(4);

const POLL_INTERVAL: Duration = Duration::from_millis(100);

fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}").to_ascii_lowercase()
}

pub fn find(arm: &Arm, group: &str, name: &str) -> Result<DeploymentRecord, ArmError> {
    let found = arm.store.read().deployments.get(&key(group, name)).cloned();
    found.ok_or_else(|| {
        ArmError::missing("DeploymentNotFound", format!("Deployment '{name}' could not be found."))
    })
}

pub fn list(arm: &Arm, group: &str) -> ArmResponse {
    let all: Vec<DeploymentRecord> = arm.store.read().deployments.values().cloned().collect();
    let own = all.iter().filter(|it| it.resource_group.eq_ignore_ascii_case(group));
    ArmResponse::list(own.map(|it| shown(arm, it)).collect::<Vec<_>>())
}

/// Removes the record. What was deployed stays.
pub fn remove(arm: &Arm, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let key = key(group, name);
    let removed = arm.store.change(|content| content.deployments.remove(&key));
    let removed = removed.map_err(|error| ArmError::broken(&error))?;
    Ok(ArmResponse::empty(match removed {
        Some(_) => StatusCode::OK,
        None => StatusCode::NO_CONTENT,
    }))
}

/// Removes the records of a resource group.
pub fn remove_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let removed = arm.store.change(|content| {
        content.deployments.retain(|_, it| !it.resource_group.eq_ignore_ascii_case(group));
    });
    removed.map_err(|error| ArmError::broken(&error))
}

/// Records that a deployment begins. Fails where one of its name is not at its end.
pub fn begin(
    arm: &Arm,
    place: &DeploymentPlace,
    template: &Template,
) -> Result<DeploymentRecord, ArmError> {
    let group = place.resource_group["name"].as_str().unwrap_or_default();
    let name = &place.deployment;
    if let Ok(before) = find(arm, group, name)
        && before.state == "Running"
    {
        let message = format!(
            "Unable to edit or replace deployment '{name}': previous deployment from '{}' is still \
             active (expiration time is unknown). Please see https://aka.ms/arm-deploy for usage \
             details.",
            before.begun
        );
        return Err(ArmError::conflict("DeploymentActive", message));
    }
    let record = DeploymentRecord {
        name: name.clone(),
        resource_group: group.to_owned(),
        state: "Running".to_owned(),
        begun: jiff::Timestamp::now().to_string(),
        correlation_id: random_uuid(),
        hash: Digest::of(json!(template.outputs).to_string().as_bytes()).hex()[..16].to_owned(),
        parameters: template.shown_parameters.clone(),
        outputs: Map::new(),
        resources: Vec::new(),
        error: Value::Null,
        failed: String::new(),
    };
    keep(arm, &record)?;
    Ok(record)
}

fn keep(arm: &Arm, record: &DeploymentRecord) -> Result<(), ArmError> {
    let key = key(&record.resource_group, &record.name);
    let kept = arm.store.change(|content| drop(content.deployments.insert(key, record.clone())));
    kept.map_err(|error| ArmError::broken(&error))
}

/// Records how a deployment ended.
pub fn end(arm: &Arm, mut record: DeploymentRecord, ended: Result<Deployed, DeploymentFailure>) {
    match ended {
        Ok(Deployed { resources, outputs }) => {
            "Succeeded".clone_into(&mut record.state);
            (record.resources, record.outputs) = (resources, outputs);
        }
        Err(DeploymentFailure { error, resource, deployed }) => {
            "Failed".clone_into(&mut record.state);
            record.resources = deployed;
            record.error = json!({
                "code": "DeploymentFailed",
                "target": id(arm, &record),
                "message": "At least one resource deployment operation failed. Please list \
                            deployment operations for details. Please see \
                            https://aka.ms/arm-deployment-operations for usage details.",
                "details": [{ "code": error.code, "message": error.message }],
            });
            record.failed = resource;
        }
    }
    if let Err(error) = keep(arm, &record) {
        tracing::warn!(?error, "a deployment could not be recorded");
    }
}

fn id(arm: &Arm, record: &DeploymentRecord) -> String {
    let subscription = &arm.identity().subscription_id;
    let DeploymentRecord { name, resource_group, .. } = record;
    format!("/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{KIND}/{name}")
}

pub fn shown(arm: &Arm, record: &DeploymentRecord) -> Value {
    let resources = record.resources.iter().map(|id| json!({ "id": id }));
    let mut shown = json!({
        "id": id(arm, record), "name": record.name, "type": KIND,
        "properties": {
            "templateHash": record.hash, "parameters": record.parameters, "mode": "Incremental",
            "provisioningState": record.state, "timestamp": record.begun, "duration": "PT0S",
            "correlationId": record.correlation_id, "providers": [], "dependencies": [],
            "outputResources": resources.collect::<Vec<_>>(),
        },
    });
    if !record.outputs.is_empty() {
        shown["properties"]["outputs"] = json!(record.outputs);
    }
    if !record.error.is_null() {
        shown["properties"]["error"] = record.error.clone();
    }
    shown
}

/// What `validate` answers: the deployment as it would be.
pub fn validated(arm: &Arm, place: &DeploymentPlace, template: &Template) -> Value {
    let record = DeploymentRecord {
        name: place.deployment.clone(),
        resource_group: place.resource_group["name"].as_str().unwrap_or_default().to_owned(),
        state: "Succeeded".to_owned(),
        begun: jiff::Timestamp::now().to_string(),
        correlation_id: random_uuid(),
        hash: String::new(),
        parameters: template.shown_parameters.clone(),
        outputs: Map::new(),
        resources: Vec::new(),
        error: Value::Null,
        failed: String::new(),
    };
    let mut shown = shown(arm, &record);
    let deployed = template.resources.iter().filter(|resource| resource.is_deployed);
    let ids = deployed.map(|resource| json!({ "id": resource.id }));
    shown["properties"]["validatedResources"] = ids.collect();
    shown
}

/// The state of a deployment. The first look waits for its end, since clients look again only
/// later.
pub async fn status(arm: &Arm, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let until = tokio::time::Instant::now() + FIRST_POLL_TIME;
    let mut found = find(arm, group, name)?;
    while found.state == "Running" && tokio::time::Instant::now() < until {
        tokio::time::sleep(POLL_INTERVAL).await;
        found = find(arm, group, name)?;
    }
    let mut body = json!({ "status": found.state });
    if !found.error.is_null() {
        body["error"] = found.error;
    }
    let mut answer = ArmResponse::ok(body);
    answer.headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    Ok(answer)
}

/// One operation for each resource.
pub fn operations(arm: &Arm, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let found = find(arm, group, name)?;
    let base = id(arm, &found);
    let operation = |target: &String, state: &str, message: &Value| {
        let number = Digest::of(target.as_bytes()).hex()[..16].to_ascii_uppercase();
        json!({
            "id": format!("{base}/operations/{number}"), "operationId": number,
            "properties": {
                "provisioningOperation": "Create", "provisioningState": state,
                "timestamp": found.begun, "duration": "PT0S", "statusMessage": message,
                "statusCode": if state == "Succeeded" { "OK" } else { "BadRequest" },
                "targetResource": { "id": target },
            },
        })
    };
    let done = found.resources.iter().map(|id| operation(id, "Succeeded", &Value::Null));
    let error = json!({ "error": found.error["details"][0] });
    let failed = Some(&found.failed).filter(|failed| !failed.is_empty());
    let failed = failed.map(|id| operation(id, "Failed", &error));
    Ok(ArmResponse::list(done.chain(failed).collect::<Vec<_>>()))
}
