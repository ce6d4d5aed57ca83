//! Why a report was not made: each reason with its own remedy, said once.

use super::subject::Subject;
use crate::event::Channel;
use crate::github::client::{BuiltCommit, Error, Kind};
use crate::http::Retryable as _;
use crate::resolve::HostEnvironment;
use crate::run::outcome::chain_of;

/// A report that was not made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotMade {
    what: &'static str,
    /// The reason, and after a semicolon or in parentheses the remedy.
    why: String,
}

impl NotMade {
    pub fn new(channel: Channel, why: impl Into<String>) -> Self {
        let what = match channel {
            Channel::Comment => "the comment",
            Channel::Deployment => "the deployment",
            Channel::Status => "the status of the commit",
            Channel::ServiceStatus => "the status of each service",
            Channel::Summary => "the summary",
            Channel::Plan => "the comment about the plan",
        };
        Self { what, why: why.into() }
    }

    /// The comment that is there is about a newer commit.
    pub fn older(channel: Channel, newer: &BuiltCommit, own: Option<&BuiltCommit>) -> Self {
        let own = own.map(|own| format!(", which is newer than {own}")).unwrap_or_default();
        let why = format!("the one about commit {newer}{own}, stays as it is");
        Self::new(channel, why)
    }

    /// GitHub refused the request, or did not answer.
    pub fn refused(channel: Channel, error: &Error, subject: &Subject) -> Self {
        let why = match error.kind {
            Kind::Locked => {
                let number = subject.pull_request.unwrap_or_default();
                let word = if channel == Channel::Plan { "plan" } else { "comment" };
                format!(
                    "the conversation of pull request {number} is locked; unlock it, or leave `{word}` out of the plan's `report`"
                )
            }
            Kind::Forbidden if subject.is_fork => {
                "the token of a pull request from a fork, or by dependabot, can only read; the summary of the job has the report".to_owned()
            }
            // Without what was asked, so that it is said once of all reports.
            Kind::Unauthorized => {
                let help = error.help().unwrap_or_default();
                format!("{} answered 401: {help}", error.source.host())
            }
            Kind::Forbidden
            | Kind::Denied
            | Kind::Limited { .. }
            | Kind::Missing
            | Kind::TooLong
            | Kind::Other => {
                let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
                format!("{}{help}", chain_of(error).join(": "))
            }
        };
        Self::new(channel, why)
    }
}

/// Why there is no connection to GitHub.
pub fn no_connection(subject: &Subject, host: &HostEnvironment) -> &'static str {
    let in_actions = host.in_actions();
    let is_action = host.env.keys().any(|name| name == "INPUT_GITHUB_TOKEN");
    let has_token = ["INPUT_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"]
        .iter()
        .any(|name| host.var(name).is_some());
    match (subject.local, has_token) {
        (true, _) => "the local cloud has no repository",
        (false, true) => {
            "the repository is not known; run in a checkout whose remote `origin` is at GitHub, or set `GITHUB_REPOSITORY`"
        }
        (false, false) if is_action => {
            "there is no token; give the action `github-token: ${{ github.token }}`"
        }
        (false, false) if in_actions => {
            "there is no token; add to the step: `env: { GITHUB_TOKEN: \"${{ github.token }}\" }`"
        }
        (false, false) => "there is no token; set `GITHUB_TOKEN`",
    }
}

/// One warning for each reason, in the order of the first report that it concerns.
pub fn warnings(missing: &[NotMade]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for NotMade { what, why } in missing {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, reports)) => reports.push(what),
            None => reasons.push((why, vec![what])),
        }
    }
    let warning = |(why, reports): (&str, Vec<&str>)| match reports.split_last() {
        Some((last, [])) => format!("{last} was not made: {why}"),
        Some((last, others)) => format!("{} and {last} were not made: {why}", others.join(", ")),
        None => why.to_owned(),
    };
    reasons.into_iter().map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::{NotMade, no_connection, warnings};
    use crate::cli::pipeline::publish::subject::Subject;
    use crate::event::Channel;
    use crate::github::client::{Error, Kind};
    use crate::http::{self, Route, SafeUrl};
    use crate::journal::RunOptions;
    use crate::resolve::{HostEnvironment, Resolved};
    use std::time::Duration;

    const ALL: [Channel; 3] = [Channel::Comment, Channel::Deployment, Channel::Status];

    fn subject(is_fork: bool) -> Subject {
        let subject = Subject::new(None, &Resolved::default(), &RunOptions::default());
        Subject { is_fork, pull_request: Some(7), ..subject }
    }

    fn error(kind: Kind, body: &str) -> Error {
        let url = "https://api.github.com/repos/o/r/issues/7/comments";
        Error {
            doing: "comment on pull request 7 of `o/r`".into(),
            needs: "pull-requests: write",
            kind,
            source: Box::new(http::Error::Status {
                method: "POST".into(),
                url: SafeUrl::new(url::Url::parse(url).expect("a URL")),
                route: Route::default(),
                status: 403,
                retry_after: None,
                body: body.into(),
                request_id: None,
            }),
        }
    }

    fn said(kind: Kind, body: &str, is_fork: bool) -> Vec<String> {
        let error = error(kind, body);
        warnings(&ALL.map(|channel| NotMade::refused(channel, &error, &subject(is_fork))))
    }

    #[test]
    fn a_missing_token_is_one_warning_with_the_line_to_add() {
        let why = |variables: &[(&str, &str)]| {
            let env = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let host = HostEnvironment { env: env.collect(), ..HostEnvironment::default() };
            let reason = no_connection(&subject(false), &host);
            warnings(&ALL.map(|channel| NotMade::new(channel, reason))).join("\n")
        };
        let all = "the comment, the deployment and the status of the commit were not made";
        assert_eq!(
            why(&[("GITHUB_ACTIONS", "true")]),
            format!(
                "{all}: there is no token; add to the step: `env: {{ GITHUB_TOKEN: \"${{{{ github.token }}}}\" }}`"
            )
        );
        assert_eq!(
            why(&[("GITHUB_ACTIONS", "true"), ("INPUT_GITHUB_TOKEN", "")]),
            format!(
                "{all}: there is no token; give the action `github-token: ${{{{ github.token }}}}`"
            )
        );
        assert_eq!(why(&[]), format!("{all}: there is no token; set `GITHUB_TOKEN`"));
        assert_eq!(
            why(&[("GITHUB_TOKEN", "ghs_1")]),
            format!(
                "{all}: the repository is not known; run in a checkout whose remote `origin` is at GitHub, or set `GITHUB_REPOSITORY`"
            )
        );
    }

    #[test]
    fn each_refusal_of_github_has_its_own_remedy() {
        let locked = "Unable to create comment because issue is locked.";
        assert_eq!(
            said(Kind::Locked, locked, false)[0],
            "the comment, the deployment and the status of the commit were not made: the conversation of pull request 7 is locked; unlock it, or leave `comment` out of the plan's `report`"
        );
        let denied = "Resource not accessible by integration";
        assert_eq!(
            said(Kind::Forbidden, denied, true),
            [
                "the comment, the deployment and the status of the commit were not made: the token of a pull request from a fork, or by dependabot, can only read; the summary of the job has the report"
            ]
        );
        let one = warnings(&[NotMade::refused(
            Channel::Comment,
            &error(Kind::Forbidden, denied),
            &subject(false),
        )]);
        assert_eq!(
            one,
            [
                "the comment was not made: cannot comment on pull request 7 of `o/r`: POST https://api.github.com/repos/o/r/issues/7/comments: 403: Resource not accessible by integration (add `pull-requests: write` to the `permissions:` of the workflow, or to the token)"
            ]
        );
        assert_eq!(
            said(Kind::Unauthorized, "Bad credentials", false),
            [
                "the comment, the deployment and the status of the commit were not made: api.github.com answered 401: the token is not valid: give the action `github-token: ${{ github.token }}`, or set `GITHUB_TOKEN`"
            ]
        );
        let limited = Kind::Limited { wait: Duration::from_mins(50) };
        assert!(
            said(limited, "rate limit", false)[0]
                .ends_with("(GitHub takes no more requests with this token for 3000 seconds)")
        );
    }
}
