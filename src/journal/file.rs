//! The file: appended to, synced, a torn last line tolerated.

use super::entry::Entry;
use super::lock::RunLock;
use super::replay::{IllegalEntry, Replay};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A journal open for writing.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    replay: Replay,
    /// Whether all that was written is on the disk.
    synced: bool,
    _lock: RunLock,
}

/// A journal that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full, the folder gone, or the file another's.
    #[error("write the journal `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("read the journal `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line that is not the last is no entry.
    #[error("read line {line} of the journal `{path}`")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why not.
        source: serde_json::Error,
    },
    /// The entries contradict each other.
    #[error("believe the journal `{path}`")]
    Illegal {
        /// The file.
        path: PathBuf,
        /// What contradicts what.
        source: IllegalEntry,
    },
    /// Another process is writing it.
    #[error("the run of `{path}` is still going on in another process")]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

impl Journal {
    /// Begins a journal where there was none.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let lock = lock(path)?;
        // The name itself is to survive a crash too.
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            replay: Replay::default(),
            synced: true,
            _lock: lock,
        })
    }

    /// Goes on with a journal, after cutting off a torn last line.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let lock = lock(path)?;
        let (entries, whole) = parse(path)?;
        file.set_len(whole).map_err(failed)?;
        let replay = believe(path, &entries)?;
        Ok(Self { file, path: path.to_owned(), replay, synced: true, _lock: lock })
    }

    /// Writes an entry and waits until it is on the disk, with all before it.
    pub fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.write(entry)?;
        self.sync()
    }

    /// Writes an entry. Before anything is done that it announces, it has to be
    /// on the disk: see [`Journal::sync`].
    pub fn write(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        self.replay.apply(entry).map_err(|what| failed(io::Error::other(what)))?;
        let mut line = serde_json::to_vec(entry).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        // One write, so that only the last line can ever be torn.
        self.file.write_all(&line).map_err(failed)?;
        self.synced = false;
        Ok(())
    }

    /// Waits until all that was written is on the disk.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if !self.synced {
            let failed = |source| JournalError::Write { path: self.path.clone(), source };
            self.file.sync_data().map_err(failed)?;
            self.synced = true;
        }
        Ok(())
    }

    /// What the journal says so far.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }
}

/// Reads what a journal says, without touching it.
pub fn read(path: &Path) -> Result<Replay, JournalError> {
    let (entries, _) = parse(path)?;
    believe(path, &entries)
}

fn believe(path: &Path, entries: &[Entry]) -> Result<Replay, JournalError> {
    Replay::of(entries).map_err(|source| JournalError::Illegal { path: path.to_owned(), source })
}

fn lock(path: &Path) -> Result<RunLock, JournalError> {
    let acquired = RunLock::acquire(path)
        .map_err(|source| JournalError::Write { path: path.to_owned(), source })?;
    acquired.ok_or_else(|| JournalError::Busy { path: path.to_owned() })
}

/// The entries, and how many bytes of the file they are.
fn parse(path: &Path) -> Result<(Vec<Entry>, u64), JournalError> {
    let bytes = std::fs::read(path)
        .map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
    let mut entries = Vec::new();
    let mut whole = 0;
    for (place, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        let entry = serde_json::from_slice(line).map_err(|source| JournalError::Line {
            path: path.to_owned(),
            line: place + 1,
            source,
        })?;
        entries.push(entry);
        whole += line.len() as u64;
    }
    Ok((entries, whole))
}

#[cfg(test)]
mod tests {
    use super::{Journal, read};
    use crate::event::StepId;
    use crate::journal::entry::{Entry, StartRecord};
    use crate::journal::replay::StepState;
    use std::fs;
    use std::io::Write as _;

    fn start() -> Entry {
        Entry::RunStarted(
            StartRecord {
                version: 1,
                run: "01".into(),
                at: "2026-11-21T10:00:00Z".into(),
                plan: "shipway.yml".into(),
                plan_digest: "sha256:0".into(),
                dry_run: false,
                selection: serde_json::Value::Null,
                resolved: serde_json::Value::Null,
                options: serde_json::Value::Null,
            }
            .into(),
        )
    }

    fn step() -> StepId {
        StepId { service: String::new(), step: "push".into() }
    }

    fn started() -> Entry {
        Entry::StepStarted { step: step(), attempt: 1, at: "2026-11-21T10:00:01Z".into() }
    }

    #[test]
    fn what_is_written_is_read_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).expect("a journal");
        journal.append(&start()).expect("written");
        journal.append(&started()).expect("written");
        drop(journal);
        let mut file = fs::OpenOptions::new().append(true).open(&path).expect("the file");
        file.write_all(br#"{"entry":"step-succ"#).expect("torn");
        drop(file);

        let replay = read(&path).expect("a readable journal");
        assert_eq!(replay.state(&step()), StepState::InDoubt);

        let mut journal = Journal::open(&path).expect("goes on");
        journal.append(&started()).expect("written");
        let text = fs::read_to_string(&path).expect("the file");
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains("succ"));
    }

    /// A child has its parent's open files between `fork` and `execve`; here it
    /// keeps one as its standard input.
    #[test]
    fn a_child_with_inherited_files_does_not_hold_the_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).expect("a journal");
        journal.append(&start()).expect("written");
        let inherited = journal.file.try_clone().expect("a second descriptor");
        let mut child =
            std::process::Command::new("sleep").arg("60").stdin(inherited).spawn().expect("sleep");
        drop(journal);

        let opened = Journal::open(&path);
        child.kill().expect("it is there");
        child.wait().expect("it has ended");
        opened.expect("the run can be resumed");
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        fs::write(&path, "{}\n{}\n").expect("written");

        let refused = read(&path).expect_err("no entry");
        let shown = refused.to_string().replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(shown, "read line 1 of the journal `DIR/journal.jsonl`");
    }

    #[test]
    fn nonsense_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).expect("a journal");
        assert!(journal.append(&started()).is_err());
        assert_eq!(fs::read(&path).expect("the file"), b"");
    }
}
