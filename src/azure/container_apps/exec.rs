//! Starts a program in a container, on a terminal that a web socket carries.
//!
//! Each frame begins with a byte that says whether it is the terminal's or the service's
//! (`azext_containerapp`, `_ssh_utils.py`). The service never tells the exit code.

use super::client::ContainerApps;
use super::error::AppError;
use super::id::AppTarget;
use super::logs::{container_of, stream_url};
use crate::azure::TerminalSize;
use crate::http::{WebSocketReceiver, WebSocketSender};

/// What comes before the bytes that a client types.
const INPUT: &[u8] = &[0, 0];
/// What comes before the size of the terminal, as JSON.
const RESIZE: &[u8] = &[0, 4];

/// A program in a container.
#[derive(Debug)]
pub struct AppTerminal {
    pub sender: WebSocketSender,
    pub receiver: WebSocketReceiver,
}

impl ContainerApps {
    /// Starts a program in the revision that gets the requests.
    pub async fn exec(
        &self,
        target: &AppTarget,
        container: &str,
        program: &str,
        size: TerminalSize,
    ) -> Result<AppTerminal, AppError> {
        const DOING: &str = "start a program in";
        let id = &target.app;
        let name = &id.name;
        let app = self.find_part(target).await?;
        let app = app.ok_or_else(|| AppError::NoApp { doing: DOING, app: name.clone() })?;
        let replicas = self.replicas(id, app.revision()).await?;
        let endpoint = container_of(&replicas, container)
            .and_then(|container| container.exec_endpoint.as_deref())
            .ok_or_else(|| AppError::NoContainer {
                doing: DOING,
                app: name.clone(),
                why: format!("no replica has a container `{container}`"),
            })?;
        let mut url = stream_url(DOING, &app, endpoint)?;
        url.query_pairs_mut().append_pair("command", program);
        let token = self.stream_token(id).await?;
        let lost = |source: Box<dyn std::error::Error + Send + Sync>| AppError::Terminal {
            app: name.clone(),
            source,
        };
        let opened = self.arm.http.open_web_socket(&url, Some(token.expose())).await;
        let (mut sender, receiver) = opened.map_err(|error| lost(Box::new(error)))?;
        let size = format!("{{\"Width\":{},\"Height\":{}}}", size.columns, size.rows);
        let sent = sender.send([RESIZE, size.as_bytes()].concat()).await;
        sent.map_err(|error| lost(Box::new(error)))?;
        Ok(AppTerminal { sender: sender.prefixed(INPUT), receiver: receiver.decoded(output) })
    }
}

/// The terminal's part of a frame: 0 and the number of the stream before what the program
/// wrote. Other frames are the service's own words: 1 before information, 2 before an error,
/// which is shown.
fn output(frame: &[u8]) -> Vec<u8> {
    match *frame {
        [0, _, ref bytes @ ..] => bytes.to_vec(),
        [2, ref words @ ..] => [words, b"\r\n"].concat(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::output;

    #[test]
    fn frames_of_the_service_are_told_from_those_of_the_terminal() {
        assert_eq!(output(&[0, 1, b'o', b'k']), b"ok");
        assert_eq!(output(&[0, 2, b'e']), b"e");
        assert_eq!(output(&[1, b'h', b'i']), b"");
        assert_eq!(output(&[2, b'n', b'o']), b"no\r\n");
        assert_eq!(output(&[]), b"");
    }
}
