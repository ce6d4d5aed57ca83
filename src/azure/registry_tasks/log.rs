//! The log of a run: a blob to which the service appends, and whose metadata tells when
//! nothing more will come.

use super::client::RegistryTasks;
use super::error::TasksError;
use crate::azure::registries::AzureRegistry;
use crate::http::{self, Retryable as _, SafeUrl};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, RANGE};
use reqwest::{Method, Response, StatusCode};
use std::time::Duration;

/// What is read of the log at once.
const MAX_PART_BYTES: u64 = 1 << 20;

/// A name of the blob's metadata. Its value is how the run ended.
const COMPLETE: &str = "x-ms-meta-complete";

/// Reads a log from its start to its end.
#[derive(Debug)]
pub struct RunLog<'a> {
    tasks: &'a RegistryTasks,
    registry: &'a AzureRegistry,
    run: &'a str,
    link: Option<SafeUrl>,
    read: u64,
    /// The start of a line whose end has not come yet.
    rest: Vec<u8>,
}

/// What is new in a log.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct LogPart {
    pub lines: Vec<String>,
    /// Whether nothing more will come.
    pub ended: bool,
}

impl<'a> RunLog<'a> {
    pub fn new(tasks: &'a RegistryTasks, registry: &'a AzureRegistry, run: &'a str) -> Self {
        Self { tasks, registry, run, link: None, read: 0, rest: Vec::new() }
    }

    /// The time before it is worth to read again.
    pub fn pause(&self) -> Duration {
        self.tasks.arm.pacing().shortest
    }

    /// What was written since the last call. Nothing before the service has begun to write.
    pub async fn read(&mut self) -> Result<LogPart, TasksError> {
        let link = match &self.link {
            Some(link) => link.clone(),
            None => self.tasks.log_link(self.registry, self.run).await?,
        };
        self.link = Some(link.clone());
        let part = self.read_at(&link).await;
        // The link is good for an hour, and a build may take longer.
        if part.as_ref().is_err_and(|error| error.status() == Some(403)) {
            self.link = None;
        }
        let failed = |source: http::Error| TasksError::Log {
            run: self.run.to_owned(),
            source: Box::new(source),
        };
        part.map_err(failed)
    }

    async fn read_at(&mut self, link: &SafeUrl) -> Result<LogPart, http::Error> {
        let Some(head) = self.ask(Method::HEAD, link, None).await? else {
            return Ok(LogPart::default());
        };
        let length = length(head.headers());
        let complete = head.headers().contains_key(COMPLETE);
        let mut lines = Vec::new();
        while self.read < length {
            let end = length.min(self.read + MAX_PART_BYTES);
            let range = format!("bytes={}-{}", self.read, end - 1);
            let Some(answer) = self.ask(Method::GET, link, Some(&range)).await? else { break };
            let limit = usize::try_from(MAX_PART_BYTES).unwrap_or(usize::MAX);
            let bytes = http::body("GET", answer, limit).await?;
            if bytes.is_empty() {
                break;
            }
            self.read += bytes.len() as u64;
            self.rest.extend_from_slice(&bytes);
            lines.extend(lines_of(&mut self.rest));
        }
        let ended = complete && self.read >= length;
        if ended && !self.rest.is_empty() {
            lines.push(text(&std::mem::take(&mut self.rest)));
        }
        Ok(LogPart { lines, ended })
    }

    /// `None` where the blob is not there yet.
    async fn ask(
        &self,
        method: Method,
        link: &SafeUrl,
        range: Option<&str>,
    ) -> Result<Option<Response>, http::Error> {
        let http = &self.tasks.arm.http;
        let mut request = http.direct().request(method, link.expose().clone());
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        match http.fetch(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND.as_u16()) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn length(headers: &HeaderMap) -> u64 {
    let text = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Takes the lines that have ended.
pub fn lines_of(bytes: &mut Vec<u8>) -> Vec<String> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let whole: Vec<u8> = bytes.drain(..=end).collect();
    whole[..end].split(|byte| *byte == b'\n').map(text).collect()
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}

/// Whether reading the log again may help.
pub fn may_pass(error: &TasksError) -> bool {
    let expired = matches!(error, TasksError::Log { source, .. } if source.status() == Some(403));
    expired || error.retry() != http::Retry::Never
}
