//! Long-running operations and the URL at which clients follow them.

use super::super::handle::Arm;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::{ContainerGroup, Operation};
use super::records::key;
use crate::local::identity::random_uuid;
use crate::local::runtime::GroupView;
use serde_json::{Value, json};
use std::time::Duration;

/// The `api-version` in the operation's URL, which is the server's choice.
const OPERATION_API_VERSION: &str = "2018-06-01";
/// Older operations are forgotten.
const MAX_OPERATIONS: usize = 1_000;

/// Begins an operation on a group and returns its URL.
pub fn begin(arm: &Arm, host: &str, found: &ContainerGroup) -> Result<String, ArmError> {
    let id = random_uuid();
    let operation = Operation {
        resource: key(&found.resource_group, &found.name),
        start: jiff::Timestamp::now().to_string(),
        asked: 0,
    };
    let kept = arm.store.change(|content| {
        content.operations.insert(id.clone(), operation);
        if content.operations.len() > MAX_OPERATIONS {
            let oldest = content.operations.iter().min_by(|a, b| a.1.start.cmp(&b.1.start));
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.map(|id| content.operations.remove(&id));
        }
    });
    kept.map_err(|error| ArmError::broken(&error))?;
    let subscription = &arm.identity().subscription_id;
    let location = crate::value::normal_region(found.body["location"].as_str().unwrap_or_default());
    Ok(format!(
        "https://{host}/subscriptions/{subscription}/providers/Microsoft.ContainerInstance\
         /locations/{location}/operations/{id}?api-version={OPERATION_API_VERSION}"
    ))
}

/// How long the first poll waits for the containers to be started. `az` polls at once and
/// then every thirty seconds.
const FIRST_POLL_TIME: Duration = Duration::from_secs(4);

/// The status of an operation. The first poll says `Pending`, as recorded, unless the
/// containers are started soon.
pub async fn show(arm: &Arm, id: &str) -> Result<ArmResponse, ArmError> {
    let first = arm.store.read().operations.get(id).filter(|it| it.asked == 0).cloned();
    if let Some(operation) = first
        && let Some(mut view) = arm.runtime.watch(&operation.resource)
    {
        let settled = view.wait_for(GroupView::settled);
        tokio::time::timeout(FIRST_POLL_TIME, settled).await.map(drop).ok();
    }
    let mut content = arm.store.read();
    let Some(operation) = content.operations.get_mut(id) else {
        let message = format!("The operation '{id}' was not found.");
        return Err(ArmError::missing("OperationNotFound", message));
    };
    operation.asked += 1;
    let (asked, start, resource) =
        (operation.asked, operation.start.clone(), operation.resource.clone());
    let found = content.container_groups.get(&resource).cloned();
    drop(content);
    let view = arm.runtime.view(&resource);
    let refused = view.as_ref().and_then(|view| view.refused.clone());
    let settled = view.is_none_or(|view| view.settled());
    let status = match (asked, &refused) {
        (_, Some(_)) => "Failed",
        (_, None) if settled => "Succeeded",
        (1, None) => "Pending",
        _ => "Creating",
    };
    let id = found.map_or(Value::Null, |found| json!(found.id));
    let mut body = json!({
        "id": id, "status": status, "startTime": start, "properties": { "events": [] },
    });
    if let Some(reason) = refused {
        body["error"] = json!({ "code": "ContainerGroupDeploymentFailed", "message": reason });
    }
    Ok(ArmResponse::ok(body))
}
