//! Entry points for the fuzz targets: the bytes of a journal.

use super::checksum;
use super::entry::JournalEntry;
use super::file::parse_bytes;
use super::replay::Replay;
use std::path::Path;

/// A journal that can be read.
pub struct ReadJournal {
    /// The entries as they would be written.
    pub written: Vec<u8>,
    /// How many of the entries, from the first one on, can follow each other.
    pub legal: usize,
    /// How many there are.
    pub all: usize,
    /// The state after the legal ones.
    pub state: String,
}

/// Reads a journal. `None` for one that is refused.
pub fn journal(bytes: &[u8]) -> Option<ReadJournal> {
    let (entries, _) = parse_bytes(Path::new("journal.jsonl"), bytes).ok()?;
    let mut replay = Replay::default();
    let legal = entries.iter().take_while(|entry| replay.apply(entry).is_ok()).count();
    let written = entries.iter().flat_map(line).collect();
    Some(ReadJournal { written, legal, all: entries.len(), state: format!("{replay:?}") })
}

/// Adds the checksum to each line, so that its content is reached.
pub fn with_checksums(lines: &[u8]) -> Vec<u8> {
    let mut journal = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"}")) {
        let mut line = line.to_vec();
        checksum::add(&mut line);
        journal.append(&mut line);
        journal.push(b'\n');
    }
    journal
}

fn line(entry: &JournalEntry) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).expect("an entry is JSON");
    checksum::add(&mut line);
    line.push(b'\n');
    line
}
