//! Errors of GitHub's API, told apart as far as their remedies differ.

use crate::http::{self, Retry, Retryable, Route};
use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// A report is not worth a longer wait for a rate limit.
const MAX_WAIT: Duration = Duration::from_mins(2);

/// The wait for a limit whose response names none. GitHub asks for a minute.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}")]
pub struct Error {
    /// What the request does, in words that fit after "cannot".
    pub doing: String,
    /// The permission of the workflow's token that this needs.
    pub needs: &'static str,
    pub kind: Kind,
    /// Boxed, because it is large and part of every result.
    pub source: Box<http::Error>,
}

/// The kinds of errors whose remedies differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// 401: the token is not accepted.
    Unauthorized,
    /// 403: the token lacks the permission.
    Forbidden,
    /// 403: the conversation is locked.
    Locked,
    /// 403 for another reason, which the message of GitHub says.
    Denied,
    /// 403 or 429: too many requests, until `wait` has passed.
    Limited { wait: Duration },
    /// 404 or 410: it does not exist, or the token may not see it.
    Missing,
    /// 422 for a body of more than 65,536 characters.
    TooLong,
    /// Transport errors, errors of the server, and all others.
    Other,
}

/// The body of an error response.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

impl ErrorBody {
    /// The message with the listed errors, in one line.
    pub fn message_line(&self) -> String {
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

/// The headers about rate limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub retry_after: Option<Duration>,
    pub remaining: Option<u64>,
    /// In seconds since 1970.
    pub reset: Option<i64>,
}

/// Decides the kind of an error from its status, headers and message.
///
/// A 403 is a missing permission unless a header or the message is about a limit.
pub fn kind_of(status: u16, words: &str, limits: Limits, now: Timestamp) -> Kind {
    match status {
        401 => Kind::Unauthorized,
        403 | 429 => match limit_of(words, limits, now) {
            Some(wait) => Kind::Limited { wait },
            None if status == 429 => Kind::Limited { wait: DEFAULT_WAIT },
            None => forbidden(words),
        },
        404 | 410 => Kind::Missing,
        422 if words.contains("too long") => Kind::TooLong,
        _ => Kind::Other,
    }
}

/// GitHub says "Resource not accessible by integration" (or "by personal access
/// token") where a permission is missing, "Unable to create comment because issue is
/// locked.", and for example "Repository was archived so is read-only.".
fn forbidden(words: &str) -> Kind {
    let words = words.to_lowercase();
    if words.contains("is locked") {
        Kind::Locked
    } else if words.is_empty() || words.contains("not accessible") || words.contains("must have") {
        Kind::Forbidden
    } else {
        Kind::Denied
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
    secondary.then_some(DEFAULT_WAIT)
}

impl Error {
    /// The same of a request that was sent by this way.
    #[must_use]
    pub fn by(self, way: Route) -> Self {
        Self { source: Box::new(self.source.by(way)), ..self }
    }
}

impl Retryable for Error {
    fn retry(&self) -> Retry {
        match self.kind {
            Kind::Limited { wait } if wait <= MAX_WAIT => Retry::After(wait),
            Kind::Limited { .. }
            | Kind::Unauthorized
            | Kind::Forbidden
            | Kind::Locked
            | Kind::Denied
            | Kind::Missing
            | Kind::TooLong => Retry::Never,
            Kind::Other => self.source.retry(),
        }
    }

    fn help(&self) -> Option<String> {
        if let Some(help) = self.source.proxy_help(http::SYSTEM_TRUST) {
            return Some(help);
        }
        match self.kind {
            Kind::Unauthorized => Some(
                "the token is not valid: give the action `github-token: ${{ github.token }}`, or set `GITHUB_TOKEN`"
                    .to_owned(),
            ),
            Kind::Forbidden => Some(format!(
                "add `{}` to the `permissions:` of the workflow, or to the token",
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
            Kind::Locked => Some("unlock the conversation".to_owned()),
            Kind::Denied | Kind::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ErrorBody, Kind, Limits, kind_of};
    use crate::http::{self, Retry, Retryable as _, Route, SafeUrl};
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
                route: Route::default(),
                status: 503,
                retry_after: None,
                body: "busy".into(),
                request_id: None,
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
        let reset = reset.to_zoned(jiff::tz::TimeZone::UTC).expect("UTC").timestamp().as_second();
        let spent = Limits { remaining: Some(0), reset: Some(reset), ..none };
        assert_eq!(kind(403, "API rate limit exceeded", spent), wait(31));
        let left = Limits { remaining: Some(17), reset: Some(reset), ..none };
        assert_eq!(kind(403, "no", left), Kind::Denied);
        assert_eq!(kind(403, "You have exceeded a secondary rate limit.", none), wait(60));
        assert_eq!(kind(429, "slow down", none), wait(60));
    }

    #[test]
    fn each_reason_of_a_403_has_its_kind() {
        let kind = |words| kind(403, words, Limits::default());
        assert_eq!(kind("Resource not accessible by personal access token"), Kind::Forbidden);
        assert_eq!(kind("Must have admin rights to Repository."), Kind::Forbidden);
        assert_eq!(kind("Unable to create comment because issue is locked."), Kind::Locked);
        assert_eq!(kind("Repository was archived so is read-only."), Kind::Denied);
    }

    #[test]
    fn other_statuses_have_their_kinds() {
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
    fn only_short_waits_are_retried() {
        let limited = |seconds| error(Kind::Limited { wait: Duration::from_secs(seconds) }).retry();
        assert_eq!(limited(120), Retry::After(Duration::from_mins(2)));
        assert_eq!(limited(121), Retry::Never);
        assert_eq!(error(Kind::Other).retry(), Retry::Backoff);
        assert_eq!(error(Kind::Forbidden).retry(), Retry::Never);
        assert_eq!(error(Kind::Locked).retry(), Retry::Never);
        assert_eq!(error(Kind::Denied).retry(), Retry::Never);
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
            "add `pull-requests: write` to the `permissions:` of the workflow, or to the token"
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
        assert_eq!(help(Kind::Locked), "unlock the conversation");
        assert_eq!((help(Kind::Denied), help(Kind::Other)), (String::new(), String::new()));
    }

    #[test]
    fn an_error_is_read_into_one_line() {
        let said: ErrorBody = serde_json::from_str(
            r#"{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","message":"body is too long"},"x",{"code":"custom"}],"status":"422"}"#,
        )
        .expect("an error of GitHub");
        assert_eq!(said.message_line(), "Validation Failed: body is too long; x; custom");
        assert_eq!(
            ErrorBody { message: "Not Found".into(), errors: vec![] }.message_line(),
            "Not Found"
        );
    }
}
