//! One HTTP exchange: what was asked, what was answered, and how it is shown.

use crate::http::Client;
use crate::run::outcome::chain_of;
use std::time::Duration;
use url::Url;

/// What is said of a server that does not answer.
pub(super) const SILENCE: &str = "no answer in time";

/// No more of a body is read.
const LONGEST_BODY: usize = 1024 * 1024;

/// No more of a body is shown.
const SHOWN_BODY: usize = 600;

/// A request and what came of it.
pub(super) struct Exchange {
    url: Url,
    /// The answer, or why there was none.
    pub(super) answer: Result<Answer, String>,
}

/// An answer.
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// Names in lower case, in the order of the answer.
    pub(super) headers: Vec<(String, String)>,
    /// Its first mebibyte, what is not UTF-8 replaced.
    pub(super) body: String,
}

/// Asks once. A redirect is an answer like any other.
pub(super) async fn ask(client: &Client, url: &Url, limit: Duration) -> Exchange {
    let asked = tokio::time::timeout(limit, get(client, url)).await;
    let answer = asked.unwrap_or_else(|_| Err(SILENCE.into()));
    Exchange { url: url.clone(), answer }
}

async fn get(client: &Client, url: &Url) -> Result<Answer, String> {
    let request = client.direct().get(url.clone());
    let mut response =
        client.send(request).await.map_err(|error| chain_of(&error)[1..].join(": "))?;
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    while body.len() < LONGEST_BODY {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(chain_of(&error.without_url()).join(": ")),
        }
    }
    body.truncate(LONGEST_BODY);
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

impl Exchange {
    /// As people know it from `curl -v`.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("> GET {}", self.url.path()),
            format!("> host: {}", self.url.host_str().unwrap_or_default()),
        ];
        match &self.answer {
            Err(error) => lines.push(format!("! {error}")),
            Ok(answer) => {
                lines.push(format!("< {}", answer.status));
                let headers = answer.headers.iter();
                lines.extend(headers.map(|(name, value)| format!("< {name}: {value}")));
                let shown: String = answer.body.chars().take(SHOWN_BODY).collect();
                lines.extend(shown.lines().map(str::to_owned));
                if shown.len() < answer.body.len() {
                    lines.push(format!("… {} bytes in all", answer.body.len()));
                }
            }
        }
        lines
    }
}
