//! One HTTP request with its answer, and how both are shown.

use super::no_answer::NoAnswer;
use crate::http::{self, Client, Proxy, TunnelError};
use crate::run::outcome::chain_of;
use reqwest::header::{CACHE_CONTROL, PRAGMA};
use std::time::Duration;
use url::Url;

/// How much of a body is read.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How much of a body is shown, in characters.
const MAX_SHOWN_BODY_CHARS: usize = 600;

/// A request and its result.
pub struct Exchange {
    url: Url,
    /// Where redirects led, if they were followed.
    reached: Option<Url>,
    pub answer: Result<HttpAnswer, NoAnswer>,
}

/// An answer as expectations see it.
pub struct HttpAnswer {
    pub status: u16,
    /// Names in lower case, in the order of the answer.
    pub headers: Vec<(String, String)>,
    /// The first mebibyte, with replacement characters for what is not UTF-8.
    pub body: String,
}

impl HttpAnswer {
    /// How long a cache on the way has kept this answer, by the header `Age`
    /// (RFC 9111, section 5.1).
    pub fn age(&self) -> Option<Duration> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "age")?;
        value.trim().parse().ok().map(Duration::from_secs)
    }
}

/// What becomes of a redirect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Redirects {
    /// It is an answer like any other, so that a plan can expect it.
    Kept,
    /// The last answer counts.
    Followed,
}

/// Sends one GET request.
pub async fn exchange(
    client: &Client,
    url: &Url,
    redirects: Redirects,
    limit: Duration,
) -> Exchange {
    let mut reached = None;
    let answer = tokio::time::timeout(limit, get(client, url, redirects, &mut reached)).await;
    let answer = answer.unwrap_or(Err(NoAnswer::TimedOut));
    Exchange { url: url.clone(), reached, answer }
}

async fn get(
    client: &Client,
    url: &Url,
    redirects: Redirects,
    reached: &mut Option<Url>,
) -> Result<HttpAnswer, NoAnswer> {
    let request = match redirects {
        Redirects::Kept => client.direct().get(url.clone()),
        Redirects::Followed => client.following().get(url.clone()),
    };
    // A cache on the way may have what the version before has answered.
    let request = request.header(CACHE_CONTROL, "no-cache").header(PRAGMA, "no-cache");
    let mut response = match client.send(request).await {
        Ok(response) => response,
        Err(error) => return Err(no_answer(client, url, &error).await),
    };
    *reached = Some(response.url()).filter(|last| *last != url).cloned();
    let status = response.status().as_u16();
    let proxy = response.headers().get("proxy-status").and_then(|value| value.to_str().ok());
    if let Some(no_answer) = proxy.and_then(NoAnswer::of_proxy) {
        return Err(no_answer);
    }
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    while body.len() < MAX_BODY_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(NoAnswer::Broken(chain_of(&error.without_url()).join(": "))),
        }
    }
    body.truncate(MAX_BODY_BYTES);
    Ok(HttpAnswer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Why a request was not answered. The client does not tell what a proxy said that gave
/// it no tunnel, so that the proxy is asked once more.
async fn no_answer(client: &Client, url: &Url, error: &http::Error) -> NoAnswer {
    let settings = client.settings();
    if let (Proxy::Fixed(_), "https", Some(host)) = (&settings.proxy, url.scheme(), url.host_str())
        && let Err(refused @ TunnelError::Refused { .. }) =
            http::connect(settings, host, url.port_or_known_default().unwrap_or(443)).await
    {
        return NoAnswer::of_tunnel(&refused);
    }
    NoAnswer::of(error)
}

impl Exchange {
    /// The exchange as lines in the format of `curl -v`.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("> GET {}", self.url.path()),
            format!("> host: {}", self.url.host_str().unwrap_or_default()),
        ];
        lines.extend(self.reached.iter().map(|url| format!("> redirected to {url}")));
        match &self.answer {
            Err(error) => lines.push(format!("! {error}")),
            Ok(answer) => {
                lines.push(format!("< {}", answer.status));
                let headers = answer.headers.iter();
                lines.extend(headers.map(|(name, value)| format!("< {name}: {value}")));
                let shown = http::shortened(&answer.body, MAX_SHOWN_BODY_CHARS);
                lines.extend(shown.lines().map(str::to_owned));
                if shown != answer.body {
                    lines.push(format!("… {} bytes in all", answer.body.len()));
                }
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::{Redirects, exchange};
    use crate::http::{Client, Settings};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn caches_on_the_way_are_not_asked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a request");
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.expect("read");
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("answered");
            String::from_utf8_lossy(&request[..length]).to_lowercase()
        });
        let client = Client::new(Settings::default()).expect("a client");
        let url = url.parse().expect("a URL");

        let exchange = exchange(&client, &url, Redirects::Kept, Duration::from_secs(10)).await;

        assert_eq!(exchange.answer.map(|answer| answer.status).ok(), Some(204));
        let request = server.await.expect("answered");
        assert!(request.contains("\r\ncache-control: no-cache\r\n"), "{request}");
        assert!(request.contains("\r\npragma: no-cache\r\n"), "{request}");
    }
}
