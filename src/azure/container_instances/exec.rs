//! Starts a program in a container, on a terminal that a web socket carries.
//!
//! The service takes one program and no arguments, cannot change the size of the terminal,
//! and never tells the exit code.

use super::client::{API_VERSION, ContainerInstances, failed};
use super::failure::GroupError;
use super::id::GroupId;
use crate::azure::{ArmRequest, TerminalSize, Verb};
use crate::http::{WebSocketReceiver, WebSocketSender};
use serde::Deserialize;
use serde_json::json;
use url::Url;

/// A program in a container.
#[derive(Debug)]
pub struct ContainerTerminal {
    pub sender: WebSocketSender,
    pub receiver: WebSocketReceiver,
}

/// The response, without a `Debug` that would show the password.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecResponse {
    web_socket_uri: Url,
    password: String,
}

impl ContainerInstances {
    /// Starts a program. A container that has ended is not refused by the service: the
    /// terminal then closes at once.
    pub async fn exec(
        &self,
        id: &GroupId,
        container: &str,
        program: &str,
        size: TerminalSize,
    ) -> Result<ContainerTerminal, GroupError> {
        let path = format!("{id}/containers/{container}/exec");
        let body = json!({
            "command": program,
            "terminalSize": { "rows": size.rows, "cols": size.columns },
        });
        let request = ArmRequest {
            verb: Verb::Post,
            path: &path,
            api_version: API_VERSION,
            body: Some(&body),
        };
        let sent = self.arm.call(&request).await;
        let response = sent.map_err(|source| failed("start a program in", id, source))?;
        let response: ExecResponse = serde_json::from_value(response.body).map_err(|error| {
            failed("start a program in", id, self.arm.unreadable(&path, &error))
        })?;
        let lost = |source: Box<dyn std::error::Error + Send + Sync>| GroupError::Terminal {
            group: id.name.clone(),
            source,
        };
        let opened = self.arm.http.open_web_socket(&response.web_socket_uri, None).await;
        let (mut sender, receiver) = opened.map_err(|error| lost(Box::new(error)))?;
        // The first frame lets the client in.
        let sent = sender.send_text(&response.password).await;
        sent.map_err(|error| lost(Box::new(error)))?;
        Ok(ContainerTerminal { sender, receiver })
    }
}
