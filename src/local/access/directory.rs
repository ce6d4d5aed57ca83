//! The user-assigned identities of the local cloud, kept in `identities.json`.

use crate::local::files::{FileError, read_json, write_json};
use crate::local::identity::{ids_of, random_uuid};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const FILE: &str = "identities.json";

/// An identity that a client made.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UserAssignedIdentity {
    /// The resource id as it was spelled when the identity was created.
    pub id: String,
    pub name: String,
    pub resource_group: String,
    pub location: String,
    pub principal_id: String,
    pub client_id: String,
    #[serde(default)]
    pub tags: Map<String, Value>,
}

/// By resource id in lower case.
type Identities = BTreeMap<String, UserAssignedIdentity>;

#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    content: Mutex<Identities>,
    /// Whether an identity exists only once a client has made it. Else each one exists: a
    /// plan does not make those that it names.
    made_only: bool,
}

impl Directory {
    pub fn open(state_folder: &Path, made_only: bool) -> Result<Self, FileError> {
        let path = state_folder.join(FILE);
        let content: Identities = read_json(&path)?.unwrap_or_default();
        Ok(Self { path, content: Mutex::new(content), made_only })
    }

    /// The identities that clients made, in the order of their ids.
    pub fn all(&self) -> Vec<UserAssignedIdentity> {
        self.lock().values().cloned().collect()
    }

    pub fn made(&self, id: &str) -> Option<UserAssignedIdentity> {
        self.lock().get(&id.to_ascii_lowercase()).cloned()
    }

    /// The principal id and the client id of an identity, if it exists.
    pub fn ids(&self, id: &str) -> Option<(String, String)> {
        match self.made(id) {
            Some(made) => Some((made.principal_id, made.client_id)),
            None if self.made_only => None,
            None => Some(ids_of(id)),
        }
    }

    /// Whether there is a principal with this id, beside the application.
    pub fn knows(&self, principal: &str) -> bool {
        let is_it = |it: &UserAssignedIdentity| it.principal_id.eq_ignore_ascii_case(principal);
        !self.made_only || self.lock().values().any(is_it)
    }

    /// Makes an identity, or changes where it is and its tags.
    pub fn put(&self, identity: UserAssignedIdentity) -> Result<(), FileError> {
        let key = identity.id.to_ascii_lowercase();
        self.change(|content| drop(content.insert(key, identity)))
    }

    /// Removes an identity, if it is there, and returns it.
    pub fn remove(&self, id: &str) -> Result<Option<UserAssignedIdentity>, FileError> {
        let mut removed = None;
        self.change(|content| removed = content.remove(&id.to_ascii_lowercase()))?;
        Ok(removed)
    }

    fn change(&self, change: impl FnOnce(&mut Identities)) -> Result<(), FileError> {
        let mut content = self.lock();
        let mut changed = content.clone();
        change(&mut changed);
        write_json(&self.path, &changed)?;
        *content = changed;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Identities> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UserAssignedIdentity {
    /// A new one. Like Azure's, its ids are not those of one of the same name that was
    /// deleted.
    pub fn new(id: String, resource_group: &str, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            resource_group: resource_group.to_owned(),
            location: String::new(),
            principal_id: random_uuid(),
            client_id: random_uuid(),
            tags: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Directory, UserAssignedIdentity};

    #[test]
    fn made_identities_are_kept_and_others_exist_where_plans_name_them() {
        let state = tempfile::tempdir().expect("a folder");
        let id = "/subscriptions/s/resourceGroups/g/providers/M/userAssignedIdentities/Pull";
        let directory = Directory::open(state.path(), true).expect("opened");
        assert_eq!(directory.ids(id), None);
        let made = UserAssignedIdentity::new(id.to_owned(), "g", "Pull");
        directory.put(made.clone()).expect("kept");

        let again = Directory::open(state.path(), true).expect("opened again");
        let ids = again.ids(&id.to_ascii_uppercase());
        assert_eq!(ids, Some((made.principal_id.clone(), made.client_id)));
        assert!(again.knows(&made.principal_id) && !again.knows("other"));

        let of_a_plan = Directory::open(state.path(), false).expect("opened again");
        assert!(of_a_plan.ids("/any").is_some() && of_a_plan.knows("other"));
        assert!(again.remove(id).expect("removed").is_some());
        assert!(again.remove(id).expect("nothing to remove").is_none());
    }
}
