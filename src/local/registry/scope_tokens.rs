//! Scope maps of Azure's registries, and the tokens that log in with what a map allows
//! (learn.microsoft.com, "Token-based repository permissions").

use super::login::Grant;
use crate::local::hidden::Hidden;
use crate::local::identity::random_hex;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The maps that every registry has.
const BUILT_IN: [(&str, &str, &[&str]); 5] = [
    (
        "_repositories_admin",
        "Can perform all read, write and delete operations on the registry",
        &["content/delete", "content/read", "content/write", "metadata/read", "metadata/write"],
    ),
    ("_repositories_pull", "Can pull any repository of the registry", &["content/read"]),
    (
        "_repositories_pull_metadata_read",
        "Can perform all read operations on the registry",
        &["content/read", "metadata/read"],
    ),
    (
        "_repositories_push",
        "Can push to any repository of the registry",
        &["content/read", "content/write"],
    ),
    (
        "_repositories_push_metadata_write",
        "Can perform all read and write operations on the registry",
        &["content/read", "content/write", "metadata/read", "metadata/write"],
    ),
];

/// What a token may do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScopeMap {
    pub name: String,
    pub description: String,
    /// Such as `repositories/team/web/content/read`.
    pub actions: Vec<String>,
    pub created: String,
    /// Whether every registry has it, so that it cannot be changed.
    #[serde(skip)]
    pub built_in: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScopeToken {
    /// Also the user name of its login.
    pub name: String,
    /// The name of its scope map.
    pub scope_map: String,
    pub enabled: bool,
    pub created: String,
    pub passwords: BTreeMap<String, TokenPassword>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenPassword {
    pub value: Hidden,
    pub created: String,
    /// In seconds since 1970.
    pub expiry: Option<i64>,
}

/// The scope maps and tokens of one registry, by their names in lower case.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ScopeTokens {
    pub maps: BTreeMap<String, ScopeMap>,
    pub tokens: BTreeMap<String, ScopeToken>,
}

impl ScopeTokens {
    pub fn map(&self, name: &str) -> Option<ScopeMap> {
        let own = self.maps.get(&name.to_ascii_lowercase()).cloned();
        own.or_else(|| built_in().find(|map| map.name.eq_ignore_ascii_case(name)))
    }

    /// What a token with this password may do; `None` where it does not log in.
    pub fn grants(&self, name: &str, password: &str, now: Timestamp) -> Option<Vec<Grant>> {
        let token = self.tokens.get(&name.to_ascii_lowercase()).filter(|token| token.enabled)?;
        let is_good = |known: &TokenPassword| {
            known.value.expose() == password
                && known.expiry.is_none_or(|expiry| now.as_second() < expiry)
        };
        if !token.passwords.values().any(is_good) {
            return None;
        }
        let map = self.map(&token.scope_map)?;
        Some(map.actions.iter().filter_map(|action| grant(action)).collect())
    }
}

/// The maps that every registry has.
pub fn built_in() -> impl Iterator<Item = ScopeMap> {
    BUILT_IN.iter().map(|(name, description, actions)| ScopeMap {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        actions: actions.iter().map(|action| format!("repositories/*/{action}")).collect(),
        created: "2024-01-01T00:00:00Z".to_owned(),
        built_in: true,
    })
}

/// The action of a scope map as docker's protocol names it; `None` for one of no repository.
pub fn grant(action: &str) -> Option<Grant> {
    let rest = action.strip_prefix("repositories/")?;
    let (rest, verb) = rest.rsplit_once('/')?;
    let (repository, noun) = rest.rsplit_once('/')?;
    let allowed = match (noun, verb) {
        ("content", "read") => "pull",
        ("content", "write") => "push",
        ("content", "delete") => "delete",
        ("metadata", "read") => "metadata_read",
        ("metadata", "write") => "metadata_write",
        _ => return None,
    };
    let (kind, name) = ("repository".to_owned(), repository.to_owned());
    (!repository.is_empty()).then(|| Grant { kind, name, actions: vec![allowed.to_owned()] })
}

/// A new password.
pub fn new_password(expiry: Option<Timestamp>) -> TokenPassword {
    let value = Hidden::new(random_hex(26));
    let expiry = expiry.map(Timestamp::as_second);
    TokenPassword { value, created: Timestamp::now().to_string(), expiry }
}

#[cfg(test)]
mod tests {
    use super::{ScopeMap, ScopeToken, ScopeTokens, grant, new_password};
    use jiff::Timestamp;
    use std::collections::BTreeMap;

    #[test]
    fn actions_are_grants() {
        let read = grant("repositories/team/web/content/read").expect("a grant");
        assert!(read.allows("repository", "team/web", "pull"));
        assert!(!read.allows("repository", "team/web", "push"));
        assert!(grant("repositories/*/content/write").expect("one").allows(
            "repository",
            "x",
            "push"
        ));
        let below = grant("repositories/team/*/content/delete").expect("a grant");
        assert!(below.allows("repository", "team/web", "delete"));
        assert!(!below.allows("repository", "other/web", "delete"));
        assert_eq!(grant("gateway/edge/config/read"), None);
        assert_eq!(grant("repositories/x/contentWrite"), None);
    }

    #[test]
    fn token_logs_in_while_it_is_enabled_and_its_password_lasts() {
        let end: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
        let map = ScopeMap {
            name: "ci-scope-map".to_owned(),
            description: String::new(),
            actions: vec!["repositories/web/content/read".to_owned()],
            created: String::new(),
            built_in: false,
        };
        let token = ScopeToken {
            name: "ci".to_owned(),
            scope_map: "ci-scope-map".to_owned(),
            enabled: true,
            created: String::new(),
            passwords: BTreeMap::from([("password1".to_owned(), new_password(Some(end)))]),
        };
        let password = token.passwords["password1"].value.expose().to_owned();
        let mut all = ScopeTokens {
            maps: BTreeMap::from([(map.name.clone(), map)]),
            tokens: BTreeMap::from([(token.name.clone(), token)]),
        };
        let (before, after) = ("2029-01-01T00:00:00Z", "2031-01-01T00:00:00Z");
        let log_in = |all: &ScopeTokens, password: &str, at: &str| {
            all.grants("ci", password, at.parse().expect("a time")).map(|grants| grants.len())
        };

        assert_eq!(log_in(&all, &password, before), Some(1));
        assert_eq!(log_in(&all, "wrong", before), None);
        assert_eq!(log_in(&all, &password, after), None);
        all.tokens.get_mut("ci").expect("it is there").scope_map = "_repositories_push".to_owned();
        assert_eq!(log_in(&all, &password, before), Some(2));
        all.tokens.get_mut("ci").expect("it is there").enabled = false;
        assert_eq!(log_in(&all, &password, before), None);
    }
}
