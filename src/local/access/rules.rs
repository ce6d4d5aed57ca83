//! Role assignments and registered providers.

use super::directory::Directory;
use super::roles::{ROLES, Role, covers, role_named};
use crate::local::files::{FileError, read_json, write_json};
use crate::local::identity::{Identity, ids_of};
use crate::local::initial_state::{InitialState, RoleGrant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The domain of container groups with a DNS label.
const CONTAINER_DOMAIN: &str = ".azurecontainer.io";

const FILE: &str = "role-assignments.json";

const SERVICE: &str = "ServicePrincipal";

/// How many container groups a region may have, in a new subscription.
const USUAL_GROUP_QUOTA: usize = 100;

/// A role of a principal at a scope and below.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub id: String,
    pub role: &'static Role,
    pub principal: String,
    /// Such as `ServicePrincipal`.
    pub principal_type: String,
    pub scope: String,
}

/// An assignment that a client made, as the file has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeptAssignment {
    id: String,
    /// The id of the role.
    role: String,
    principal: String,
    principal_type: String,
    scope: String,
}

/// What clients changed of the assignments of the initial state.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct AssignmentChanges {
    made: Vec<KeptAssignment>,
    /// The ids of those of the initial state that were deleted.
    deleted: BTreeSet<String>,
}

/// Who may do what.
#[derive(Debug)]
pub struct Access {
    pub directory: Directory,
    /// Whether every principal may do everything.
    is_open: bool,
    path: PathBuf,
    assignments: Mutex<Vec<Assignment>>,
    changes: Mutex<AssignmentChanges>,
    unregistered: Mutex<BTreeSet<String>>,
    /// DNS labels that others hold, as `label.region`.
    taken_labels: Vec<String>,
    /// How many container groups a region may have.
    pub group_quota: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The assignments of the initial state. Their ids are the same at each start.
fn initial_assignments(grants: &[RoleGrant], identity: &Identity) -> Vec<Assignment> {
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
        let (role, scope) = (role_named(&grant.role)?, within(&grant.scope));
        let (id, _) = ids_of(&format!("{principal} {} {scope}", role.id));
        Some(Assignment { id, role, principal, principal_type: SERVICE.to_owned(), scope })
    };
    grants.iter().filter_map(assignment).collect()
}

impl Access {
    /// The rules of the initial state with what clients have changed since.
    pub fn open(
        state_folder: &Path,
        initial: &InitialState,
        identity: &Identity,
    ) -> Result<Self, FileError> {
        let path = state_folder.join(FILE);
        let changes: AssignmentChanges = read_json(&path)?.unwrap_or_default();
        let rules = initial.access.clone().unwrap_or_default();
        let initial_ones = rules.roles.as_deref().unwrap_or_default();
        let mut assignments = initial_assignments(initial_ones, identity);
        assignments.retain(|assignment| !changes.deleted.contains(&assignment.id));
        assignments.extend(changes.made.iter().filter_map(|kept| {
            let KeptAssignment { id, principal, principal_type, scope, .. } = kept.clone();
            let role = ROLES.iter().find(|role| role.id == kept.role)?;
            Some(Assignment { id, role, principal, principal_type, scope })
        }));
        let unregistered = rules.unregistered_providers.iter();
        Ok(Self {
            directory: Directory::open(state_folder, initial.made_identities_only)?,
            is_open: rules.roles.is_none(),
            path,
            assignments: Mutex::new(assignments),
            changes: Mutex::new(changes),
            unregistered: Mutex::new(unregistered.map(|name| name.to_ascii_lowercase()).collect()),
            taken_labels: rules.taken_labels,
            group_quota: rules.container_group_quota.unwrap_or(USUAL_GROUP_QUOTA),
        })
    }

    /// Whether the identity with this resource id may pull from the registry at a scope.
    pub fn may_pull(&self, identity: &str, scope: &str) -> bool {
        let principal = self.directory.ids(identity).map(|(principal, _)| principal);
        let action = "Microsoft.ContainerRegistry/registries/pull/read";
        principal.is_some_and(|principal| self.may(&principal, scope, action))
    }

    /// The assignments at scopes below one, without those at the scope itself.
    pub fn below(&self, scope: &str) -> Vec<Assignment> {
        let start = format!("{}/", scope.to_ascii_lowercase().trim_end_matches('/'));
        let is_below =
            |assignment: &&Assignment| assignment.scope.to_ascii_lowercase().starts_with(&start);
        lock(&self.assignments).iter().filter(is_below).cloned().collect()
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

    pub fn assign(&self, assignment: Assignment) -> Result<(), FileError> {
        let Assignment { id, role, principal, principal_type, scope } = assignment.clone();
        self.change(|changes| {
            let role = role.id.to_owned();
            changes.made.push(KeptAssignment { id, role, principal, principal_type, scope });
        })?;
        lock(&self.assignments).push(assignment);
        Ok(())
    }

    /// Deletes an assignment, if it is there, and returns it.
    pub fn unassign(&self, id: &str) -> Result<Option<Assignment>, FileError> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(id);
        let found = lock(&self.assignments).iter().find(|known| is_it(&known.id)).cloned();
        let Some(found) = found else { return Ok(None) };
        self.change(|changes| {
            let before = changes.made.len();
            changes.made.retain(|known| !is_it(&known.id));
            if changes.made.len() == before {
                changes.deleted.insert(found.id.clone());
            }
        })?;
        lock(&self.assignments).retain(|known| !is_it(&known.id));
        Ok(Some(found))
    }

    fn change(&self, change: impl FnOnce(&mut AssignmentChanges)) -> Result<(), FileError> {
        let mut changes = lock(&self.changes);
        let mut changed = changes.clone();
        change(&mut changed);
        write_json(&self.path, &changed)?;
        *changes = changed;
        Ok(())
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
    pub fn may_use_vault(&self, principal: &str, vault: &str, action: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::{Access, Assignment};
    use crate::local::access::roles::role_named;
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;

    #[test]
    fn assignments_that_clients_make_and_delete_survive_a_restart() {
        let state = tempfile::tempdir().expect("a folder");
        let initial: InitialState =
            serde_json::from_str(r#"{"access": {"roles": [{"role": "Reader"}]}}"#).expect("rules");
        let identity = Identity::open(state.path(), &initial).expect("an identity");
        let open = || Access::open(state.path(), &initial, &identity).expect("opened");
        let subscription = format!("/subscriptions/{}", identity.subscription_id);
        let group = format!("{subscription}/resourceGroups/g");

        let access = open();
        let reader = access.at(&group)[0].id.clone();
        let assignment = Assignment {
            id: "1".to_owned(),
            role: role_named("AcrPull").expect("a role"),
            principal: "p".to_owned(),
            principal_type: "ServicePrincipal".to_owned(),
            scope: group.clone(),
        };
        access.assign(assignment).expect("kept");
        access.unassign(&reader).expect("deleted");

        let access = open();
        let names = |found: Vec<Assignment>| -> Vec<&str> {
            found.iter().map(|assignment| assignment.role.name).collect()
        };
        assert_eq!(names(access.at(&group)), ["AcrPull"]);
        assert_eq!(names(access.below(&subscription)), ["AcrPull"]);
        assert!(access.unassign("2").expect("nothing to delete").is_none());
        access.unassign("1").expect("deleted");
        assert!(open().at(&group).is_empty());
    }
}
