//! The interface of reporters, and the set of reporters of a run.

use super::view::View;
use crate::event::{Event, EventKind, OutputName, RunFinished, RunStarted};
use crate::secret::Redactor;
use std::fmt;
use std::io;
use std::time::Duration;

pub trait Reporter: Send {
    /// Shows an event that the view already includes.
    ///
    /// # Errors
    /// If the output cannot be written. The reporter is then dropped.
    fn on(&mut self, view: &View, event: &Event) -> io::Result<()>;
}

/// The reporters of a run and the view they share.
pub struct Reporters {
    view: View,
    redactor: Redactor,
    all: Vec<Box<dyn Reporter>>,
}

impl Reporters {
    pub fn new(redactor: Redactor) -> Self {
        Self { view: View::default(), redactor, all: vec![] }
    }

    /// Adds a reporter. Each event goes to the reporters in the order of their
    /// addition.
    pub fn add(&mut self, reporter: impl Reporter + 'static) {
        self.all.push(Box::new(reporter));
    }

    /// Passes an event to all reporters.
    pub fn on(&mut self, event: &Event) {
        if let EventKind::RunFinished(finished) = &event.kind {
            for message in masked_names(&self.redactor, finished) {
                let kind = EventKind::Warned { step: None, message };
                self.show(&Event { at: event.at, kind });
            }
        }
        self.show(event);
    }

    /// Sets what a run that was refused would have begun with, which is not shown.
    pub fn assume(&mut self, started: RunStarted) {
        let kind = EventKind::RunStarted(started);
        self.view.apply(&Event { at: Duration::ZERO, kind });
    }

    /// Sets the state of runs that have ended, which is not shown.
    pub fn assume_view(&mut self, view: View) {
        self.view = view;
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    fn show(&mut self, event: &Event) {
        self.view.apply(event);
        self.all.retain_mut(|reporter| reporter.on(&self.view, event).is_ok());
    }
}

impl fmt::Debug for Reporters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporters").field("count", &self.all.len()).finish_non_exhaustive()
    }
}

/// The warning about an output that contains the value of a secret. GitHub drops
/// such outputs and says so only in the log of the job.
fn masked_name(redactor: &Redactor, output: OutputName, value: &str) -> Option<String> {
    let masked = redactor.redact(value);
    if masked == value && !value.contains("***") {
        return None;
    }
    Some(format!(
        "`{output}` is shown as `{masked}`, because a part of it is the value of a secret; \
         GitHub drops it with `Skip output '{output}' since it may contain secret.`; \
         names of resources are not secrets: keep them in `vars`",
        output = output.as_str()
    ))
}

fn masked_names(redactor: &Redactor, finished: &RunFinished) -> Vec<String> {
    let outputs = finished.services.iter().filter_map(|service| {
        [OutputName::Url, OutputName::Fqdn]
            .iter()
            .find_map(|&name| masked_name(redactor, name, service.outputs.get(name)?))
    });
    outputs.collect()
}

#[cfg(test)]
mod tests {
    use super::Reporters;
    use crate::event::EventKind;
    use crate::report::testing::sample::{at, begun, good_end, line};
    use crate::report::testing::{Captured, Closed};
    use crate::report::{Plain, Sink, Style};
    use crate::secret::Redactor;

    #[test]
    fn a_reporter_that_cannot_write_is_dropped() {
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(Plain::new(Sink::new(Closed, Redactor::default()), Style::default()));
        reporters.add(Plain::new(captured.sink(), Style::default()));

        reporters.on(&begun("", "push"));
        reporters.on(&begun("", "tag"));

        assert_eq!(captured.text(), "push  started\ntag   started\n");
        assert_eq!(format!("{reporters:?}"), "Reporters { count: 1, .. }");
    }

    #[test]
    fn everything_written_is_redacted() {
        let redactor = Redactor::default();
        redactor.register("env:PASSWORD", "hunter22".into()).expect("long enough");
        let captured = Captured::default();
        let mut reporters = Reporters::new(redactor.clone());
        let sink = Sink::new(captured.clone(), redactor);
        reporters.add(Plain::new(sink, Style::default()));

        reporters.on(&line("", "run", "password=hunter22"));

        assert_eq!(captured.text(), "run │ password=***\n");
    }

    #[test]
    fn an_output_that_contains_a_secret_is_explained() {
        let redactor = Redactor::default();
        redactor.register("env:NAME", "storefront".into()).expect("long enough");
        let captured = Captured::default();
        let mut reporters = Reporters::new(redactor.clone());
        let sink = Sink::new(captured.clone(), redactor);
        reporters.add(Plain::new(sink, Style::default()));

        reporters.on(&at(1_000, EventKind::RunFinished(good_end())));

        assert_eq!(
            captured.text(),
            "warning  `url` is shown as `http://***.westeurope.azurecontainer.io/`, because a part of it is the value of a secret; GitHub drops it with `Skip output 'url' since it may contain secret.`; names of resources are not secrets: keep them in `vars`
succeeded  (1.0s)
    web  succeeded  http://***.westeurope.azurecontainer.io/  (12.3s)
"
        );
    }
}
