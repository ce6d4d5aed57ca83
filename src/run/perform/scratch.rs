//! A folder for the files of one attempt, removed with it.

use super::performer::{Job, Performer};
use crate::run::outcome::StepError;
use std::fs;
use std::path::{Path, PathBuf};

/// An empty folder that is removed on drop.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates the folder below the run's own. What an earlier attempt left there
    /// is removed.
    pub fn new(performer: &Performer, job: &Job) -> Result<Self, StepError> {
        let folder = performer.facts.workspace.join("scratch").join(job.id.to_string());
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).map_err(|error| {
            StepError::new(format!("cannot create the folder `{}`", folder.display()))
                .because(error.to_string())
        })?;
        Ok(Self(folder))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, StepError> {
        let file = self.0.join(name);
        fs::write(&file, text).map_err(|error| {
            StepError::new(format!("cannot write `{}`", file.display())).because(error.to_string())
        })?;
        Ok(file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
