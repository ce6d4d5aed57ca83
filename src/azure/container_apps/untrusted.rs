//! Entry points for the fuzz targets: an app, its revisions and logs, as Azure reports them.

use super::app::App;
use super::difference::is_as_deployed;
use super::evidence::AppEvidence;
use super::logs::{container_of, stream_url, timed};
use super::previous::PreviousApp;
use super::revision::{Replica, ReplicaContainer, Revision};
use serde_json::Value;
use std::collections::BTreeMap;

/// Does with an app what a deploy, `status`, `logs` and a rollback do with it. Returns the
/// texts that come out.
pub fn app(document: &Value, log: &str) -> Vec<String> {
    let app = App::of(document.clone());
    let revision = Revision { document: document["revision"].clone() };
    let replicas: Vec<Replica> =
        serde_json::from_value(document["replicas"].clone()).unwrap_or_default();
    let evidence = AppEvidence::of(&app, Some(&revision), &replicas, Some(log));
    let mut texts = evidence.lines();
    texts.push(evidence.remedy());
    texts.extend(app.url());
    texts.extend(app.tags().into_values());
    texts.push(format!("{:?}", is_as_deployed(&app)));
    texts.push(format!("{:?}", container_of(&replicas, log).map(ReplicaContainer::describe)));
    let previous = PreviousApp::of(&app, |text| text == log);
    let known = BTreeMap::new();
    texts.extend(previous.missing(&known));
    texts.push(previous.body(&known, "r2").to_string());
    texts.extend(previous.servers());
    texts.extend(previous.secure_variables());
    texts
}

/// The lines of a log, with their times.
pub fn log(answer: &str) -> String {
    timed(answer)
}

/// The host of a stream of an app, and that of the stream itself, where it may be opened.
pub fn stream_hosts(document: &Value, endpoint: &str) -> Option<(String, String)> {
    let app = App::of(document.clone());
    let url = stream_url("read", &app, endpoint).ok()?;
    let home = url::Url::parse(app.event_stream()).ok()?;
    Some((home.host_str()?.to_owned(), url.host_str()?.to_owned()))
}
