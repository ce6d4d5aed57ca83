//! The files of keys that a plan names.

use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a file of the commit that a plan was read from, by its path relative to the plan's
/// folder. The error says why there is none.
pub type CommitFile = Arc<dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync>;

/// The files that a service may name as keys.
pub struct KeyFiles {
    /// The folder that relative paths of the service start from.
    pub folder: PathBuf,
    /// The same, relative to that of the plan.
    below_plan: PathBuf,
    /// Where the plan is not what is checked out, nor are its keys: a fork's commit may have
    /// changed them.
    commit: Option<CommitFile>,
}

impl KeyFiles {
    /// `below_plan` is the folder of the service relative to that of the plan.
    pub fn new(plan_folder: &Path, below_plan: PathBuf, commit: Option<CommitFile>) -> Self {
        Self { folder: plan_folder.join(&below_plan), below_plan, commit }
    }

    /// Reads a file in UTF-8. The error says why there is none.
    pub fn read(&self, path: &str) -> Result<String, String> {
        let Some(commit) = &self.commit else {
            let read = bounded_file::read_text(&self.folder.join(path), MAX_WRITTEN_BYTES);
            return read.map_err(|error| error.to_string());
        };
        let bytes = commit(&self.below_plan.join(path).to_string_lossy())?;
        if bytes.len() as u64 > MAX_WRITTEN_BYTES {
            return Err(format!("it has more than {MAX_WRITTEN_BYTES} bytes"));
        }
        String::from_utf8(bytes).map_err(|error| error.utf8_error().to_string())
    }
}
