//! A folder for one attempt, gone when the attempt is.

use super::performer::{Job, Performer};
use crate::run::outcome::StepError;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder. Empty at first.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it, in the run's own.
    pub(super) fn new(performer: &Performer, job: &Job) -> Result<Self, StepError> {
        let folder = performer.workspace.join("scratch").join(job.id.to_string());
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).map_err(|error| {
            StepError::new(format!("make the folder `{}`", folder.display()))
                .because(error.to_string())
        })?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file into it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, StepError> {
        let file = self.0.join(name);
        fs::write(&file, text).map_err(|error| {
            StepError::new(format!("write `{}`", file.display())).because(error.to_string())
        })?;
        Ok(file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
