//! What the application of the local cloud may do, where it is not the owner of all:
//! role assignments and registered providers, as Azure's own rules have them.

use super::identity::{Identity, ids_of, random_uuid};
use super::initial_state::{AccessRules, RoleGrant};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A built-in role (learn.microsoft.com, "Azure built-in roles").
#[derive(Debug)]
pub struct Role {
    pub name: &'static str,
    pub id: &'static str,
    pub actions: &'static [&'static str],
    pub not_actions: &'static [&'static str],
    pub data_actions: &'static [&'static str],
}

pub const ROLES: [Role; 7] = [
    Role {
        name: "Owner",
        id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        actions: &["*"],
        not_actions: &[],
        data_actions: &[],
    },
    Role {
        name: "Contributor",
        id: "b24988ac-6180-42a0-ab88-20f7382dd24c",
        actions: &["*"],
        not_actions: &["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
        data_actions: &[],
    },
    Role {
        name: "Reader",
        id: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        actions: &["*/read"],
        not_actions: &[],
        data_actions: &[],
    },
    Role {
        name: "User Access Administrator",
        id: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        not_actions: &[],
        data_actions: &[],
    },
    Role {
        name: "AcrPull",
        id: "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        actions: &["Microsoft.ContainerRegistry/registries/pull/read"],
        not_actions: &[],
        data_actions: &[],
    },
    Role {
        name: "AcrPush",
        id: "8311e382-0749-4cb8-b61a-304f252e45ec",
        actions: &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
        not_actions: &[],
        data_actions: &[],
    },
    Role {
        name: "Key Vault Secrets User",
        id: "4633458b-17de-408a-b874-0445c86b69e6",
        actions: &[],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
    },
];

/// The domain of container groups with a DNS label.
const CONTAINER_DOMAIN: &str = ".azurecontainer.io";

/// A role of a principal at a scope and below.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub id: String,
    pub role: &'static Role,
    pub principal: String,
    pub scope: String,
}

/// Who may do what. A state folder does not keep it.
#[derive(Debug)]
pub struct Access {
    /// Whether every principal may do everything.
    is_open: bool,
    assignments: Mutex<Vec<Assignment>>,
    unregistered: Mutex<BTreeSet<String>>,
    /// DNS labels that others hold, as `label.region`.
    taken_labels: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Access {
    pub fn new(rules: Option<&AccessRules>, identity: &Identity) -> Self {
        let subscription = format!("/subscriptions/{}", identity.subscription_id);
        let within = |path: &str| match path {
            "" => subscription.clone(),
            path => format!("{subscription}/{path}"),
        };
        let assignment = |grant: &RoleGrant| {
            let principal = match grant.identity.as_str() {
                "" => identity.object_id.clone(),
                path => ids_of(&within(path)).0,
            };
            let role = role_named(&grant.role)?;
            Some(Assignment { id: random_uuid(), role, principal, scope: within(&grant.scope) })
        };
        let roles = rules.and_then(|rules| rules.roles.as_ref());
        let unregistered = rules.map(|rules| rules.unregistered_providers.clone());
        Self {
            is_open: roles.is_none(),
            assignments: Mutex::new(roles.into_iter().flatten().filter_map(assignment).collect()),
            unregistered: Mutex::new(
                unregistered
                    .unwrap_or_default()
                    .iter()
                    .map(|name| name.to_ascii_lowercase())
                    .collect(),
            ),
            taken_labels: rules.map(|rules| rules.taken_labels.clone()).unwrap_or_default(),
        }
    }

    /// The roles that hold at a scope: those of the scopes above it too.
    pub fn at(&self, scope: &str) -> Vec<Assignment> {
        let asked = scope.to_ascii_lowercase();
        let covers = |assignment: &&Assignment| {
            let own = assignment.scope.to_ascii_lowercase();
            asked == own || asked.starts_with(&format!("{own}/"))
        };
        lock(&self.assignments).iter().filter(covers).cloned().collect()
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn assign(&self, assignment: Assignment) {
        lock(&self.assignments).push(assignment);
    }

    /// Whether a principal may do this at the scope. `*` in a role stands for any text.
    pub fn may(&self, principal: &str, scope: &str, action: &str) -> bool {
        self.is_open
            || self.at(scope).iter().any(|assignment| {
                let Role { actions, not_actions, .. } = assignment.role;
                assignment.principal == principal
                    && actions.iter().any(|pattern| covers(pattern, action))
                    && !not_actions.iter().any(|pattern| covers(pattern, action))
            })
    }

    /// The same for the data in a resource.
    pub fn may_data(&self, principal: &str, scope: &str, action: &str) -> bool {
        self.is_open
            || self.at(scope).iter().any(|assignment| {
                let patterns = assignment.role.data_actions;
                assignment.principal == principal
                    && patterns.iter().any(|pattern| covers(pattern, action))
            })
    }

    /// Whether a principal may do this with the data of a vault, whatever its resource
    /// group.
    pub fn may_read_vault(&self, principal: &str, vault: &str, action: &str) -> bool {
        let end = format!("/vaults/{}", vault.to_ascii_lowercase());
        let scopes: Vec<String> = lock(&self.assignments)
            .iter()
            .map(|assignment| assignment.scope.to_ascii_lowercase())
            .filter(|scope| !scope.contains("/vaults/") || scope.ends_with(&end))
            .collect();
        self.is_open || scopes.iter().any(|scope| self.may_data(principal, scope, action))
    }

    pub fn is_registered(&self, provider: &str) -> bool {
        !lock(&self.unregistered).contains(&provider.to_ascii_lowercase())
    }

    pub fn register(&self, provider: &str) {
        lock(&self.unregistered).remove(&provider.to_ascii_lowercase());
    }

    /// Whether others hold the DNS label of a host.
    pub fn is_taken(&self, host: &str) -> bool {
        let taken = |name: &String| format!("{name}{CONTAINER_DOMAIN}");
        self.taken_labels.iter().map(taken).any(|taken| taken.eq_ignore_ascii_case(host))
    }
}

pub fn role_named(name: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.name.eq_ignore_ascii_case(name))
}

fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => pattern == action,
        Some((start, end)) => {
            action.len() >= start.len() + end.len()
                && action.starts_with(start)
                && action.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(covers("*", "Microsoft.A/b/write"));
        assert!(covers("*/read", "Microsoft.A/b/Read"));
        assert!(!covers("*/read", "Microsoft.A/b/write"));
        assert!(covers(
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/roleAssignments/write"
        ));
        assert!(!covers("Microsoft.A/b/read", "Microsoft.A/b/readAll"));
    }
}
