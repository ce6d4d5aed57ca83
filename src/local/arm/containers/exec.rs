//! Commands in running containers: POST makes a session, whose web socket is the terminal
//! of the command.
//!
//! As recorded, a session is also made for a container that has ended, and ends at once.
//! The service sends an empty frame first and no exit code ever.

use super::super::exec_sessions::ExecSession;
use super::super::handle::Arm;
use super::super::request::ArmRequest;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::ContainerGroup;
use super::records::{check_container, key};
use crate::local::arm::terminal::{Frames, answer, carry, handshake};
use crate::local::runtime::ExecCommand;
use axum::body::Body;
use axum::extract::{Path, State};
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The host and port of web sockets, in the domain of the recorded ones.
const AUTHORITY: &str = "local.atlas.cloudapp.azure.com:19390";

/// The path of a web socket, in the form of routes.
pub const PATH: &str = "/execstream/sessionId/{id}";

/// `POST …/containers/NAME/exec`.
pub fn start(
    arm: &Arm,
    request: &ArmRequest,
    found: &ContainerGroup,
    container: &str,
) -> Result<ArmResponse, ArmError> {
    check_container(found, container)?;
    let body = request.json()?;
    let Some(program) = body["command"].as_str().filter(|program| !program.is_empty()) else {
        let message = "The request content was invalid: the property 'command' is required.";
        return Err(ArmError::bad("InvalidRequestContent", message));
    };
    let number = |name: &str, default: u16| {
        let number = body["terminalSize"][name].as_u64().and_then(|it| u16::try_from(it).ok());
        number.filter(|&number| number > 0).unwrap_or(default)
    };
    let (rows, columns) = (number("rows", 24), number("cols", 80));
    let random = || -> Result<String, ArmError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| ArmError::broken(&error))?;
        Ok(hex::encode(bytes))
    };
    let (id, password) = (random()?, random()?);
    let session = ExecSession {
        made: Instant::now(),
        password: password.clone(),
        group: key(&found.resource_group, &found.name),
        container: container.to_owned(),
        command: ExecCommand { argv: words(program), rows, columns },
    };
    arm.exec_sessions.add(&id, session);
    let path = PATH.replace("{id}", &id);
    let uri = format!("wss://{AUTHORITY}{path}?api-version=1.0&rows={rows}&cols={columns}");
    Ok(ArmResponse::ok(json!({ "webSocketUri": uri, "password": password })))
}

/// A command line as its words: the service starts no shell, but takes arguments, and quotes
/// around those with spaces.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in command.chars() {
        match letter {
            '\'' | '"' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_none() && letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn command_is_split_into_words() {
    assert_eq!(words("/bin/sh"), ["/bin/sh"]);
    assert_eq!(words("sh -c 'echo \"a b\"' ''"), ["sh", "-c", "echo \"a b\"", ""]);
    assert_eq!(words("ls  -l /tmp "), ["ls", "-l", "/tmp"]);
}

/// Answers the handshake of a web socket (RFC 6455, section 4.2.2).
pub async fn connect(
    State(arm): State<Arc<Arm>>,
    Path(id): Path<String>,
    mut request: Request<Body>,
) -> Response<Body> {
    let Some(session) = arm.exec_sessions.take(&id) else {
        return answer(StatusCode::NOT_FOUND);
    };
    let (upgrade, response) = match handshake(&mut request) {
        Ok(accepted) => accepted,
        Err(status) => return answer(status),
    };
    tokio::spawn(async move {
        let Ok(stream) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None);
        if let Err(error) = converse(&arm, &session, socket.await).await {
            tracing::debug!(%error, "a terminal of a container ended early");
        }
    });
    response
}

/// Lets in a client that sends the password first, and carries its terminal.
async fn converse(
    arm: &Arm,
    session: &ExecSession,
    socket: impl Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error>,
) -> Result<(), Error> {
    let (mut sender, mut receiver) = socket.split();
    sender.send(Message::Binary(Vec::new().into())).await?;
    let first = receiver.next().await.transpose()?;
    if first.is_none_or(|first| first.into_data() != session.password.as_bytes()) {
        return sender.close().await;
    }
    let ExecSession { group, container, command, .. } = session;
    match arm.runtime.exec(group, container, command).await {
        Ok(terminal) => {
            carry(Box::new(terminal), Frames::PLAIN, &mut sender, &mut receiver).await?;
        }
        Err(error) => sender.send(Message::binary(error.with_causes())).await?,
    }
    sender.close().await
}
