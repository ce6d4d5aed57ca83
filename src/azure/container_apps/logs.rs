//! What containers write, from the service of the region that has it: it is no part of
//! Resource Manager, and takes a token that the app gives out for an hour.

use super::app::App;
use super::client::{API_VERSION, ContainerApps};
use super::error::AppError;
use super::id::{AppId, AppTarget};
use super::revision::{Replica, ReplicaContainer};
use crate::azure::{ArmRequest, Verb};
use crate::http;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// The most lines that the service gives at once.
const MAX_LINES: u32 = 300;

/// Larger than that many lines.
const MAX_LOG_BYTES: usize = 16 << 20;

/// What the service writes into each log before the first line.
const GREETINGS: [&str; 2] = ["Connecting to the container", "Successfully Connected to container"];

impl ContainerApps {
    /// The log of a container of the revision that gets the requests, with an RFC 3339 timestamp before each
    /// line, of the last `tail` lines or as many as the service has; empty where nothing runs.
    pub async fn timed_log(
        &self,
        target: &AppTarget,
        container: &str,
        tail: Option<u32>,
    ) -> Result<String, AppError> {
        let id = &target.app;
        let Some(app) = self.find_part(target).await? else { return Ok(String::new()) };
        let replicas = self.replicas(id, app.revision()).await?;
        self.log_of(id, &app, &replicas, container, tail).await
    }

    /// The same, of replicas that were read.
    pub async fn log_of(
        &self,
        id: &AppId,
        app: &App,
        replicas: &[Replica],
        container: &str,
        tail: Option<u32>,
    ) -> Result<String, AppError> {
        const DOING: &str = "read the log of";
        let endpoint = container_of(replicas, container)
            .and_then(|container| container.log_stream_endpoint.as_deref());
        let Some(endpoint) = endpoint else { return Ok(String::new()) };
        let mut url = stream_url(DOING, app, endpoint)?;
        let lines = tail.unwrap_or(MAX_LINES).min(MAX_LINES).to_string();
        url.query_pairs_mut()
            .append_pair("follow", "false")
            .append_pair("output", "json")
            .append_pair("tailLines", &lines);
        let token = self.stream_token(id).await?;
        let failed = |source| AppError::Stream {
            doing: DOING,
            app: id.name.clone(),
            source: Box::new(source),
        };
        let request = self.arm.http.direct().get(url).bearer_auth(token.expose());
        let response = self.arm.http.send(request).await.map_err(failed)?;
        let bytes = http::body("GET", response, MAX_LOG_BYTES).await.map_err(failed)?;
        Ok(timed(&String::from_utf8_lossy(&bytes)))
    }

    /// A token for logs and terminals of the app.
    pub async fn stream_token(&self, id: &AppId) -> Result<StreamToken, AppError> {
        let path = format!("{id}/getAuthToken");
        let request =
            ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
        let failed = |source| AppError::of("get a token for", id, source);
        let mut response = self.arm.call(&request).await.map_err(failed)?;
        match response.body["properties"]["token"].take() {
            Value::String(token) => Ok(StreamToken(token)),
            _ => Err(failed(self.arm.unreadable(&path, &"it has no token"))),
        }
    }
}

/// A token for logs and terminals, without a `Debug` that would show it.
pub struct StreamToken(String);

impl StreamToken {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The URL of a log or a terminal. The token is for the host of the app's streams, and is
/// sent to no other.
pub fn stream_url(doing: &'static str, app: &App, endpoint: &str) -> Result<Url, AppError> {
    let url = Url::parse(endpoint).ok();
    let home = Url::parse(app.event_stream()).ok();
    let is_own = |url: &Url| home.as_ref().is_some_and(|home| home.host() == url.host());
    url.filter(is_own).ok_or_else(|| AppError::ForeignHost { doing, app: app.name().to_owned() })
}

/// The first replica's container of that name.
pub fn container_of<'a>(replicas: &'a [Replica], name: &str) -> Option<&'a ReplicaContainer> {
    replicas
        .iter()
        .flat_map(|replica| &replica.properties.containers)
        .find(|container| container.name == name)
}

/// Lines with their times. Each line of the service is a JSON object.
pub fn timed(answer: &str) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Line {
        time_stamp: String,
        log: String,
    }
    let mut read: Vec<(String, String)> = Vec::new();
    for line in answer.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Line>(line) {
            Ok(Line { log, .. }) if GREETINGS.iter().any(|it| log.starts_with(it)) => {}
            Ok(Line { time_stamp, log }) => read.push((rfc3339(&time_stamp), log)),
            Err(_) => read.push((String::new(), line.to_owned())),
        }
    }
    // The runtime of the service may mark whole and partial lines by a letter.
    let is_marked = |(_, text): &(String, String)| text.starts_with("F ") || text.starts_with("P ");
    let marked = if !read.is_empty() && read.iter().all(is_marked) { 2 } else { 0 };
    let lines = read.iter().map(|(time, text)| {
        let text = text[marked..].trim_end();
        if time.is_empty() { format!("{text}\n") } else { format!("{time} {text}\n") }
    });
    lines.collect()
}

/// A time with its zone: the service leaves it out, and means UTC.
fn rfc3339(time: &str) -> String {
    if time.parse::<Timestamp>().is_ok() {
        return time.to_owned();
    }
    let utc = format!("{time}Z");
    if utc.parse::<Timestamp>().is_ok() { utc } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::timed;

    #[test]
    fn lines_have_their_times() {
        let answer = concat!(
            r#"{"TimeStamp":"2026-11-20T10:00:00.1","Log":"Connecting to the container 'web'..."}"#,
            "\n",
            r#"{"TimeStamp":"2026-11-20T10:00:01.25","Log":"F ready"}"#,
            "\n",
            r#"{"TimeStamp":"2026-11-20T10:00:02+00:00","Log":"F GET /"}"#,
            "\n",
        );
        assert_eq!(
            timed(answer),
            "2026-11-20T10:00:01.25Z ready\n2026-11-20T10:00:02+00:00 GET /\n"
        );
    }

    #[test]
    fn what_is_no_json_is_kept() {
        assert_eq!(timed("ready\n\nF x\n"), "ready\nF x\n");
        assert_eq!(timed(r#"{"TimeStamp":"soon","Log":"ready"}"#), "ready\n");
    }
}
