//! Keeps the events of a run in a file, from which `shipway report` makes its reports again.

use super::reporter::Reporter;
use super::sink::Sink;
use super::view::View;
use crate::event::{Event, EventKind, StepId};
use crate::secret::Redactor;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How large the events of what steps write may grow, in bytes: a program may write without end.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// A reporter that appends events to a file, without the progress of transfers.
#[derive(Debug)]
pub struct Recording {
    sink: Sink,
    /// The bytes that further events of output may take.
    room: usize,
}

/// The events of a run cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("cannot open `{path}`")]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("line {number} of `{path}` is not an event")]
    Line { path: PathBuf, number: usize, source: serde_json::Error },
}

impl Recording {
    /// Opens a file, which only its owner can read, and appends to it.
    pub fn append(path: &Path, redactor: &Redactor) -> Result<Self, RecordingError> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
        Ok(Self { sink: Sink::new(file, redactor.clone()), room: MAX_OUTPUT_BYTES })
    }

    fn write(&mut self, event: &Event) -> io::Result<usize> {
        self.sink.json(serde_json::to_value(event).map_err(io::Error::other)?)
    }

    /// Keeps a line while there is room, and says once that there is none left.
    fn write_line(&mut self, event: &Event, step: &StepId) -> io::Result<()> {
        if self.room == 0 {
            return Ok(());
        }
        self.room = self.room.saturating_sub(self.write(event)?);
        if self.room == 0 {
            let message = "what the steps wrote after this is not kept".to_owned();
            let kind = EventKind::Noted { step: step.clone(), message };
            self.write(&Event { at: event.at, kind })?;
        }
        Ok(())
    }
}

impl Reporter for Recording {
    fn on(&mut self, _: &View, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::Progressed { .. } => Ok(()),
            EventKind::OutputLine { step, .. } => self.write_line(event, step),
            _ => self.write(event).map(drop),
        }
    }
}

/// Passes each event of a file to `show`, in order. A last line without its end, which a
/// process that was killed leaves, is no event.
pub fn recorded(path: &Path, show: impl FnMut(Event)) -> Result<(), RecordingError> {
    let open = |source| RecordingError::Open { path: path.to_owned(), source };
    let file = BufReader::new(File::open(path).map_err(open)?);
    events_of(path, file, show)
}

/// As [`recorded`], with the content of the file.
pub(super) fn events_of(
    path: &Path,
    mut file: impl BufRead,
    mut show: impl FnMut(Event),
) -> Result<(), RecordingError> {
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = file.read_line(&mut line);
        read.map_err(|source| RecordingError::Read { path: path.to_owned(), source })?;
        let Some(text) = line.strip_suffix('\n') else { break };
        let event = serde_json::from_str(text);
        show(event.map_err(|source| RecordingError::Line {
            path: path.to_owned(),
            number,
            source,
        })?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MAX_OUTPUT_BYTES, Recording, RecordingError, recorded};
    use crate::event::Event;
    use crate::report::Reporters;
    use crate::report::testing::sample::{
        at, bad_end, begun, failed, finished, good_end, line, progressed, reported, started,
    };
    use crate::run::outcome::chain_of;
    use crate::secret::Redactor;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn record(file: &std::path::Path, events: &[Event]) {
        let redactor = Redactor::default();
        let mut reporters = Reporters::new(redactor.clone());
        reporters.add(Recording::append(file, &redactor).expect("opened"));
        for event in events {
            reporters.on(event);
        }
    }

    fn read(file: &std::path::Path) -> Result<Vec<String>, RecordingError> {
        let mut events = Vec::new();
        recorded(file, |event| events.push(json(&event)))?;
        Ok(events)
    }

    fn json(event: &Event) -> String {
        serde_json::to_string(event).expect("an event is JSON")
    }

    #[test]
    fn events_are_read_back_as_they_were_without_progress() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("events.jsonl");
        let events = [
            started(),
            begun("web", "build"),
            line("web", "build", "a \"b\"\u{1b}[31m"),
            finished("web", "push", failed(true), &[("digest", "sha256:1")]),
            reported(false),
            at(9_000, crate::event::EventKind::RunFinished(bad_end())),
        ];
        record(&file, &[events.as_slice(), &[progressed(1_500, 10)]].concat());
        record(&file, &[at(1, crate::event::EventKind::RunFinished(good_end()))]);

        let mut expected: Vec<String> = events.iter().map(json).collect();
        expected.push(json(&at(1, crate::event::EventKind::RunFinished(good_end()))));
        assert_eq!(read(&file).expect("read"), expected);
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn output_is_kept_up_to_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("events.jsonl");
        let short = line("", "run", "y");
        let mut events = vec![short.clone(); MAX_OUTPUT_BYTES / json(&short).len() + 10];
        events.push(begun("", "push"));
        record(&file, &events);

        let kept = fs::metadata(&file).expect("there").len();
        assert!(kept < MAX_OUTPUT_BYTES as u64 + 1024, "{kept} bytes");
        let mut read = read(&file).expect("read");
        assert_eq!(
            read.split_off(read.len() - 3),
            [
                json(&short),
                r#"{"at":2.0,"event":"noted","step":{"service":"","step":"run"},"message":"what the steps wrote after this is not kept"}"#
                    .to_owned(),
                json(&begun("", "push")),
            ]
        );
    }

    #[test]
    fn a_line_without_its_end_is_left_out_and_a_wrong_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("events.jsonl");
        record(&file, &[begun("", "push")]);
        let whole = fs::read_to_string(&file).expect("read");
        fs::write(&file, format!("{whole}{{\"at\":1")).expect("written");
        assert_eq!(read(&file).expect("read").len(), 1);

        fs::write(&file, format!("{whole}{{\"at\":1\n")).expect("written");
        let error = read(&file).expect_err("a wrong line");
        assert_eq!(
            chain_of(&error).join(": "),
            format!(
                "line 2 of `{}` is not an event: EOF while parsing an object at line 1 column 7",
                file.display()
            )
        );
    }
}
