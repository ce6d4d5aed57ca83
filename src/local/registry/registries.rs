//! The state of all registries: their accounts, their content, and what is
//! fetched from registries outside.

use super::accounts::Accounts;
use super::storage::Storage;
use super::upstream::Upstream;
use crate::local::files::FileError;
use crate::local::initial_state::InitialState;
use std::path::Path;

#[derive(Debug)]
pub struct Registries {
    pub accounts: Accounts,
    pub storage: Storage,
    pub upstream: Upstream,
}

impl Registries {
    /// Opens the registries of a state folder.
    pub fn open(state: &Path, initial: &InitialState) -> Result<Self, FileError> {
        let storage = Storage::open(state)?;
        Ok(Self {
            accounts: Accounts::open(state, initial)?,
            upstream: Upstream::open(state, &storage, initial),
            storage,
        })
    }
}
