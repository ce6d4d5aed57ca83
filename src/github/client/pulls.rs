//! Pull requests.

use super::comments::{READ, User};
use super::error::Error;
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use ::http::Method;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Pull {
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// RFC 3339; `None` while it is open.
    #[serde(default)]
    pub closed_at: Option<String>,
    /// RFC 3339; `None` unless it was merged.
    #[serde(default)]
    pub merged_at: Option<String>,
    /// The account that opened it; `None` if it was deleted.
    #[serde(default)]
    pub user: Option<User>,
    pub head: PullEnd,
    pub base: PullEnd,
}

/// One end of a pull request: the branch that it comes from or goes to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct PullEnd {
    #[serde(rename = "ref")]
    pub branch: String,
    pub sha: String,
    /// `None` if the fork was deleted.
    #[serde(default)]
    pub repo: Option<PullRepository>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct PullRepository {
    pub full_name: String,
}

impl Client {
    /// Reads a pull request.
    pub async fn pull(&self, repo: &Repo, number: u64) -> Result<Pull, Error> {
        let url = self.url(&format!("/repos/{repo}/pulls/{number}"));
        let doing = format!("read pull request {number} of `{repo}`");
        self.send(&ApiRequest { doing, needs: READ, method: Method::GET, url }, None::<&()>)
            .await?
            .read()
    }

    /// Lists the open pull requests that come from a branch of `owner`, who may be
    /// the owner of a fork.
    pub async fn pulls_of_branch(
        &self,
        repo: &Repo,
        owner: &str,
        branch: &str,
    ) -> Result<Vec<Pull>, Error> {
        let mut url = self.url(&format!("/repos/{repo}/pulls"));
        url.query_pairs_mut()
            .append_pair("state", "open")
            .append_pair("head", &format!("{owner}:{branch}"))
            .append_pair("per_page", "100");
        let doing = format!("list the pull requests of `{owner}:{branch}` in `{repo}`");
        self.list(&ApiRequest { doing, needs: READ, method: Method::GET, url }).await
    }

    /// Lists the pull requests that hold a commit: open and merged ones.
    pub async fn pulls_of_commit(&self, repo: &Repo, commit: &str) -> Result<Vec<Pull>, Error> {
        let mut url = self.url(&format!("/repos/{repo}/commits/{commit}/pulls"));
        url.set_query(Some("per_page=100"));
        let doing = format!("list the pull requests of commit {commit} in `{repo}`");
        self.list(&ApiRequest { doing, needs: READ, method: Method::GET, url }).await
    }
}

#[cfg(test)]
mod tests {
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    const PULL: &str = r#"{"number":7,"state":"open","user":{"login":"ada"},
        "head":{"ref":"topic","sha":"12ab","repo":null},
        "base":{"ref":"main","sha":"34cd","repo":{"full_name":"o/r"}}}"#;

    #[tokio::test]
    async fn a_pull_request_is_read() {
        let github =
            FakeGithub::start(&[("GET /repos/o/r/pulls/7", vec![Answer::json(200, PULL)])]).await;
        let pull = github.client().pull(&repo(), 7).await.expect("a pull request");
        assert_eq!((pull.number, pull.state.as_str()), (7, "open"));
        assert_eq!((pull.head.branch.as_str(), pull.head.sha.as_str()), ("topic", "12ab"));
        let base = pull.base.repo.map(|repo| repo.full_name);
        assert_eq!((pull.head.repo, base), (None, Some("o/r".to_owned())));
    }

    #[tokio::test]
    async fn pull_requests_are_found_by_branch_and_by_commit() {
        let list = Answer::json(200, &format!("[{PULL}]"));
        let by_branch = "GET /repos/o/r/pulls?state=open&head=eve%3Aa%2Fb%26c&per_page=100";
        let by_commit = "GET /repos/o/r/commits/12ab/pulls?per_page=100";
        let github =
            FakeGithub::start(&[(by_branch, vec![list.clone()]), (by_commit, vec![list])]).await;
        let client = github.client();
        let found = client.pulls_of_branch(&repo(), "eve", "a/b&c").await.expect("a list");
        assert_eq!(found.len(), 1);
        let found = client.pulls_of_commit(&repo(), "12ab").await.expect("a list");
        assert_eq!(found[0].number, 7);
    }

    #[tokio::test]
    async fn a_missing_pull_request_is_named() {
        let github = FakeGithub::start(&[(
            "GET /repos/o/r/pulls/7",
            vec![Answer::json(404, r#"{"message":"Not Found"}"#)],
        )])
        .await;
        let error = github.client().pull(&repo(), 7).await.expect_err("missing");
        assert_eq!(error.to_string(), "cannot read pull request 7 of `o/r`");
    }
}
