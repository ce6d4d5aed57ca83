//! Pull requests.

use super::comments::READ;
use super::error::Error;
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use ::http::Method;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Pull {
    /// `open` or `closed`.
    pub state: String,
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
}

#[cfg(test)]
mod tests {
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    #[tokio::test]
    async fn a_pull_request_is_read() {
        let github = FakeGithub::start(&[(
            "GET /repos/o/r/pulls/7",
            vec![Answer::json(
                200,
                r#"{"number":7,"state":"open","html_url":"https://github.com/o/r/pull/7"}"#,
            )],
        )])
        .await;
        let pull = github.client().pull(&repo(), 7).await.expect("a pull request");
        assert_eq!(pull.state, "open");
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
