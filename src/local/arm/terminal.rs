//! Terminals of containers over web sockets (RFC 6455): the handshake, and the bytes both
//! ways.

use crate::local::runtime::ByteStream;
use axum::body::Body;
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Error, Message};

/// What frames have beside the bytes of the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    /// What a frame with typed bytes begins with. Other frames are for the service.
    pub input: &'static [u8],
    /// What a frame with output begins with.
    pub output: &'static [u8],
}

impl Frames {
    /// Frames of bytes alone.
    pub const PLAIN: Self = Self { input: &[], output: &[] };
}

/// Accepts a web socket, or refuses a request that is none.
pub fn handshake(request: &mut Request<Body>) -> Result<(OnUpgrade, Response<Body>), StatusCode> {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned() else {
        return Err(StatusCode::BAD_REQUEST);
    };
    let upgrade = hyper::upgrade::on(request);
    let mut response = answer(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok((upgrade, response))
}

/// An answer without a body.
pub fn answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Copies until the command ends or the client goes.
pub async fn carry(
    terminal: Box<dyn ByteStream>,
    frames: Frames,
    sender: &mut (impl Sink<Message, Error = Error> + Unpin),
    receiver: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
) -> Result<(), Error> {
    let (mut output, mut input) = tokio::io::split(terminal);
    let to_client = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match output.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(length) => {
                    let frame = [frames.output, &buffer[..length]].concat();
                    sender.send(Message::binary(frame)).await?;
                }
            }
        }
    };
    let to_command = async {
        while let Some(message) = receiver.next().await.transpose()? {
            if !message.is_binary() && !message.is_text() {
                continue;
            }
            let frame = message.into_data();
            let Some(typed) = frame.strip_prefix(frames.input) else { continue };
            if input.write_all(typed).await.is_err() {
                // The command has ended, and its last output is on its way.
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    };
    tokio::select! {
        done = to_client => done,
        done = to_command => done,
    }
}
