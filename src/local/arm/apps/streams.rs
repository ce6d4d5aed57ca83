//! The service that has the logs and the terminals of apps: it is no part of Resource
//! Manager, and takes tokens of `getAuthToken` alone.

use super::super::handle::Arm;
use super::super::store::App;
use super::group::runtime_id;
use super::show::path;
use crate::local::arm::terminal::{self, Frames, carry, handshake};
use crate::local::runtime::{ExecCommand, LogQuery};
use axum::body::Body;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::sync::Arc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

const MAX_LINES: u64 = 300;
const DEFAULT_LINES: u64 = 20;

/// Frames with input begin with two zeros, and those with output with the number of the
/// stream after one.
const FRAMES: Frames = Frames { input: &[0, 0], output: &[0, 1] };
/// What a frame with an error of the service begins with.
const FAILURE: u8 = 2;

/// A container of a revision.
struct Place {
    group: String,
    container: String,
}

pub fn answer(arm: &Arc<Arm>, request: Request<Body>) -> Response<Body> {
    if !arm.stream_tokens.lets_in(&request) {
        return said(StatusCode::UNAUTHORIZED, "the token is missing or has expired");
    }
    let asked = request.uri().path().to_owned();
    let Some((place, action)) = place(arm, &asked) else {
        return said(StatusCode::NOT_FOUND, "there is no such container");
    };
    match action.as_str() {
        "logstream" => log(arm, &place, request.uri().query().unwrap_or_default()),
        "exec" => exec(arm, place, request),
        _ => said(StatusCode::NOT_FOUND, "the local cloud has logs and terminals alone"),
    }
}

/// `…/containerApps/A/revisions/R/replicas/P/containers/C/ACTION`.
fn place(arm: &Arm, asked: &str) -> Option<(Place, String)> {
    let content = arm.store.read();
    let of = |app: &&App| {
        let own = format!("{}/", path(app).to_ascii_lowercase());
        asked.to_ascii_lowercase().starts_with(&own)
    };
    let app = content.apps.values().find(of)?;
    let rest: Vec<&str> = asked.get(path(app).len() + 1..)?.split('/').collect();
    let ["revisions", revision, "replicas", _, "containers", container, action] = *rest else {
        return None;
    };
    let group = runtime_id(app, revision);
    Some((Place { group, container: container.to_owned() }, action.to_owned()))
}

fn log(arm: &Arm, place: &Place, query: &str) -> Response<Body> {
    let parameter = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let lines =
        parameter("tailLines").and_then(|lines| lines.parse().ok()).unwrap_or(DEFAULT_LINES);
    if lines > MAX_LINES {
        return said(StatusCode::BAD_REQUEST, "tailLines is 300 at most");
    }
    let tail = usize::try_from(lines).ok();
    let query = LogQuery { tail, timestamps: true };
    let Ok(content) = arm.runtime.logs(&place.group, &place.container, query) else {
        return said(StatusCode::NOT_FOUND, "there is no log");
    };
    let json = content.lines().map(|line| {
        let (time, text) = line.split_once(' ').unwrap_or(("", line));
        format!("{}\n", json!({ "TimeStamp": time, "Log": format!("F {text}") }))
    });
    let greeting = format!(
        "{}\n",
        json!({
            "TimeStamp": jiff::Timestamp::now().to_string(),
            "Log": format!("Connecting to the container '{}'...", place.container),
        })
    );
    Response::new(Body::from(std::iter::once(greeting).chain(json).collect::<String>()))
}

fn exec(arm: &Arc<Arm>, place: Place, mut request: Request<Body>) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let command = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "command")
        .map_or_else(|| "sh".to_owned(), |(_, value)| value.into_owned());
    let (upgrade, response) = match handshake(&mut request) {
        Ok(accepted) => accepted,
        Err(status) => return terminal::answer(status),
    };
    let arm = Arc::clone(arm);
    tokio::spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None);
        if let Err(error) = converse(&arm, &place, command, socket.await).await {
            tracing::debug!(%error, "a terminal of an app ended early");
        }
    });
    response
}

/// Carries a terminal, whose size the first frame may tell.
async fn converse(
    arm: &Arm,
    place: &Place,
    command: String,
    socket: impl Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error>,
) -> Result<(), Error> {
    let (mut sender, mut receiver) = socket.split();
    let first = receiver.next().await.transpose()?.map(Message::into_data).unwrap_or_default();
    let size: serde_json::Value =
        serde_json::from_slice(first.get(2..).unwrap_or_default()).unwrap_or_default();
    let number = |name: &str, default: u16| {
        size[name]
            .as_u64()
            .and_then(|it| u16::try_from(it).ok())
            .filter(|it| *it > 0)
            .unwrap_or(default)
    };
    let argv = command.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let command = ExecCommand { argv, rows: number("Height", 24), columns: number("Width", 80) };
    match arm.runtime.exec(&place.group, &place.container, &command).await {
        Ok(terminal) => carry(Box::new(terminal), FRAMES, &mut sender, &mut receiver).await?,
        Err(error) => {
            let words = [&[FAILURE], error.with_causes().as_bytes()].concat();
            sender.send(Message::binary(words)).await?;
        }
    }
    sender.close().await
}

fn said(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
