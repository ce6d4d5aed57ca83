//! The file of a journal: append, sync, and read, with a torn last line ignored.

use super::checksum;
use super::entry::JournalEntry;
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
    /// The state after all entries written so far.
    replay: Replay,
    /// The length of the entries written so far, in bytes.
    length: u64,
    /// Whether everything written so far is on the disk.
    synced: bool,
    /// Whether a part of an entry may stand behind those: the disk was full.
    torn: bool,
    _lock: RunLock,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// For example, the disk is full or the folder is not writable.
    #[error("cannot write the journal `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read the journal `{path}`")]
    Read { path: PathBuf, source: io::Error },
    /// An invalid line that is not a torn last one.
    #[error("cannot read line {line} of the journal `{path}`")]
    Line {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        source: serde_json::Error,
    },
    /// It has no checksum, or another one.
    #[error("line {line} of the journal `{path}` is not as it was written")]
    Changed {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    #[error("the journal `{path}` contradicts itself")]
    Illegal { path: PathBuf, source: IllegalEntry },
    #[error("the run of `{path}` is still going on in another process")]
    Busy { path: PathBuf },
}

impl Journal {
    /// Creates the journal of a new run.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let lock = lock(path)?;
        // Syncing the file does not sync its name, which must survive a crash too.
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            replay: Replay::default(),
            length: 0,
            synced: true,
            torn: false,
            _lock: lock,
        })
    }

    /// Opens the journal of an earlier process to append to it. A torn last line is
    /// cut off.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let lock = lock(path)?;
        let (entries, whole) = parse(path)?;
        file.set_len(whole).map_err(failed)?;
        let replay = replayed(path, &entries)?;
        let path = path.to_owned();
        Ok(Self { file, path, replay, length: whole, synced: true, torn: false, _lock: lock })
    }

    /// Writes an entry and syncs.
    pub fn append(&mut self, entry: &JournalEntry) -> Result<(), JournalError> {
        self.write(entry)?;
        self.sync()
    }

    /// Writes an entry without waiting for the disk. Call [`Journal::sync`] before
    /// the effect that the entry announces.
    pub fn write(&mut self, entry: &JournalEntry) -> Result<(), JournalError> {
        let failed = |source| JournalError::Write { path: self.path.clone(), source };
        self.replay.apply(entry).map_err(|what| failed(io::Error::other(what)))?;
        let mut line = serde_json::to_vec(entry).map_err(|error| failed(error.into()))?;
        checksum::add(&mut line);
        line.push(b'\n');
        if self.torn {
            self.file.set_len(self.length).map_err(failed)?;
        }
        // A single write, so that only the last line can be torn.
        self.torn = true;
        self.file.write_all(&line).map_err(failed)?;
        self.torn = false;
        self.length += line.len() as u64;
        self.synced = false;
        Ok(())
    }

    /// Waits until everything written so far is on the disk.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if !self.synced {
            let failed = |source| JournalError::Write { path: self.path.clone(), source };
            self.file.sync_data().map_err(failed)?;
            self.synced = true;
        }
        Ok(())
    }

    /// The state after all entries written so far.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }
}

/// Reads a journal without changing or locking it.
pub fn read(path: &Path) -> Result<Replay, JournalError> {
    let (entries, _) = parse(path)?;
    replayed(path, &entries)
}

fn replayed(path: &Path, entries: &[JournalEntry]) -> Result<Replay, JournalError> {
    Replay::of(entries).map_err(|source| JournalError::Illegal { path: path.to_owned(), source })
}

fn lock(path: &Path) -> Result<RunLock, JournalError> {
    let acquired = RunLock::acquire(path)
        .map_err(|source| JournalError::Write { path: path.to_owned(), source })?;
    acquired.ok_or_else(|| JournalError::Busy { path: path.to_owned() })
}

/// Reads the whole lines and returns their entries and their length in bytes.
fn parse(path: &Path) -> Result<(Vec<JournalEntry>, u64), JournalError> {
    let bytes = std::fs::read(path)
        .map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
    parse_bytes(path, &bytes)
}

/// As [`parse`], with the content of the file.
pub(super) fn parse_bytes(
    path: &Path,
    bytes: &[u8],
) -> Result<(Vec<JournalEntry>, u64), JournalError> {
    let mut entries = Vec::new();
    let mut whole = 0;
    for (place, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let (file, line_number) = (path.to_owned(), place + 1);
        let Some(entry) = line.strip_suffix(b"\n") else {
            // A write that was cut off has nothing behind its checksum: this was the line's end.
            let before_last = line.split_last().map_or(line, |(_, before)| before);
            if checksum::holds(before_last) == Some(true) {
                return Err(JournalError::Changed { path: file, line: line_number });
            }
            break;
        };
        let sum = checksum::holds(entry.trim_ascii_end());
        if sum == Some(false) {
            return Err(JournalError::Changed { path: file, line: line_number });
        }
        let entry = serde_json::from_slice(line).map_err(|source| JournalError::Line {
            path: file,
            line: line_number,
            source,
        })?;
        entries.push(entry);
        if sum.is_none() && has_checksums(&entries) {
            return Err(JournalError::Changed { path: path.to_owned(), line: line_number });
        }
        whole += line.len() as u64;
    }
    Ok((entries, whole))
}

/// Whether each of the entries should have had a checksum.
fn has_checksums(entries: &[JournalEntry]) -> bool {
    matches!(entries.first(), Some(JournalEntry::RunStarted(start)) if start.has_checksums())
}

#[cfg(test)]
mod tests {
    use super::{Journal, read};
    use crate::event::StepId;
    use crate::journal::entry::{JournalEntry, StartRecord};
    use crate::journal::options::RunOptions;
    use crate::journal::replay::StepState;
    use std::fs;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    fn start() -> JournalEntry {
        JournalEntry::RunStarted(
            StartRecord {
                version: StartRecord::VERSION,
                run: "01".into(),
                at: "2026-11-21T10:00:00Z".into(),
                plan: "shipway.yml".into(),
                plan_digest: "sha256:0".into(),
                dry_run: false,
                resolved: serde_json::Value::Null,
                options: RunOptions::default(),
                local: PathBuf::new(),
            }
            .into(),
        )
    }

    fn step() -> StepId {
        StepId { service: String::new(), step: "push".into() }
    }

    fn started() -> JournalEntry {
        JournalEntry::StepStarted { step: step(), attempt: 1, at: "2026-11-21T10:00:01Z".into() }
    }

    /// A journal of two entries, which no process has open.
    fn begun(folder: &Path) -> PathBuf {
        let path = folder.join("journal.jsonl");
        let mut journal = Journal::create(&path).expect("a journal");
        journal.append(&start()).expect("written");
        journal.append(&started()).expect("written");
        path
    }

    #[test]
    fn a_torn_last_line_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = begun(folder.path());
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
    fn an_invalid_line_in_the_middle_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        fs::write(&path, "{}\n{}\n").expect("written");

        let refused = read(&path).expect_err("no entry");
        let shown = refused.to_string().replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(shown, "cannot read line 1 of the journal `DIR/journal.jsonl`");
    }

    #[test]
    fn a_flipped_bit_is_found_in_any_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = begun(folder.path());
        let text = fs::read(&path).expect("the file");
        let ends = text.len() - 1;

        for place in 0..=ends {
            let mut changed = text.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).expect("written");
            let error = read(&path).expect_err("a changed journal").to_string();
            assert!(error.contains(" of the journal `"), "{place}: {error}");
        }
        let mut changed = text.clone();
        changed[ends - 30] ^= 4;
        fs::write(&path, changed).expect("written");
        let error = read(&path).expect_err("a changed journal").to_string();
        let shown = error.replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(shown, "line 2 of the journal `DIR/journal.jsonl` is not as it was written");
    }

    #[test]
    fn an_illegal_entry_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).expect("a journal");
        assert!(journal.append(&started()).is_err());
        assert_eq!(fs::read(&path).expect("the file"), b"");
    }

    #[test]
    fn an_entry_that_was_cut_off_by_a_full_disk_is_removed_before_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).expect("created");
        journal.append(&start()).expect("written");
        let full = fs::OpenOptions::new().append(true).open("/dev/full").expect("there");
        let file = std::mem::replace(&mut journal.file, full);
        let began = JournalEntry::StepStarted { step: step(), attempt: 1, at: String::new() };

        let error = journal.append(&began).expect_err("a full disk");
        // The half that a disk has room for.
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("there")
            .write_all(b"{\"en")
            .expect("written");
        journal.file = file;
        journal.append(&began).expect("written");

        assert_eq!(error.to_string(), format!("cannot write the journal `{}`", path.display()));
        assert_eq!(read(&path).expect("readable").state(&step()), StepState::InDoubt);
    }
}
