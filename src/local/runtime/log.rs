//! Log files of containers, with a bounded size.
//!
//! A line of the file is the time, a space, `F` for a full line or `P` for a part of
//! one, a space, and the text: the CRI log format of Kubernetes without the stream,
//! which Container Instances does not distinguish.

use std::fs;
use std::fs::{File, OpenOptions};
use std::io;
use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Container Instances keeps 4 MB of a container's log. These are two files of
/// which the older is replaced as a whole.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// Longer lines are written in parts.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The log of a container in its group's folder.
pub fn log_path(folder: &Path, container: &str) -> PathBuf {
    folder.join("logs").join(format!("{container}.log"))
}

#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    half: u64,
}

impl LogFile {
    /// Opens a log to append to it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with_half(path, MAX_FILE_BYTES)
    }

    fn with_half(path: &Path, half: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, half })
    }

    /// Appends a line, or a part of one, given without its line feed.
    pub fn append(&mut self, time: &str, whole: bool, text: &[u8]) -> io::Result<()> {
        if self.size >= self.half {
            fs::rename(&self.path, older(&self.path))?;
            *self = Self::with_half(&self.path, self.half)?;
        }
        let mut line = format!("{time} {} ", if whole { 'F' } else { 'P' }).into_bytes();
        line.extend(text);
        line.push(b'\n');
        self.size += line.len() as u64;
        self.file.write_all(&line)
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("older")
}

/// Removes a log.
pub fn remove(path: &Path) {
    // Errors are ignored, because the files usually do not exist.
    fs::remove_file(path).ok();
    fs::remove_file(older(path)).ok();
}

/// Splits a stream of bytes into lines.
#[derive(Debug, Default)]
pub struct LogLines {
    rest: Vec<u8>,
}

impl LogLines {
    /// Adds bytes and returns complete lines, and parts of lines that are too long.
    /// The flag tells whether the text ends a line.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<(bool, Vec<u8>)> {
        let mut complete = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                complete.push((true, std::mem::take(&mut self.rest)));
            } else {
                self.rest.push(byte);
                if self.rest.len() >= MAX_LINE_BYTES {
                    complete.push((false, std::mem::take(&mut self.rest)));
                }
            }
        }
        complete
    }

    /// The unfinished last line.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.rest.is_empty()).then_some(self.rest)
    }
}

/// Which part of a log to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogQuery {
    /// Only this many last lines.
    pub tail: Option<usize>,
    pub timestamps: bool,
}

/// Reads a log, lossily as UTF-8. A missing log is empty.
pub fn read(path: &Path, query: LogQuery) -> io::Result<String> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut open = false;
    for part in [older(path), path.to_owned()] {
        let file = match File::open(part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for record in io::BufReader::new(file).split(b'\n') {
            let record = record?;
            let Some((time, whole, text)) = parse(&record) else { continue };
            if !open {
                let start = if query.timestamps { [time, b" "].concat() } else { Vec::new() };
                lines.push(start);
            }
            let last = lines.last_mut().expect("a line was begun");
            last.extend(text);
            open = !whole;
            if whole {
                last.push(b'\n');
            }
        }
    }
    let from = query.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    Ok(String::from_utf8_lossy(&lines[from..].concat()).into_owned())
}

fn parse(record: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let at = record.iter().position(|&byte| byte == b' ')?;
    let (time, rest) = record.split_at(at);
    match rest {
        [b' ', b'F', b' ', text @ ..] => Some((time, true, text)),
        [b' ', b'P', b' ', text @ ..] => Some((time, false, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFile, LogLines, LogQuery, MAX_LINE_BYTES, read, remove};

    #[test]
    fn tail_and_timestamps_select_what_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("web.log");
        let mut log = LogFile::open(&path).expect("opened");
        log.append("T1", true, b"one").expect("written");
        log.append("T2", false, b"tw").expect("written");
        log.append("T3", true, b"o").expect("written");
        log.append("T4", false, b"open end").expect("written");

        let all = LogQuery::default();
        assert_eq!(read(&path, all).expect("read"), "one\ntwo\nopen end");
        let tail = LogQuery { tail: Some(2), timestamps: true };
        assert_eq!(read(&path, tail).expect("read"), "T2 two\nT4 open end");

        remove(&path);
        assert_eq!(read(&path, all).expect("read"), "");
    }

    #[test]
    fn a_log_is_bounded_and_keeps_the_newest_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("web.log");
        let mut log = LogFile::with_half(&path, 100).expect("opened");
        for number in 0..1000 {
            log.append("T", true, format!("line {number}").as_bytes()).expect("written");
        }

        let text = read(&path, LogQuery::default()).expect("read");
        assert!(text.len() < 220, "{}", text.len());
        assert!(text.ends_with("line 998\nline 999\n"), "{text}");
    }

    #[test]
    fn lines_are_split_wherever_the_stream_is_cut() {
        let mut lines = LogLines::default();
        assert_eq!(lines.push(b"a\nb"), [(true, b"a".to_vec())]);
        assert_eq!(lines.push(b"c\n\n"), [(true, b"bc".to_vec()), (true, Vec::new())]);
        assert_eq!(lines.push(&vec![b'x'; MAX_LINE_BYTES]).len(), 1);
        assert!(lines.push(b"end").is_empty());
        assert_eq!(lines.finish(), Some(b"end".to_vec()));
    }
}
