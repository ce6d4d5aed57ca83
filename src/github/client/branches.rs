//! Branches.

use super::error::Error;
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use ::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

const READ: &str = "contents: read";

/// The characters to escape in the path of a reference, whose parts are joined by `/`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    name: String,
}

impl Client {
    /// Whether a branch exists.
    ///
    /// Asks for the list of references that begin with its name: an empty list is an
    /// answer, where the 404 of `/branches/NAME` may also mean that the token cannot
    /// see the repository.
    pub async fn has_branch(&self, repo: &Repo, branch: &str) -> Result<bool, Error> {
        let encoded = utf8_percent_encode(branch, ENCODED);
        let url = self.url(&format!("/repos/{repo}/git/matching-refs/heads/{encoded}"));
        let doing = format!("look for the branch `{branch}` of `{repo}`");
        let request = ApiRequest { doing, needs: READ, method: Method::GET, url };
        let found: Vec<Reference> = self.list(&request).await?;
        let name = format!("refs/heads/{branch}");
        Ok(found.iter().any(|reference| reference.name == name))
    }
}

#[cfg(test)]
mod tests {
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    #[tokio::test]
    async fn only_a_list_without_the_branch_means_that_it_is_gone() {
        let path = "GET /repos/o/r/git/matching-refs/heads/fix/a%23b";
        let list = |name: &str| Answer::json(200, &format!(r#"[{{"ref":"refs/heads/{name}"}}]"#));
        let missing = Answer::json(404, r#"{"message":"Not Found"}"#);
        let answers = vec![list("fix/a#b"), list("fix/a#b-2"), Answer::json(200, "[]"), missing];
        let github = FakeGithub::start(&[(path, answers)]).await;
        let client = github.client();

        let mut found = Vec::new();
        for _ in 0..4 {
            found.push(client.has_branch(&repo(), "fix/a#b").await.ok());
        }

        assert_eq!(found, [Some(true), Some(false), Some(false), None]);
    }
}
