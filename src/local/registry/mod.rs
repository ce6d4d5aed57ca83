//! The local registries: who may use them, what they hold, and the OCI
//! distribution protocol over both.

mod accounts;
mod storage;

pub use accounts::{Accounts, Admin, Rights};
pub use storage::{Storage, StoredManifest};
