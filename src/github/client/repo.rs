//! A repository's name, `owner/name`, checked before it becomes part of a path.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repo {
    owner: String,
    name: String,
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a repository: it is written `owner/name`")]
pub struct BadRepo(String);

impl FromStr for Repo {
    type Err = BadRepo;

    fn from_str(text: &str) -> Result<Self, BadRepo> {
        let good = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && part != "." && part != ".." && part.chars().all(allowed)
        };
        match text.split_once('/') {
            Some((owner, name)) if good(owner) && good(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(BadRepo(text.to_owned())),
        }
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Repo;

    #[test]
    fn a_repository_is_an_owner_and_a_name() {
        let repo: Repo = "octo-org/my.repo_1".parse().expect("a repository");
        assert_eq!(repo.to_string(), "octo-org/my.repo_1");
        for text in ["", "a", "a/", "/b", "a/b/c", "a/..", "a b/c", "a/b?x"] {
            let refused = text.parse::<Repo>().expect_err("no repository").to_string();
            assert_eq!(
                refused,
                format!("`{text}` is not a repository: it is written `owner/name`")
            );
        }
    }
}
