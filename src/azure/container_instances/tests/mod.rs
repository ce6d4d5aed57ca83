//! Whole deploys against a fake of Resource Manager, with recorded answers
//! where there are any. Those about updates, quotas and DNS labels are built
//! from documentation: no recording holds one.

mod deploy;
mod exec;
mod failure;
mod replace;
mod restart;
mod values;

use super::testing::{container, group_of};
use crate::azure::container_instances::{
    ContainerInstances, DeployEvent, Desired, Group, GroupError, GroupId, Patience, Replace,
};
use crate::azure::fake::{FakeAzure, Reply};
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str =
    "/subscriptions/s/resourceGroups/r/providers/Microsoft.ContainerInstance/containerGroups/g";
const OPERATION: &str = "https://management.azure.com/operations/1?api-version=2018-06-01";

fn on(verb: &str) -> String {
    format!("{verb} management.azure.com{PATH}")
}

fn id() -> GroupId {
    GroupId { subscription: "s".into(), resource_group: "r".into(), name: "g".into() }
}

fn desired() -> Desired {
    Desired {
        replace: Replace::Never,
        ..group_of(container("web", "demo.azurecr.io/web@sha256:00"))
    }
}

fn groups(fake: &FakeAzure) -> ContainerInstances {
    let brief = Duration::from_millis(2);
    ContainerInstances::new(fake.arm()).patient(Patience { steady: brief, transition: brief })
}

/// A group with one container that does this.
fn group(view: &Value) -> Reply {
    Reply::json(200, &group_json(view))
}

fn group_json(view: &Value) -> Value {
    json!({
        "id": PATH,
        "name": "g",
        "location": "westeurope",
        "properties": {
            "provisioningState": "Succeeded",
            "isCustomProvisioningTimeout": false,
            "osType": "Linux",
            "restartPolicy": "Always",
            "containers": [{ "name": "web", "properties": {
                "image": "demo.azurecr.io/web@sha256:00",
                "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                "instanceView": view,
            } }],
            "ipAddress": {
                "type": "Public", "ip": "20.0.0.1", "fqdn": "demo-label.x.azurecontainer.io",
                "ports": [{ "protocol": "TCP", "port": 80 }],
            },
            "instanceView": { "events": [], "state": "Running" },
        },
    })
}

fn running() -> Reply {
    group(&running_view())
}

fn running_view() -> Value {
    json!({
        "restartCount": 0,
        "currentState": { "state": "Running", "startTime": "2026-01-01T00:00:00Z" },
    })
}

fn missing() -> Reply {
    Reply::new(404, r#"{"error":{"code":"ResourceNotFound","message":"not there"}}"#)
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message } }))
}

fn accepted() -> Reply {
    Reply::new(201, "{}").with("Azure-AsyncOperation", OPERATION)
}

fn succeeded() -> (&'static str, Vec<Reply>) {
    ("GET management.azure.com/operations/1", vec![Reply::new(200, r#"{"status":"Succeeded"}"#)])
}

/// Reads, applies and watches, as a deploy does.
async fn deploy_with_events(
    fake: &FakeAzure,
    desired: &Desired,
    events: &(dyn Fn(DeployEvent) + Send + Sync),
) -> Result<Group, GroupError> {
    let groups = groups(fake);
    let existing = groups.find(&desired.id).await?;
    groups.apply(desired, existing.as_ref(), events).await?;
    groups.watch(desired, events).await
}

async fn deploy(fake: &FakeAzure, desired: &Desired) -> Result<Group, GroupError> {
    deploy_with_events(fake, desired, &|_| {}).await
}
