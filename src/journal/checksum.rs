//! The checksum of each line of a journal: a disk or an editor may change one, and a
//! changed entry must not decide what `resume` does.
//!
//! It is the last field of the entry, `"sum":"…"`, so that a line stays one JSON object.

use sha2::{Digest as _, Sha256};

/// A part of a SHA-256, enough to find a change by accident.
const SUM_BYTES: usize = 8;

const FIELD: &str = ",\"sum\":\"";
const END: &str = "\"}";

/// Adds the checksum to an entry, which is a JSON object with at least one field.
pub(super) fn add(entry: &mut Vec<u8>) {
    let sum = of(entry);
    entry.pop();
    for part in [FIELD, &sum, END] {
        entry.extend_from_slice(part.as_bytes());
    }
}

/// Whether a line is as it was written; `None` if it has no checksum.
pub(super) fn holds(line: &[u8]) -> Option<bool> {
    let inner = line.strip_suffix(END.as_bytes())?;
    let split = inner.len().checked_sub(2 * SUM_BYTES)?;
    let (before, sum) = inner.split_at(split);
    let mut entry = before.strip_suffix(FIELD.as_bytes())?.to_vec();
    entry.push(b'}');
    Some(of(&entry).as_bytes() == sum)
}

fn of(entry: &[u8]) -> String {
    hex::encode(&Sha256::digest(entry)[..SUM_BYTES])
}

#[cfg(test)]
mod tests {
    use super::{add, holds};

    #[test]
    fn any_changed_bit_is_found() {
        let mut line = br#"{"entry":"run-resumed","at":"2026-11-21T10:00:00Z"}"#.to_vec();
        add(&mut line);
        assert_eq!(holds(&line), Some(true), "{}", String::from_utf8_lossy(&line));
        assert!(serde_json::from_slice::<serde_json::Value>(&line).expect("JSON").is_object());

        for bit in 0..line.len() * 8 {
            line[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(holds(&line), Some(true), "bit {bit}");
            line[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(holds(br#"{"entry":"run-resumed"}"#), None);
    }
}
