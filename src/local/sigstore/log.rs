//! The entries of the log, kept in one file.

use crate::local::files::{FileError, read_json, write_json};
use crate::oci::Digest;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub struct Log {
    path: PathBuf,
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The hash of its leaf in the tree of the log (RFC 6962, section 2.1).
    pub uuid: String,
    /// What was logged.
    pub body: String,
    /// When, in seconds since 1970.
    pub time: i64,
}

/// An entry with its number.
pub struct NumberedEntry {
    pub index: usize,
    pub entry: Entry,
    /// Whether it was there before.
    pub is_old: bool,
}

impl Log {
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let entries = read_json(path)?.unwrap_or_default();
        Ok(Self { path: path.to_owned(), entries: Mutex::new(entries) })
    }

    /// Adds an entry, unless there is one with this body.
    pub fn add(&self, body: String) -> Result<NumberedEntry, FileError> {
        let uuid = Digest::of(&[b"\0", body.as_bytes()].concat()).hex().to_owned();
        if let Some(found) = self.get(&uuid) {
            return Ok(found);
        }
        let entry = Entry { uuid, body, time: jiff::Timestamp::now().as_second() };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry.clone());
        write_json(&self.path, &*entries)?;
        Ok(NumberedEntry { index: entries.len() - 1, entry, is_old: false })
    }

    pub fn get(&self, uuid: &str) -> Option<NumberedEntry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let index = entries.iter().position(|entry| entry.uuid == uuid)?;
        Some(NumberedEntry { index, entry: entries[index].clone(), is_old: true })
    }
}
