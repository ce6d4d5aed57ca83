//! Token scopes, such as `repository:team/web:pull,push`.

use serde::{Deserialize, Serialize};

/// An element of the `access` claim of a token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Grant {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub actions: Vec<String>,
}

impl Grant {
    /// Parses the scopes of a request. One value may contain several, separated by
    /// spaces. Invalid ones are ignored.
    pub fn parse_all(scopes: &[String]) -> Vec<Self> {
        scopes.iter().flat_map(|scope| scope.split(' ')).filter_map(Self::parse).collect()
    }

    /// The name may itself contain `:`, such as a host with a port.
    fn parse(scope: &str) -> Option<Self> {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let actions = actions.split(',').filter(|action| !action.is_empty());
        Some(Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.map(str::to_owned).collect(),
        })
    }

    /// The grant reduced to what a user who may only pull is allowed.
    pub fn only_pull(mut self) -> Option<Self> {
        if self.kind != "repository" {
            return None;
        }
        self.actions.retain(|action| matches!(action.as_str(), "pull" | "metadata_read"));
        Some(self)
    }

    /// The grant reduced to what others allow.
    pub fn within(mut self, allowed: &[Self]) -> Self {
        let Self { kind, name, actions } = &mut self;
        actions.retain(|action| allowed.iter().any(|one| one.allows(kind, name, action)));
        self
    }

    pub fn allows(&self, kind: &str, name: &str, action: &str) -> bool {
        self.kind == kind
            && covers(&self.name, name)
            && self.actions.iter().any(|given| given == action || given == "*")
    }
}

/// Whether a name of a scope map, which may end with `*`, is that of a repository.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::Grant;

    #[test]
    fn scopes_are_parsed_and_reduced() {
        let scopes = ["repository:team/web:pull,push registry:catalog:*".to_owned(), "x".into()];

        let grants = Grant::parse_all(&scopes);

        assert_eq!(grants.len(), 2);
        assert!(grants[0].allows("repository", "team/web", "push"));
        assert!(!grants[0].allows("repository", "team", "push"));
        assert!(!grants[0].allows("repository", "team/web", "delete"));
        assert!(grants[1].allows("registry", "catalog", "anything"));
        let narrowed = grants[0].clone().only_pull().expect("a repository");
        assert_eq!(narrowed.actions, ["pull"]);
        assert_eq!(grants[1].clone().only_pull(), None);
    }
}
