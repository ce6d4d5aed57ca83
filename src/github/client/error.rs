//! What GitHub refuses and why, told apart so that the remedy can be named.

use crate::http::{self, Retry, Retryable};
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// How long a rate limit may keep a run waiting. A report is not worth more.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// How long to wait for a secondary limit that does not say.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);

/// Something that GitHub was asked and did not do.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct Error {
    /// What was being done.
    pub doing: String,
    /// The permission of the workflow's token that this needs.
    pub needs: &'static str,
    /// What kind of refusal it was.
    pub kind: Kind,
    /// The exchange. Boxed, since errors travel through every result.
    pub source: Box<http::Error>,
}

/// The kinds of refusal that callers and people tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// 401: the token is not accepted.
    Unauthorized,
    /// 403: the token may not do this.
    Forbidden,
    /// 403 or 429: too many requests.
    Limited {
        /// Until they are taken again.
        wait: Duration,
    },
    /// 404 or 410: not there, or not to be seen with this token.
    Missing,
    /// 422 for a body of more than 65,536 characters.
    TooLong,
    /// No answer, the server's own errors, and anything else.
    Other,
}

/// An error of GitHub as it is written in JSON.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

impl Said {
    /// The message with what it lists, in one line.
    pub(super) fn words(&self) -> String {
        let errors = self.errors.iter().filter_map(|error| match error {
            serde_json::Value::String(text) => Some(text.as_str()),
            error => error.get("message").or_else(|| error.get("code"))?.as_str(),
        });
        let errors: Vec<&str> = errors.collect();
        if errors.is_empty() {
            return self.message.clone();
        }
        format!("{}: {}", self.message, errors.join("; "))
    }
}

/// What the headers of a refusal say about limits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// `retry-after`.
    pub(super) retry_after: Option<Duration>,
    /// `x-ratelimit-remaining`.
    pub(super) remaining: Option<u64>,
    /// `x-ratelimit-reset`, seconds since 1970.
    pub(super) reset: Option<i64>,
}

/// Decides what a refusal is, by its status, its headers and its words.
///
/// A 403 is a lack of permission unless something says that it is a limit.
pub(super) fn kind_of(status: u16, words: &str, limits: Limits, now: Timestamp) -> Kind {
    match status {
        401 => Kind::Unauthorized,
        403 | 429 => match limit_of(words, limits, now) {
            Some(wait) => Kind::Limited { wait },
            None if status == 429 => Kind::Limited { wait: UNTOLD_WAIT },
            None => Kind::Forbidden,
        },
        404 | 410 => Kind::Missing,
        422 if words.contains("too long") => Kind::TooLong,
        _ => Kind::Other,
    }
}

fn limit_of(words: &str, limits: Limits, now: Timestamp) -> Option<Duration> {
    if let Some(wait) = limits.retry_after {
        return Some(wait);
    }
    if limits.remaining == Some(0) {
        let seconds = limits.reset?.saturating_sub(now.as_second()).saturating_add(1);
        return Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    }
    let words = words.to_lowercase();
    let secondary = words.contains("secondary rate") || words.contains("rate limit exceeded");
    secondary.then_some(UNTOLD_WAIT)
}

impl Retryable for Error {
    fn retry(&self) -> Retry {
        match self.kind {
            Kind::Limited { wait } if wait <= LONGEST_WAIT => Retry::After(wait),
            Kind::Limited { .. }
            | Kind::Unauthorized
            | Kind::Forbidden
            | Kind::Missing
            | Kind::TooLong => Retry::Never,
            Kind::Other => self.source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        match self.kind {
            Kind::Unauthorized => Some(
                "the token is not valid: give the action `github-token: ${{ github.token }}`, or set `GITHUB_TOKEN`"
                    .to_owned(),
            ),
            Kind::Forbidden => Some(format!(
                "add `{}` to the `permissions:` of the workflow; on a pull request from a fork, or by dependabot, the token can only read, and the job's summary is where the report is",
                self.needs
            )),
            Kind::Limited { wait } => Some(format!(
                "GitHub takes no more requests with this token for {} seconds",
                wait.as_secs()
            )),
            Kind::Missing => Some(format!(
                "check that it is there and that the token may see it: `{}` in the `permissions:` of the workflow",
                self.needs
            )),
            Kind::TooLong => Some("leave out some of the text: GitHub takes 65536 characters".to_owned()),
            Kind::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Kind, Limits, Said, kind_of};
    use crate::http::{self, Retry, Retryable as _, SafeUrl};
    use std::time::Duration;

    const NOW: &str = "2026-11-21T10:00:00Z";

    fn kind(status: u16, words: &str, limits: Limits) -> Kind {
        kind_of(status, words, limits, NOW.parse().expect("a timestamp"))
    }

    fn error(kind: Kind) -> Error {
        let url =
            url::Url::parse("https://api.github.com/repos/o/r/issues/1/comments").expect("a URL");
        Error {
            doing: "comment on pull request 1 of `o/r`".into(),
            needs: "pull-requests: write",
            kind,
            source: Box::new(http::Error::Status {
                method: "POST".into(),
                url: SafeUrl::new(url),
                status: 503,
                retry_after: None,
                body: "busy".into(),
            }),
        }
    }

    #[test]
    fn a_limit_is_told_from_a_lack_of_permission() {
        let none = Limits::default();
        assert_eq!(kind(403, "Resource not accessible by integration", none), Kind::Forbidden);
        let wait = |seconds| Kind::Limited { wait: Duration::from_secs(seconds) };
        let after = Limits { retry_after: Some(Duration::from_secs(7)), ..none };
        assert_eq!(kind(403, "", after), wait(7));
        assert_eq!(kind(429, "", after), wait(7));
        let reset = jiff::civil::date(2026, 11, 21).at(10, 0, 30, 0);
        let reset = reset.in_tz("UTC").expect("UTC").timestamp().as_second();
        let spent = Limits { remaining: Some(0), reset: Some(reset), ..none };
        assert_eq!(kind(403, "API rate limit exceeded", spent), wait(31));
        let left = Limits { remaining: Some(17), reset: Some(reset), ..none };
        assert_eq!(kind(403, "no", left), Kind::Forbidden);
        assert_eq!(kind(403, "You have exceeded a secondary rate limit.", none), wait(60));
        assert_eq!(kind(429, "slow down", none), wait(60));
    }

    #[test]
    fn the_other_statuses() {
        let none = Limits::default();
        let all: Vec<Kind> = [401, 404, 410, 409, 500].map(|status| kind(status, "", none)).into();
        assert_eq!(
            all,
            [Kind::Unauthorized, Kind::Missing, Kind::Missing, Kind::Other, Kind::Other]
        );
        let words = "Validation Failed: body is too long (maximum is 65536 characters)";
        assert_eq!(kind(422, words, none), Kind::TooLong);
        assert_eq!(kind(422, "Validation Failed", none), Kind::Other);
    }

    #[test]
    fn only_a_short_wait_is_worth_waiting_for() {
        let limited = |seconds| error(Kind::Limited { wait: Duration::from_secs(seconds) }).retry();
        assert_eq!(limited(120), Retry::After(Duration::from_mins(2)));
        assert_eq!(limited(121), Retry::Never);
        assert_eq!(error(Kind::Other).retry(), Retry::Backoff);
        assert_eq!(error(Kind::Forbidden).retry(), Retry::Never);
        assert_eq!(error(Kind::Unauthorized).retry(), Retry::Never);
        assert_eq!(error(Kind::Missing).retry(), Retry::Never);
        assert_eq!(error(Kind::TooLong).retry(), Retry::Never);
    }

    #[test]
    fn every_kind_names_its_remedy() {
        let help = |kind| error(kind).help().unwrap_or_default();
        assert_eq!(
            help(Kind::Unauthorized),
            "the token is not valid: give the action `github-token: ${{ github.token }}`, or set `GITHUB_TOKEN`"
        );
        assert_eq!(
            help(Kind::Forbidden),
            "add `pull-requests: write` to the `permissions:` of the workflow; on a pull request from a fork, or by dependabot, the token can only read, and the job's summary is where the report is"
        );
        assert_eq!(
            help(Kind::Limited { wait: Duration::from_mins(50) }),
            "GitHub takes no more requests with this token for 3000 seconds"
        );
        assert_eq!(
            help(Kind::Missing),
            "check that it is there and that the token may see it: `pull-requests: write` in the `permissions:` of the workflow"
        );
        assert_eq!(
            help(Kind::TooLong),
            "leave out some of the text: GitHub takes 65536 characters"
        );
        assert_eq!(help(Kind::Other), "");
    }

    #[test]
    fn an_error_is_read_into_one_line() {
        let said: Said = serde_json::from_str(
            r#"{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","message":"body is too long"},"x",{"code":"custom"}],"status":"422"}"#,
        )
        .expect("an error of GitHub");
        assert_eq!(said.words(), "Validation Failed: body is too long; x; custom");
        assert_eq!(Said { message: "Not Found".into(), errors: vec![] }.words(), "Not Found");
    }
}
