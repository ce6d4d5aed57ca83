//! The faults that requests met, in `faults.jsonl` of the state folder.
//!
//! A fault is written there before the request feels it, so that who reads the file after
//! a failure finds the reason in it.

use crate::local::files::FileError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const FILE: &str = "faults.jsonl";

/// A request that met a fault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultMet {
    pub method: String,
    pub host: String,
    /// Without the query.
    pub path: String,
    /// The rule as it was written.
    pub rule: String,
    /// Which of the requests that met the rule, counted from 1.
    pub nth: u32,
    /// How many of them the rule is for; `None` for every one.
    pub of: Option<u32>,
}

impl FaultMet {
    /// `PUT management.azure.com/…/containerGroups/web`.
    pub fn request(&self) -> String {
        // Of a resource, its kind and name say enough.
        let path = match self.path.to_ascii_lowercase().rfind("/providers/microsoft.") {
            Some(at) => {
                let words = self.path[at..].splitn(4, '/').last().unwrap_or_default();
                format!("/…/{words}")
            }
            None => self.path.clone(),
        };
        format!("{} {}{path}", self.method, self.host)
    }

    /// Such as `1 of 2`, or `3` where there is no end.
    pub fn count(&self) -> String {
        self.of.map_or_else(|| self.nth.to_string(), |of| format!("{} of {of}", self.nth))
    }
}

impl fmt::Display for FaultMet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} met `{}` ({})", self.request(), self.rule, self.count())
    }
}

/// The file of a state folder, read from where it ended when this was made.
#[derive(Debug)]
pub struct FaultRecord {
    path: PathBuf,
    read: AtomicU64,
}

impl FaultRecord {
    pub fn of(state: &Path) -> Self {
        let path = state.join(FILE);
        let read = std::fs::metadata(&path).map_or(0, |file| file.len());
        Self { path, read: AtomicU64::new(read) }
    }

    /// Those that were added since the last call.
    pub fn unread(&self) -> Vec<FaultMet> {
        let Ok(mut file) = File::open(&self.path) else { return Vec::new() };
        let begun = self.read.load(Ordering::Relaxed);
        let mut text = String::new();
        let read = file.seek(SeekFrom::Start(begun)).and_then(|_| file.read_to_string(&mut text));
        if let Err(error) = read {
            tracing::warn!(%error, "the faults of the local cloud cannot be read");
            return Vec::new();
        }
        // The last line may be in the middle of being written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read.store(begun + whole as u64, Ordering::Relaxed);
        text[..whole].lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The file of a state folder, which the cloud appends to.
#[derive(Debug)]
pub(super) struct FaultFile {
    file: File,
}

impl FaultFile {
    pub(super) fn open(state: &Path) -> Result<Self, FileError> {
        let path = state.join(FILE);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(|source| FileError::Io { verb: "open", path, source })?;
        Ok(Self { file })
    }

    /// Adds a line. Errors are only traced: the request meets its fault all the same.
    pub(super) fn add(&mut self, met: &FaultMet) {
        let mut line = serde_json::to_vec(met).unwrap_or_default();
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            tracing::warn!(%error, "the record of faults cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultFile, FaultMet, FaultRecord};

    fn met(path: &str) -> FaultMet {
        FaultMet {
            method: "PUT".into(),
            host: "management.azure.com".into(),
            path: path.into(),
            rule: "PUT containerGroups: 503 x2".into(),
            nth: 1,
            of: Some(2),
        }
    }

    #[test]
    fn request_is_told_with_the_fault_that_it_met() {
        let path = "/subscriptions/s/resourceGroups/demo/providers/Microsoft.ContainerInstance/containerGroups/web";
        assert_eq!(
            met(path).to_string(),
            "PUT management.azure.com/…/containerGroups/web met `PUT containerGroups: 503 x2` (1 of 2)"
        );
        let every = FaultMet { of: None, host: "demo.azurecr.io".into(), ..met("/v2/") };
        assert_eq!(
            every.to_string(),
            "PUT demo.azurecr.io/v2/ met `PUT containerGroups: 503 x2` (1)"
        );
    }

    #[test]
    fn record_is_read_from_where_it_ended() {
        let state = tempfile::tempdir().expect("a folder");
        let mut file = FaultFile::open(state.path()).expect("a file");
        file.add(&met("/of-an-earlier-run"));
        let record = FaultRecord::of(state.path());
        assert_eq!(record.unread(), []);

        file.add(&met("/one"));
        file.add(&met("/two"));
        assert_eq!(record.unread(), [met("/one"), met("/two")]);
        assert_eq!(record.unread(), []);
    }
}
