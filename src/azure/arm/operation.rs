//! Long-running operations: started by a request and polled until they end.
//!
//! <https://github.com/Azure/azure-resource-manager-rpc>, "Asynchronous Operations".

use super::client::{Arm, ArmResponse, Verb};
use super::error::ArmError;
use super::refusal::Refusal;
use crate::http::{Retry, Retryable as _};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

/// How many transient errors in a row polling ignores. The operation goes on
/// meanwhile, so an interrupted network must not fail it.
const MAX_POLL_ERRORS: u32 = 5;

impl Arm {
    /// Polls the operation that `response` started until it ends. The URL is used as
    /// the server sent it, `api-version` included.
    ///
    /// `seen` is called with each status. Returns the last body, which is that of
    /// the operation and not of the resource; `None` without an operation.
    pub async fn finish(
        &self,
        response: &ArmResponse,
        seen: impl Fn(&str),
    ) -> Result<Option<Value>, ArmError> {
        let (link, by_location) = match (&response.operation, &response.location) {
            (Some(link), _) => (link, false),
            (None, Some(link)) if matches!(response.status, 201 | 202) => (link, true),
            (None, _) => return Ok(None),
        };
        let url = self.own_url(link)?;
        let began = Instant::now();
        let mut retry_after = response.retry_after;
        let mut failures = 0;
        loop {
            let wait = retry_after.unwrap_or_else(|| self.pacing.wait(began.elapsed()));
            tokio::time::sleep(wait).await;
            let poll = match self.send(Verb::Get, url.clone(), None).await {
                Ok(poll) => poll,
                Err(error) if failures < MAX_POLL_ERRORS && error.retry() != Retry::Never => {
                    retry_after = Some(match error.retry() {
                        Retry::After(wait) => wait,
                        Retry::Backoff | Retry::Never => self.pacing.after_error(failures),
                    });
                    failures += 1;
                    continue;
                }
                // The operation of a deletion may be gone together with the resource.
                Err(error) if by_location && error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            failures = 0;
            retry_after = poll.retry_after;
            let status = poll.body.get("status").and_then(Value::as_str);
            match status.map(str::to_ascii_lowercase).as_deref() {
                Some("succeeded") => return Ok(Some(poll.body)),
                Some("failed" | "canceled" | "cancelled") => return Err(ended(&url, &poll)),
                Some(_) => seen(status.unwrap_or_default()),
                // Polled by `Location`, only the status code tells whether it goes on.
                None if poll.status == 202 => seen("InProgress"),
                None => return Ok(Some(poll.body)),
            }
        }
    }
}

/// The error of an operation that failed.
pub fn ended(url: &Url, poll: &ArmResponse) -> ArmError {
    let body = poll.body.to_string();
    let mut refusal = Refusal::read(poll.status, body.as_bytes(), None);
    let status = poll.body.get("status").and_then(Value::as_str).unwrap_or_default();
    if refusal.code.is_empty() {
        status.clone_into(&mut refusal.code);
    }
    if refusal.message.is_empty() {
        "the operation gives no reason".clone_into(&mut refusal.message);
    }
    let (host, path) = (url.host_str().unwrap_or_default().to_owned(), url.path().to_owned());
    ArmError::Refused(Box::new(Refusal { method: "GET".to_owned(), host, path, ..refusal }))
}
