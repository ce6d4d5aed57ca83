//! ACR Tasks: quick builds of a registry (`RegistryTasks`, 2019-06-01-preview).
//!
//! A context is uploaded to storage (`storage`), `scheduleRun` starts a run (`runs`), and a
//! task of this process builds (`build`): without an engine where nothing has to run
//! (`native`), else with the first that works (`engine`). The image goes into the registry
//! (`publish`), and the log is a blob that grows. As at the service, a run is there at once
//! and `provisioningState` says nothing of the build.

mod build;
mod engine;
mod error;
mod log;
mod native;
mod publish;
mod runs;
mod storage;

pub use runs::Builds;
pub use storage::answer;

use super::handle::Arm;
use super::request::ArmRequest;
use super::response::{ArmError, ArmResponse};
use crate::local::initial_state::AzureRegistry;
use http::{Method, StatusCode};
use runs::Run;
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers what a registry is asked about builds; `None` for any other path. `words` come
/// after the registry's name.
pub fn handle(
    arm: &Arc<Arm>,
    request: &ArmRequest,
    registry: &AzureRegistry,
    words: &[&str],
) -> Option<Result<ArmResponse, ArmError>> {
    let (get, post) = (request.method == Method::GET, request.method == Method::POST);
    let found = |id: &str| arm.builds.find(registry, id).ok_or_else(|| missing(registry, id));
    Some(match *words {
        ["listbuildsourceuploadurl"] if post => Ok(arm.builds.source_place()),
        ["schedulerun"] if post => schedule(arm, request, registry),
        ["runs"] if get => {
            let runs = arm.builds.of(registry);
            Ok(ArmResponse::list(runs.iter().map(|run| shown(arm, registry, run))))
        }
        ["runs", id] if get => found(id).map(|run| ArmResponse::ok(shown(arm, registry, &run))),
        ["runs", id, "listlogsasurl"] if post => found(id).map(|run| arm.builds.log_link(&run)),
        ["runs", id, "cancel"] if post => found(id).map(|run| {
            run.stop.cancel();
            ArmResponse::empty(StatusCode::OK)
        }),
        _ => return None,
    })
}

fn schedule(
    arm: &Arc<Arm>,
    request: &ArmRequest,
    registry: &AzureRegistry,
) -> Result<ArmResponse, ArmError> {
    let body = request.json()?;
    check(&body)?;
    let run = arm.builds.add(registry, &body);
    let answer = shown(arm, registry, &run);
    tokio::spawn(build::run(Arc::clone(arm), run));
    Ok(ArmResponse::ok(answer))
}

/// What the local cloud builds.
fn check(body: &Value) -> Result<(), ArmError> {
    let bad = |message: String| Err(ArmError::bad("InvalidRequestContent", message));
    match body["type"].as_str() {
        Some("DockerBuildRequest") => {}
        Some(other) => {
            let message = format!("The local cloud runs no '{other}', only 'DockerBuildRequest'.");
            return Err(ArmError::bad("NotSupported", message));
        }
        None => return bad("The property 'type' is required.".to_owned()),
    }
    for required in ["dockerFilePath", "sourceLocation"] {
        if body[required].as_str().is_none_or(str::is_empty) {
            return bad(format!("The property '{required}' is required."));
        }
    }
    if body["platform"]["os"].as_str().is_none() {
        return bad("The property 'platform.os' is required.".to_owned());
    }
    let timeout = &body["timeout"];
    if !timeout.is_null() && timeout.as_u64().is_none_or(|it| !(300..=28800).contains(&it)) {
        return bad(format!("The value '{timeout}' of 'timeout' is not from 300 to 28800."));
    }
    Ok(())
}

fn missing(registry: &AzureRegistry, id: &str) -> ArmError {
    let message = format!("The run '{id}' of registry '{}' was not found.", registry.name);
    ArmError::missing("RunNotFound", message)
}

fn shown(arm: &Arm, registry: &AzureRegistry, run: &Run) -> Value {
    let subscription = &arm.identity().subscription_id;
    let (group, name) = (&registry.resource_group, &registry.name);
    let state = run.state();
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "runId": run.id,
        "status": state.status,
        "lastUpdatedTime": state.updated,
        "runType": "QuickRun",
        "createTime": run.created,
        "platform": run.request["platform"],
        "agentConfiguration": { "cpu": 2 },
        "isArchiveEnabled": false,
    });
    for (key, time) in [("startTime", &state.started), ("finishTime", &state.finished)] {
        if let Some(time) = time {
            properties[key] = json!(time);
        }
    }
    if !state.images.is_empty() {
        properties["outputImages"] = json!(state.images);
    }
    json!({
        "id": format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/\
             Microsoft.ContainerRegistry/registries/{name}/runs/{}",
            run.id
        ),
        "name": run.id,
        "type": "Microsoft.ContainerRegistry/registries/runs",
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        let mut body = json!({
            "type": "DockerBuildRequest", "dockerFilePath": "Dockerfile",
            "sourceLocation": "tasks-source/1/2.tar.gz", "platform": { "os": "Linux" },
        });
        check(&body).expect("it is fine");
        change(&mut body);
        let refusal = check(&body).expect_err("it is refused");
        format!("{}: {}", refusal.code, refusal.message)
    }

    #[test]
    fn what_is_not_a_build_is_refused_by_name() {
        assert_eq!(
            refused(|body| body["type"] = json!("TaskRunRequest")),
            "NotSupported: The local cloud runs no 'TaskRunRequest', only 'DockerBuildRequest'."
        );
        let missing = |key: &str| {
            let key = key.to_owned();
            refused(move |body| body[&key] = Value::Null)
        };
        for key in ["type", "dockerFilePath", "sourceLocation"] {
            assert_eq!(
                missing(key),
                format!("InvalidRequestContent: The property '{key}' is required.")
            );
        }
        assert_eq!(
            missing("platform"),
            "InvalidRequestContent: The property 'platform.os' is required."
        );
        assert_eq!(
            refused(|body| body["timeout"] = json!(60)),
            "InvalidRequestContent: The value '60' of 'timeout' is not from 300 to 28800."
        );
    }
}
