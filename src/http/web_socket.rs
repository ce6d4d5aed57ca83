//! Web sockets (RFC 6455), opened by the same client as everything else: its proxy, its
//! trust and its timeouts hold for them too.

use super::client::{Client, route_of};
use super::error::Error;
use super::safe_url::SafeUrl;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use reqwest::{StatusCode, Upgraded, header};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

/// The connection of a web socket broke.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost")]
pub struct WebSocketLost(#[from] tungstenite::Error);

/// The side that sends.
#[derive(Debug)]
pub struct WebSocketSender {
    sink: SplitSink<WebSocketStream<Upgraded>, Message>,
    /// What each frame of bytes begins with.
    prefix: &'static [u8],
}

/// The side that receives.
#[derive(Debug)]
pub struct WebSocketReceiver {
    stream: SplitStream<WebSocketStream<Upgraded>>,
    /// What is taken of each frame.
    decode: fn(&[u8]) -> Vec<u8>,
}

impl WebSocketSender {
    pub async fn send_text(&mut self, text: &str) -> Result<(), WebSocketLost> {
        Ok(self.sink.send(Message::text(text)).await?)
    }

    pub async fn send(&mut self, bytes: Vec<u8>) -> Result<(), WebSocketLost> {
        let bytes = if self.prefix.is_empty() { bytes } else { [self.prefix, &bytes].concat() };
        Ok(self.sink.send(Message::binary(bytes)).await?)
    }

    /// The same side, of which each frame of bytes begins with `prefix`.
    #[must_use]
    pub fn prefixed(self, prefix: &'static [u8]) -> Self {
        Self { prefix, ..self }
    }

    /// Keeps a connection on which nothing else is sent from being cut as idle.
    pub async fn ping(&mut self) -> Result<(), WebSocketLost> {
        Ok(self.sink.send(Message::Ping(Vec::new().into())).await?)
    }

    pub async fn close(&mut self) -> Result<(), WebSocketLost> {
        Ok(self.sink.close().await?)
    }
}

impl WebSocketReceiver {
    /// The content of the next frame, which may be empty; `None` once the server has
    /// closed. Can be dropped while it waits.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, WebSocketLost> {
        loop {
            match self.stream.next().await.transpose()? {
                None | Some(Message::Close(_)) => return Ok(None),
                Some(data @ (Message::Binary(_) | Message::Text(_))) => {
                    return Ok(Some((self.decode)(&data.into_data())));
                }
                Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            }
        }
    }
}

impl WebSocketReceiver {
    /// The same side, of which `decode` takes the content of each frame.
    #[must_use]
    pub fn decoded(self, decode: fn(&[u8]) -> Vec<u8>) -> Self {
        Self { decode, ..self }
    }
}

impl Client {
    /// Opens a web socket at a `wss://` URL, with a bearer token if the server asks for one.
    pub async fn open_web_socket(
        &self,
        url: &Url,
        token: Option<&str>,
    ) -> Result<(WebSocketSender, WebSocketReceiver), Error> {
        let method = "GET".to_owned();
        let shown = SafeUrl::new(url.clone());
        let mut over_http = url.clone();
        // The handshake is a request of HTTP.
        if url.scheme() != "wss" || over_http.set_scheme("https").is_err() {
            let reason = "it is no `wss://` URL".to_owned();
            return Err(Error::NotSent { method, url: shown, reason });
        }
        let key = generate_key();
        let request = self
            .direct()
            .get(over_http)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = self.send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(super::client::refused(&method, response).await);
        }
        let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|accepted| accepted != derive_accept_key(key.as_bytes()).as_str()) {
            let reason = "it does not accept a web socket".to_owned();
            let route = route_of(&response);
            return Err(Error::Unreadable { method, url: shown, route, reason });
        }
        let route = route_of(&response);
        let upgraded = response.upgrade().await.map_err(|source| Error::Transport {
            method,
            url: shown,
            route,
            source: source.without_url(),
        })?;
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
        let (sink, stream) = socket.split();
        let sender = WebSocketSender { sink, prefix: &[] };
        Ok((sender, WebSocketReceiver { stream, decode: <[u8]>::to_vec }))
    }
}
