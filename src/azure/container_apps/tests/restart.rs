//! The restart of a revision.

use super::{APP, client, desired, id, live};
use crate::azure::container_apps::{App, AppEvent};
use crate::azure::fake::Reply;
use serde_json::{Value, json};
use std::sync::Mutex;

fn replicas(created: &str, ready: bool, restarts: u32) -> Reply {
    let container = json!({
        "name": "web", "ready": ready, "restartCount": restarts,
        "runningState": if ready { "Running" } else { "Waiting" },
    });
    let properties = json!({ "createdTime": created, "containers": [container] });
    Reply::json(200, &json!({ "value": [{ "name": "a", "properties": properties }] }))
}

fn revision(state: &str) -> Value {
    json!({ "name": "web--r1", "properties": {
        "active": true, "healthState": "Healthy", "runningState": state,
        "provisioningState": "Provisioned" } })
}

/// What became of the restart, what was said, and the requests.
async fn restarted(after: Vec<Reply>) -> (Result<(), String>, Vec<String>, String) {
    let path = format!("{APP}/revisions/web--r1");
    let shown = [vec![replicas("10:00", true, 0)], after].concat();
    let (fake, apps) = client(vec![
        (&format!("GET {path}/replicas"), shown),
        (&format!("GET {path}"), vec![Reply::json(200, &revision("Running"))]),
        (&format!("POST {path}/restart"), vec![Reply::new(200, "\"Restart succeeded\"")]),
    ])
    .await;
    let app: App = serde_json::from_value(live(&desired())).expect("an app");
    let said = Mutex::new(Vec::new());
    let events = |event: AppEvent| said.lock().expect("no panic").push(event.to_string());
    let result = apps.restart(&id(), &app, &events).await.map_err(|error| error.to_string());
    let said = said.into_inner().expect("no panic");
    (result, said, fake.log())
}

#[tokio::test]
async fn restart_is_over_once_new_replicas_are_ready() {
    let (result, said, log) = restarted(vec![
        replicas("10:00", true, 0),
        replicas("10:05", false, 0),
        replicas("10:05", true, 0),
    ])
    .await;
    assert_eq!(result, Ok(()));
    assert_eq!(
        said,
        [
            "Azure accepted the restart",
            "waiting for the replicas of revision `web--r1` to be started again",
            "waiting for revision `web--r1` to be ready",
        ]
    );
    assert_eq!(log.matches("/restart").count(), 1, "{log}");
}

#[tokio::test]
async fn revision_that_crashes_after_a_restart_is_an_error() {
    let (result, _, _) = restarted(vec![replicas("10:05", false, 2)]).await;
    assert_eq!(
        result,
        Err(
            "cannot start app `web`: revision `web--r1` does not run: container `web`: Waiting, 2 \
             restarts"
                .to_owned()
        )
    );
}
