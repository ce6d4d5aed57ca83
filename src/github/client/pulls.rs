//! Pull requests: one by its number, and those that a commit belongs to.

use super::ask::{Ask, Client};
use super::comments::{READ, User};
use super::error::{Error, Kind};
use super::repo::Repo;
use ::http::Method;
use serde::Deserialize;

/// A pull request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// Where people see it.
    #[serde(default)]
    pub html_url: Option<String>,
    /// Who opened it.
    #[serde(default)]
    pub user: Option<User>,
    /// What is to be merged.
    pub head: Branch,
    /// What it is to be merged into.
    pub base: Branch,
}

/// One end of a pull request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Branch {
    /// The branch's name.
    #[serde(rename = "ref")]
    pub name: String,
    /// The commit it points at.
    pub sha: String,
    /// Its repository; nothing where that was deleted.
    #[serde(default)]
    pub repo: Option<PullRepo>,
}

/// The repository of one end.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct PullRepo {
    /// `owner/name`.
    pub full_name: String,
}

impl Pull {
    /// Whether it comes from another repository, one that was deleted included.
    pub fn is_from_fork(&self) -> bool {
        match (&self.head.repo, &self.base.repo) {
            (Some(head), Some(base)) => head.full_name != base.full_name,
            _ => true,
        }
    }
}

impl Client {
    /// One pull request.
    pub async fn pull(&self, repo: &Repo, number: u64) -> Result<Pull, Error> {
        let url = self.url(&format!("/repos/{repo}/pulls/{number}"));
        let doing = format!("read pull request {number} of `{repo}`");
        self.ask(&Ask { doing, needs: READ, method: Method::GET, url }, None::<&()>).await?.read()
    }

    /// The pull requests that hold a commit. A repository without any commit
    /// has none.
    pub async fn pulls_of_commit(&self, repo: &Repo, sha: &str) -> Result<Vec<Pull>, Error> {
        let mut url = self.url(&format!("/repos/{repo}/commits"));
        // By segment, so that nothing in it can leave the path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push(sha).push("pulls");
        }
        url.set_query(Some("per_page=100"));
        let doing = format!("find the pull request of commit `{sha}` in `{repo}`");
        match self.list(&Ask { doing, needs: READ, method: Method::GET, url }).await {
            Err(Error { kind: Kind::Other, source, .. }) if source.status() == Some(409) => {
                Ok(vec![])
            }
            found => found,
        }
    }

    /// The open pull requests of a branch, given with its owner: the way from a
    /// fork's `workflow_run` to its pull request.
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
        let doing = format!("find the pull request of `{owner}:{branch}` in `{repo}`");
        self.list(&Ask { doing, needs: READ, method: Method::GET, url }).await
    }
}

#[cfg(test)]
mod tests {
    use super::Pull;
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    fn pull(head: &str) -> String {
        format!(
            r#"{{"number":7,"state":"open","html_url":"https://github.com/o/r/pull/7","user":{{"login":"me","type":"User"}},"head":{{"ref":"topic","sha":"abc","repo":{head}}},"base":{{"ref":"main","sha":"def","repo":{{"full_name":"o/r"}}}}}}"#
        )
    }

    #[test]
    fn a_fork_is_another_repository_or_one_that_is_gone() {
        let fork = |head: &str| {
            serde_json::from_str::<Pull>(&pull(head)).expect("a pull request").is_from_fork()
        };
        assert!(!fork(r#"{"full_name":"o/r","fork":true}"#));
        assert!(fork(r#"{"full_name":"other/r"}"#));
        assert!(fork("null"));
    }

    #[tokio::test]
    async fn a_pull_request_is_read() {
        let github = FakeGithub::start(&[(
            "GET /repos/o/r/pulls/7",
            vec![Answer::json(200, &pull(r#"{"full_name":"o/r"}"#))],
        )])
        .await;
        let pull = github.client().pull(&repo(), 7).await.expect("a pull request");
        assert_eq!((pull.number, pull.head.sha.as_str()), (7, "abc"));
    }

    #[tokio::test]
    async fn a_missing_one_says_what_was_asked() {
        let github = FakeGithub::start(&[(
            "GET /repos/o/r/pulls/7",
            vec![Answer::json(404, r#"{"message":"Not Found"}"#)],
        )])
        .await;
        let error = github.client().pull(&repo(), 7).await.expect_err("missing");
        assert_eq!(error.to_string(), "read pull request 7 of `o/r`");
    }

    #[tokio::test]
    async fn the_pull_requests_of_a_commit_and_of_a_branch() {
        let list = format!("[{}]", pull("null"));
        let github = FakeGithub::start(&[
            ("GET /repos/o/r/commits/abc/pulls?per_page=100", vec![Answer::json(200, &list)]),
            (
                "GET /repos/o/r/commits/..%2Fx/pulls?per_page=100",
                vec![Answer::json(409, r#"{"message":"Git Repository is empty."}"#)],
            ),
            (
                "GET /repos/o/r/pulls?state=open&head=someone%3Afix%2F%231%26x&per_page=100",
                vec![Answer::json(200, &list)],
            ),
        ])
        .await;
        let client = github.client();
        assert_eq!(client.pulls_of_commit(&repo(), "abc").await.expect("a list").len(), 1);
        assert_eq!(client.pulls_of_commit(&repo(), "../x").await.expect("none").len(), 0);
        let found = client.pulls_of_branch(&repo(), "someone", "fix/#1&x").await.expect("a list");
        assert_eq!(found.len(), 1);
    }
}
