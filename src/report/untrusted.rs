//! Entry points for the fuzz targets: the events of a run, from their file.

use super::card::Card;
use super::html::{self, HtmlReport};
use super::log::Plain;
use super::recording::events_of;
use super::reporter::Reporters;
use super::result::result;
use super::sink::Sink;
use super::text::Style;
use super::view::View;
use crate::secret::Redactor;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The reports of a run.
pub struct RunReports {
    pub log: String,
    /// HTML.
    pub page: String,
    /// Of a run that has finished.
    pub finished: Option<FinishedReports>,
}

/// The reports of a run that has finished.
pub struct FinishedReports {
    pub comment: String,
    pub summary: String,
    /// One line, of a commit status.
    pub line: String,
    /// JSON.
    pub result: String,
}

/// What a reporter has written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes all reports of the events in a file, as far as it can be read.
pub fn reports(file: &[u8]) -> RunReports {
    let (redactor, written) = (Redactor::default(), Written::default());
    let mut reporters = Reporters::new(redactor.clone());
    reporters.add(Plain::new(Sink::new(written.clone(), redactor.clone()), Style::default()));
    let (mut view, mut collected) = (View::default(), HtmlReport::default());
    // What can be read before the mistake is enough.
    drop(events_of(Path::new("events.jsonl"), file, |event| {
        reporters.on(&event);
        view.apply(&event);
        collected.on(&event);
    }));
    let finished = view.finished.take();
    let finished = finished.map(|finished| {
        let card = Card::new(&view, &finished);
        FinishedReports {
            comment: card.comment("", &redactor),
            summary: card.summary(&redactor),
            line: card.line(),
            result: result(&view, &finished).to_string(),
        }
    });
    let log = written.0.lock().unwrap_or_else(PoisonError::into_inner);
    let page = html::page(&collected, None, &redactor);
    RunReports { log: String::from_utf8_lossy(&log).into_owned(), page, finished }
}
