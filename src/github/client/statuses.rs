//! The status of a commit: the mark beside it on the pull request.

use super::ask::{Ask, Client};
use super::error::Error;
use super::repo::Repo;
use ::http::Method;
use serde::Serialize;

/// How a commit fares.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitState {
    /// Something went wrong beside the work itself.
    Error,
    /// The work failed.
    Failure,
    /// It is at work.
    Pending,
    /// It worked.
    Success,
}

/// The status to set. A later one of the same context takes its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitStatus {
    /// How it fares.
    pub state: CommitState,
    /// Which status, such as `shipway/storefront`.
    pub context: String,
    /// Where more can be read.
    pub target_url: Option<String>,
    /// In a few words; cut at 140 characters.
    pub description: String,
}

#[derive(Serialize)]
struct Body<'a> {
    state: CommitState,
    context: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_url: Option<&'a str>,
    description: String,
}

/// The most characters of a description, GitHub's own limit.
const LONGEST_DESCRIPTION: usize = 140;

/// The description cut to what GitHub takes.
pub(super) fn described(text: &str) -> String {
    if text.chars().count() <= LONGEST_DESCRIPTION {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST_DESCRIPTION - 1).collect();
    cut.push('…');
    cut
}

impl Client {
    /// Sets the status of a commit.
    pub async fn set_commit_status(
        &self,
        repo: &Repo,
        sha: &str,
        status: &CommitStatus,
    ) -> Result<(), Error> {
        let mut url = self.url(&format!("/repos/{repo}/statuses"));
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(sha);
        }
        let doing = format!("set the status of commit `{sha}` of `{repo}`");
        let ask = Ask { doing, needs: "statuses: write", method: Method::POST, url };
        let body = Body {
            state: status.state,
            context: &status.context,
            target_url: status.target_url.as_deref(),
            description: described(&status.description),
        };
        self.ask(&ask, Some(&body)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::{CommitState, CommitStatus, described};
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    #[tokio::test]
    async fn a_status_is_set() {
        let github =
            FakeGithub::start(&[("POST /repos/o/r/statuses/abc", vec![Answer::json(201, "{}")])])
                .await;
        let status = CommitStatus {
            state: CommitState::Success,
            context: "shipway/storefront".into(),
            target_url: Some("http://x/".into()),
            description: "web is up".into(),
        };
        github.client().set_commit_status(&repo(), "abc", &status).await.expect("set");
        assert_eq!(
            github.requests()[0].body,
            r#"{"state":"success","context":"shipway/storefront","target_url":"http://x/","description":"web is up"}"#
        );
    }

    #[test]
    fn a_description_is_cut() {
        let cut = described(&"ü".repeat(200));
        assert_eq!(cut.chars().count(), 140);
        assert!(cut.ends_with("ü…"));
        assert_eq!(described("short"), "short");
    }
}
