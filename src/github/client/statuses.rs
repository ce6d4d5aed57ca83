//! The status of a commit, which the pull request shows.

use super::error::Error;
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use ::http::Method;
use serde::Serialize;

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitState {
    /// The run was cancelled.
    Error,
    Failure,
    /// The run left out what the plan asks for, which a later run may do.
    Pending,
    Success,
}

/// A status to set. It replaces an earlier one of the same context.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommitStatus {
    pub state: CommitState,
    /// The name of the status, such as `shipway/storefront`.
    pub context: String,
    pub target_url: Option<String>,
    /// Cut at 140 characters.
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

/// The limit of GitHub.
const MAX_DESCRIPTION_CHARS: usize = 140;

/// Cuts a description to GitHub's limit.
pub fn described(text: &str) -> String {
    if text.chars().count() <= MAX_DESCRIPTION_CHARS {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(MAX_DESCRIPTION_CHARS - 1).collect();
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
        let request = ApiRequest { doing, needs: "statuses: write", method: Method::POST, url };
        let body = Body {
            state: status.state,
            context: &status.context,
            target_url: status.target_url.as_deref(),
            description: described(&status.description),
        };
        self.send(&request, Some(&body)).await.map(drop)
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
