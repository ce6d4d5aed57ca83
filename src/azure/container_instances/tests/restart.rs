//! The restart of a group.

use super::{OPERATION, PATH, group, group_json, groups, id, on, running, running_view, succeeded};
use crate::azure::container_instances::{DeployEvent, Group};
use crate::azure::fake::{FakeAzure, Reply, shown};
use serde_json::{Value, json};
use std::sync::Mutex;

/// What became of the restart of a group that ran, what was said, and the requests.
async fn restarted(after: Vec<Reply>) -> (Result<(), String>, Vec<String>, String) {
    let (get, restart) = (on("GET"), format!("POST management.azure.com{PATH}/restart"));
    let logs = format!("{get}/containers/web/logs");
    let accepted = Reply::new(204, "").with("Azure-AsyncOperation", OPERATION);
    let fake = FakeAzure::script(vec![
        (&get, after),
        (&restart, vec![accepted]),
        (&logs, vec![Reply::json(200, &json!({ "content": "no database" }))]),
        succeeded(),
    ])
    .await;
    let said = Mutex::new(Vec::new());
    let keep = |event: DeployEvent| said.lock().expect("no panic").push(event.to_string());
    let before: Group = serde_json::from_value(group_json(&running_view())).expect("a group");
    let result = groups(&fake).restart(&id(), &before, &keep).await;
    let said = said.into_inner().expect("no panic");
    (result.map(drop).map_err(|error| shown(&error)), said, fake.log())
}

fn later(state: &Value) -> Reply {
    group(&json!({ "restartCount": 0, "currentState": state }))
}

#[tokio::test]
async fn restart_is_over_once_new_containers_run() {
    let new = json!({ "state": "Running", "startTime": "2026-01-01T00:05:00Z" });
    let (result, said, log) =
        restarted(vec![running(), later(&json!({ "state": "Waiting" })), later(&new)]).await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        said,
        ["Azure accepted the restart", "waiting for its containers to be started again",]
    );
    assert_eq!(log.matches("/restart -> 204").count(), 1, "{log}");
}

#[tokio::test]
async fn container_that_does_not_run_after_a_restart_is_an_error() {
    let crash = json!({ "state": "Waiting", "detailStatus": "CrashLoopBackOff: Back-off" });
    let (result, _, _) = restarted(vec![later(&crash)]).await;
    assert_eq!(
        result,
        Err("cannot start container group `g`: container `web` does not run: CrashLoopBackOff: \
             Back-off\n  now: Waiting, CrashLoopBackOff: Back-off\nits last lines:\n  no database"
            .to_owned())
    );
}

#[test]
fn containers_that_are_not_seen_to_start_again_are_said() {
    assert_eq!(
        DeployEvent::InstancesUnchanged.to_string(),
        "Azure still shows the containers as they were before the restart"
    );
}
