//! What people may do in a repository.

use super::error::Error;
use super::repo::Repo;
use super::request::{ApiRequest, Client};
use ::http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// The role of an account in a repository.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct RepositoryRole {
    /// `admin`, `write`, `read` or `none`. GitHub reports `maintain` as `write`, and `triage`
    /// as `read`.
    pub permission: String,
}

impl RepositoryRole {
    /// Whether the account may push to the repository.
    pub fn may_write(&self) -> bool {
        matches!(self.permission.as_str(), "admin" | "write")
    }
}

impl Client {
    /// Reads what an account may do in the repository.
    pub async fn role_of(&self, repo: &Repo, login: &str) -> Result<RepositoryRole, Error> {
        let encoded = utf8_percent_encode(login, NON_ALPHANUMERIC);
        let url = self.url(&format!("/repos/{repo}/collaborators/{encoded}/permission"));
        let doing = format!("read what `{login}` may do in `{repo}`");
        let request = ApiRequest { doing, needs: "metadata: read", method: Method::GET, url };
        self.send(&request, None::<&()>).await?.read()
    }
}

#[cfg(test)]
mod tests {
    use crate::github::client::fake::{Answer, FakeGithub, repo};

    #[tokio::test]
    async fn only_write_access_may_write() {
        let roles = ["admin", "write", "read", "none"];
        let answers = roles.iter().map(|role| {
            Answer::json(200, &format!(r#"{{"permission":"{role}","role_name":"x"}}"#))
        });
        let path = "GET /repos/o/r/collaborators/dependabot%5Bbot%5D/permission";
        let github = FakeGithub::start(&[(path, answers.collect())]).await;
        let client = github.client();
        let mut may_write = Vec::new();
        for _ in roles {
            let role = client.role_of(&repo(), "dependabot[bot]").await.expect("a role");
            may_write.push(role.may_write());
        }
        assert_eq!(may_write, [true, true, false, false]);
    }
}
