//! The files of keys that a plan names.

use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use std::path::PathBuf;
use std::sync::Arc;

/// Reads a file of the commit that a plan was read from, by its path relative to the plan's
/// folder. The error says why there is none.
pub type CommitFile = Arc<dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync>;

/// The files that a service may name as keys.
pub struct KeyFiles {
    /// The folder of the plan.
    pub plan_folder: PathBuf,
    /// The folder that relative paths of the service start from, relative to that of the plan.
    pub below_plan: PathBuf,
    /// Where the plan is not what is checked out, nor are its keys: a fork's commit may have
    /// changed them.
    pub commit: Option<CommitFile>,
}

impl KeyFiles {
    /// Reads a file in UTF-8. The error says why there is none.
    pub fn read(&self, path: &str) -> Result<String, String> {
        let path = self.below_plan.join(path);
        let Some(commit) = &self.commit else {
            let read = bounded_file::read_text(&self.plan_folder.join(path), MAX_WRITTEN_BYTES);
            return read.map_err(|error| error.to_string());
        };
        let bytes = commit(&path.to_string_lossy())?;
        if bytes.len() as u64 > MAX_WRITTEN_BYTES {
            return Err(format!("it has more than {MAX_WRITTEN_BYTES} bytes"));
        }
        String::from_utf8(bytes).map_err(|error| error.utf8_error().to_string())
    }
}
