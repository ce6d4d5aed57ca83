//! Operations that take long: begun by a request, asked after until they end.
//!
//! <https://github.com/Azure/azure-resource-manager-rpc>, "Asynchronous Operations".

use super::client::{Answer, Arm, Verb};
use super::error::{ArmError, Refusal};
use crate::http::{Retry, Retryable as _};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// How often something that takes long is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pacing {
    /// Before the first look, where the server does not say.
    pub first: Duration,
    /// The longest wait; each is half as long again as the one before.
    pub longest: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(10) }
    }
}

impl Pacing {
    /// The wait that follows `wait`.
    pub fn after(self, wait: Duration) -> Duration {
        (wait + wait / 2).min(self.longest)
    }
}

/// How many looks in a row may fail in a way that passes. The operation goes on
/// meanwhile, so a bad moment of the network must not fail it.
const TOLERATED: u32 = 5;

impl Arm {
    /// Waits for the end of what `answer` began. The URL that is asked is the
    /// server's to the letter, its `api-version` included.
    ///
    /// `seen` hears of each status that is looked at. Returns the last body,
    /// which is the operation's, not the resource's.
    pub async fn finish(
        &self,
        answer: &Answer,
        seen: impl Fn(&str),
    ) -> Result<Option<Value>, ArmError> {
        let (link, by_location) = match (&answer.operation, &answer.location) {
            (Some(link), _) => (link, false),
            (None, Some(link)) if matches!(answer.status, 201 | 202) => (link, true),
            (None, _) => return Ok(None),
        };
        let url = self.own(link)?;
        let mut wait = self.pacing.first;
        let mut asked = answer.retry_after;
        let mut failures = 0;
        loop {
            tokio::time::sleep(asked.unwrap_or(wait)).await;
            wait = self.pacing.after(wait);
            let look = match self.send(Verb::Get, url.clone(), None).await {
                Ok(look) => look,
                Err(error) if failures < TOLERATED && error.retry() != Retry::Never => {
                    failures += 1;
                    asked = match error.retry() {
                        Retry::After(wait) => Some(wait),
                        Retry::Backoff | Retry::Never => None,
                    };
                    continue;
                }
                // What is deleted may be gone together with its operation.
                Err(error) if by_location && error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            failures = 0;
            asked = look.retry_after;
            let status = look.body.get("status").and_then(Value::as_str);
            match status.map(str::to_ascii_lowercase).as_deref() {
                Some("succeeded") => return Ok(Some(look.body)),
                Some("failed" | "canceled" | "cancelled") => return Err(ended(&url, &look)),
                Some(_) => seen(status.unwrap_or_default()),
                // Asked by location, the status code alone says whether it goes on.
                None if look.status == 202 => seen("InProgress"),
                None => return Ok(Some(look.body)),
            }
        }
    }
}

/// The error that an operation ended in.
fn ended(url: &Url, look: &Answer) -> ArmError {
    let body = look.body.to_string();
    let mut refusal = Refusal::read(look.status, body.as_bytes(), None);
    let status = look.body.get("status").and_then(Value::as_str).unwrap_or_default();
    if refusal.code.is_empty() {
        status.clone_into(&mut refusal.code);
    }
    if refusal.message.is_empty() {
        "the operation says no more".clone_into(&mut refusal.message);
    }
    let path = url.path().to_owned();
    ArmError::Refused(Box::new(Refusal { method: "GET".to_owned(), path, ..refusal }))
}
