//! Calls people back to the terminal when a long run ends.

use super::log::ends::end_of_run;
use super::reporter::Reporter;
use super::sink::Sink;
use super::text::{one_line, span};
use super::view::View;
use crate::event::{Event, EventKind};
use clap::ValueEnum;
use std::io;
use std::time::Duration;

/// Runs that are shorter are watched.
const MIN_TIME: Duration = Duration::from_secs(30);

/// Terminals that show notifications, as `TERM_PROGRAM` has them.
const PROGRAMS: [&str; 3] = ["iTerm.app", "WezTerm", "ghostty"];

/// The same, as `TERM` has them.
const TERMS: [&str; 3] = ["xterm-kitty", "xterm-ghostty", "foot"];

/// How the end of a long run is announced. The doc comments are help texts of `--notify`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Notify {
    /// A notification where the terminal shows them, else the bell
    #[default]
    Auto,
    /// The bell
    Bell,
    /// Nothing
    Never,
}

/// Announces the end of a run of more than 30 seconds.
#[derive(Debug)]
pub struct Notification {
    sink: Sink,
    shows_text: bool,
}

impl Notification {
    /// On a terminal of this environment; `None` if nothing is wanted.
    pub fn new(
        notify: Notify,
        variable: impl Fn(&str) -> Option<String>,
        sink: Sink,
    ) -> Option<Self> {
        let shows_text = match notify {
            Notify::Never => return None,
            Notify::Bell => false,
            Notify::Auto => shows_notifications(variable),
        };
        Some(Self { sink, shows_text })
    }
}

/// Whether the terminal takes OSC 9 for a notification. tmux and screen keep it to themselves,
/// and pass the bell on.
fn shows_notifications(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_one_of = |name: &str, known: &[&str]| {
        variable(name).is_some_and(|value| known.contains(&value.as_str()))
    };
    variable("TMUX").is_none()
        && variable("STY").is_none()
        && (is_one_of("TERM_PROGRAM", &PROGRAMS) || is_one_of("TERM", &TERMS))
}

impl Reporter for Notification {
    fn on(&mut self, view: &View, event: &Event) -> io::Result<()> {
        let EventKind::RunFinished(finished) = &event.kind else { return Ok(()) };
        if event.at < MIN_TIME {
            return Ok(());
        }
        if !self.shows_text {
            return self.sink.sequence("", "", "\u{7}");
        }
        let plan = view.started.as_ref().map_or("shipway", |started| started.plan.as_str());
        let text = format!("{}: {} ({})", one_line(plan), end_of_run(finished), span(event.at));
        self.sink.sequence("\u{1b}]9;", &text, "\u{7}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Notification, Notify};
    use crate::event::EventKind;
    use crate::report::Reporters;
    use crate::report::testing::Captured;
    use crate::report::testing::sample::{at, bad_end, good_end, started};
    use crate::secret::Redactor;

    /// What is written when a run ends after this many seconds.
    fn written(notify: Notify, variables: &[(&str, &str)], seconds: u64) -> String {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        if let Some(notification) = Notification::new(notify, variable, captured.sink()) {
            reporters.add(notification);
        }
        reporters.on(&started());
        let end = if seconds == 95 { bad_end() } else { good_end() };
        reporters.on(&at(seconds * 1000, EventKind::RunFinished(end)));
        captured.text()
    }

    #[test]
    fn long_run_is_announced_where_the_terminal_shows_it() {
        let known = [("TERM_PROGRAM", "WezTerm")];
        assert_eq!(
            written(Notify::Auto, &known, 90),
            "\u{1b}]9;storefront: succeeded (1m 30s)\u{7}"
        );
        assert_eq!(
            written(Notify::Auto, &[("TERM", "xterm-kitty")], 95),
            "\u{1b}]9;storefront: failed (1m 35s)\u{7}"
        );
        assert_eq!(written(Notify::Auto, &known, 29), "");
    }

    #[test]
    fn elsewhere_the_bell_rings() {
        assert_eq!(written(Notify::Auto, &[("TERM", "xterm")], 90), "\u{7}");
        let inside = [("TERM_PROGRAM", "WezTerm"), ("TMUX", "/tmp/tmux")];
        assert_eq!(written(Notify::Auto, &inside, 90), "\u{7}");
        assert_eq!(written(Notify::Bell, &[("TERM_PROGRAM", "ghostty")], 90), "\u{7}");
        assert_eq!(written(Notify::Never, &[("TERM_PROGRAM", "ghostty")], 90), "");
    }
}
