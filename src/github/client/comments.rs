//! Comments on pull requests, which GitHub's API treats as issues.

use super::error::Error;
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use ::http::Method;
use serde::{Deserialize, Serialize};

pub const READ: &str = "pull-requests: read";
pub const WRITE: &str = "pull-requests: write";

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Comment {
    /// Later comments have higher ids.
    pub id: u64,
    pub html_url: String,
    #[serde(default)]
    pub body: Option<String>,
    /// The author; `None` if the account was deleted.
    #[serde(default)]
    pub user: Option<User>,
    /// The app that wrote it, where one did.
    #[serde(default)]
    pub performed_via_github_app: Option<App>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct User {
    /// Ends with `[bot]` if it is an app.
    pub login: String,
    /// `User`, `Bot` or `Organization`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// A GitHub app.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct App {
    /// Its name in URLs.
    #[serde(default)]
    pub slug: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    body: &'a str,
}

impl Client {
    /// Lists the comments of a pull request, the oldest first.
    pub async fn comments(&self, repo: &Repo, number: u64) -> Result<Vec<Comment>, Error> {
        let mut url = self.url(&format!("/repos/{repo}/issues/{number}/comments"));
        url.set_query(Some("per_page=100"));
        let doing = format!("list the comments of pull request {number} of `{repo}`");
        self.list(&ApiRequest { doing, needs: READ, method: Method::GET, url }).await
    }

    /// Adds a comment to a pull request. GitHub notifies its watchers.
    pub async fn create_comment(
        &self,
        repo: &Repo,
        number: u64,
        body: &str,
    ) -> Result<Comment, Error> {
        let url = self.url(&format!("/repos/{repo}/issues/{number}/comments"));
        let doing = format!("comment on pull request {number} of `{repo}`");
        let request = ApiRequest { doing, needs: WRITE, method: Method::POST, url };
        self.send(&request, Some(&Body { body })).await?.read()
    }

    /// Replaces the text of a comment. GitHub sends no notification.
    pub async fn update_comment(&self, repo: &Repo, id: u64, body: &str) -> Result<Comment, Error> {
        let doing = format!("update comment {id} of `{repo}`");
        let request = ApiRequest {
            doing,
            needs: WRITE,
            method: Method::PATCH,
            url: self.comment_url(repo, id),
        };
        self.send(&request, Some(&Body { body })).await?.read()
    }

    pub async fn delete_comment(&self, repo: &Repo, id: u64) -> Result<(), Error> {
        let doing = format!("delete comment {id} of `{repo}`");
        let request = ApiRequest {
            doing,
            needs: WRITE,
            method: Method::DELETE,
            url: self.comment_url(repo, id),
        };
        self.send(&request, None::<&()>).await.map(drop)
    }

    /// The account of the token. GitHub refuses this to the token of a workflow, which
    /// has none.
    pub async fn login(&self) -> Result<User, Error> {
        let (doing, url) = ("ask whose token this is".to_owned(), self.url("/user"));
        self.send(&ApiRequest { doing, needs: READ, method: Method::GET, url }, None::<&()>)
            .await?
            .read()
    }

    fn comment_url(&self, repo: &Repo, id: u64) -> url::Url {
        self.url(&format!("/repos/{repo}/issues/comments/{id}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::github::client::Kind;
    use crate::github::client::fake::{Answer, FakeGithub, repo};
    use crate::http::{Retry, Retryable as _};

    const LIST: &str = "GET /repos/o/r/issues/7/comments?per_page=100";

    fn comment(id: u64) -> String {
        format!(
            r#"{{"id":{id},"html_url":"https://github.com/o/r/pull/7#issuecomment-{id}","body":"b","user":{{"login":"me","type":"User"}}}}"#
        )
    }

    #[tokio::test]
    async fn pages_are_followed_as_they_are_linked() {
        let next = "/repositories/17/issues/7/comments?per_page=100&page=2";
        let github = FakeGithub::start(&[
            (
                LIST,
                vec![Answer::json(200, &format!("[{}]", comment(1))).header(
                    "link",
                    &format!("<{{base}}{next}>; rel=\"next\", <{{base}}/x>; rel=\"last\""),
                )],
            ),
            (&format!("GET {next}"), vec![Answer::json(200, &format!("[{}]", comment(2)))]),
        ])
        .await;

        let comments = github.client().comments(&repo(), 7).await.expect("comments");

        assert_eq!(comments.iter().map(|comment| comment.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(github.log(), format!("{LIST} -> 200\nGET {next} -> 200"));
    }

    #[tokio::test]
    async fn a_page_on_another_host_is_not_asked_for() {
        let github = FakeGithub::start(&[(
            LIST,
            vec![Answer::json(200, "[]").header("link", "<https://evil.example/x>; rel=\"next\"")],
        )])
        .await;

        let error = github.client().comments(&repo(), 7).await.expect_err("another host");

        assert_eq!(error.to_string(), "cannot list the comments of pull request 7 of `o/r`");
        assert_eq!(
            error.source.to_string(),
            format!(
                "GET {}/repos/o/r/issues/7/comments: the answer cannot be read: its next page is on another origin",
                github.base()
            )
        );
    }

    #[tokio::test]
    async fn a_request_carries_what_github_asks_for() {
        let github = FakeGithub::start(&[(
            "POST /repos/o/r/issues/7/comments",
            vec![Answer::json(201, &comment(3))],
        )])
        .await;

        github.client().create_comment(&repo(), 7, "hello\n\"you\"").await.expect("created");

        let request = github.requests().remove(0);
        assert_eq!(request.body, r#"{"body":"hello\n\"you\""}"#);
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("authorization"), Some("Bearer ghs_secret"));
        assert_eq!(header("accept"), Some("application/vnd.github+json"));
        assert_eq!(header("x-github-api-version"), Some("2022-11-28"));
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("content-length"), Some("25"));
        assert!(header("user-agent").is_some_and(|agent| agent.starts_with("shipway/")));
    }

    #[tokio::test]
    async fn a_renamed_repository_is_followed_with_the_same_method() {
        let moved = "/repositories/17/issues/7/comments";
        let github = FakeGithub::start(&[
            (
                "POST /repos/o/r/issues/7/comments",
                vec![Answer::json(307, "{}").header("location", &format!("{{base}}{moved}"))],
            ),
            (&format!("POST {moved}"), vec![Answer::json(201, &comment(3))]),
        ])
        .await;

        let posted = github.client().create_comment(&repo(), 7, "hello").await.expect("created");

        assert_eq!(posted.id, 3);
        let bodies: Vec<String> = github.requests().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, [r#"{"body":"hello"}"#; 2]);
    }

    #[tokio::test]
    async fn a_redirect_to_another_host_is_refused() {
        let github = FakeGithub::start(&[(
            "DELETE /repos/o/r/issues/comments/3",
            vec![Answer::json(301, "{}").header("location", "https://evil.example/x")],
        )])
        .await;

        let error = github.client().delete_comment(&repo(), 3).await.expect_err("refused");

        assert!(
            error.source.to_string().ends_with("it redirects to another origin"),
            "{}",
            error.source
        );
    }

    #[tokio::test]
    async fn a_read_only_token_is_explained() {
        let github = FakeGithub::start(&[(
            "POST /repos/o/r/issues/7/comments",
            vec![Answer::json(403, r#"{"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com"}"#)],
        )])
        .await;

        let error = github.client().create_comment(&repo(), 7, "hello").await.expect_err("refused");

        assert_eq!(error.to_string(), "cannot comment on pull request 7 of `o/r`");
        assert_eq!(
            error.source.to_string(),
            format!(
                "POST {}/repos/o/r/issues/7/comments: 403: Resource not accessible by integration",
                github.base()
            )
        );
        assert_eq!((error.kind, error.retry()), (Kind::Forbidden, Retry::Never));
    }

    #[tokio::test]
    async fn a_limit_is_waited_for() {
        let github = FakeGithub::start(&[(
            LIST,
            vec![
                Answer::json(403, r#"{"message":"You have exceeded a secondary rate limit"}"#)
                    .header("retry-after", "9"),
            ],
        )])
        .await;

        let error = github.client().comments(&repo(), 7).await.expect_err("refused");

        assert_eq!(error.retry(), Retry::After(std::time::Duration::from_secs(9)));
    }

    #[tokio::test]
    async fn what_is_not_json_is_an_answer_that_cannot_be_read() {
        let github = FakeGithub::start(&[(LIST, vec![Answer::json(200, "<html>")])]).await;
        let error = github.client().comments(&repo(), 7).await.expect_err("not JSON");
        assert!(
            error
                .source
                .to_string()
                .contains("the answer cannot be read: expected value at line 1"),
            "{}",
            error.source
        );
    }

    #[tokio::test]
    async fn no_answer_may_be_tried_again() {
        let github = FakeGithub::start(&[]).await;
        let client = github.client();
        let base = github.base();
        github.stop().await;

        let error = client.comments(&repo(), 7).await.expect_err("a closed port");

        assert_eq!(error.retry(), Retry::Backoff);
        assert_eq!(
            error.source.to_string(),
            format!("GET {base}/repos/o/r/issues/7/comments: no answer")
        );
    }

    #[tokio::test]
    async fn an_enterprise_server_has_a_path_of_its_own() {
        let github = FakeGithub::start(&[(
            "GET /api/v3/user",
            vec![Answer::json(200, r#"{"login":"me","type":"User"}"#)],
        )])
        .await;
        let user = github.client_at("/api/v3").login().await.expect("a user");
        assert_eq!((user.login.as_str(), user.kind.as_str()), ("me", "User"));
    }
}
