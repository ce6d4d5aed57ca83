//! Chooses the reporters of a run by its environment and options.
//!
//! Standard error is for people, standard output for programs. In a GitHub workflow
//! the log uses the format of Actions, whose runner reads commands from both.

use super::log::{ActionsLog, Live, LiveOptions, Plain};
use super::ndjson::Ndjson;
use super::notification::{Notification, Notify};
use super::reporter::Reporters;
use super::result::Urls;
use super::sink::Sink;
use super::stdout::Stdout;
use super::text::Style;
use crate::github::actions;
use crate::secret::Redactor;
use clap::ValueEnum;
use rustix::termios::tcgetwinsize;
use std::env;
use std::io::{self, IsTerminal as _, Write};

/// What standard output carries. The doc comments are help texts of `--output`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// The results for people, such as one URL a line
    #[default]
    Human,
    /// JSON for programs; of a run one event a line
    Json,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    pub output: Output,
    /// The process runs in a GitHub workflow: `GITHUB_ACTIONS` is `true`.
    pub in_actions: bool,
    /// The command is `shipway action`, which logs to standard output.
    pub is_action: bool,
    pub terminal: Terminal,
    /// How the end of a long run is announced in a terminal.
    pub notify: Notify,
}

/// The abilities of a standard stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Terminal {
    /// Lines can be redrawn.
    pub live: bool,
    pub color: bool,
}

impl Terminal {
    pub fn of_stderr() -> Self {
        Self::new(io::stderr().is_terminal(), |name| env::var(name).ok())
    }

    pub fn of_stdout() -> Self {
        Self::new(io::stdout().is_terminal(), |name| env::var(name).ok())
    }

    /// Colours depend on `NO_COLOR`, which has priority, `CLICOLOR_FORCE`, `CLICOLOR`
    /// and `TERM`.
    pub fn new(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let off = |name: &str| set(name).is_some_and(|value| value == "0");
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let wanted = forced || (is_terminal && !dumb && !off("CLICOLOR"));
        Self { live: is_terminal && !dumb, color: set("NO_COLOR").is_none() && wanted }
    }
}

/// The width of the terminal that standard output is; `None` where it is none.
pub fn stdout_columns() -> Option<usize> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| tcgetwinsize(&stdout).ok()).flatten()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Creates the reporters on the streams of this process. `live` is asked where they are a live
/// view.
pub fn choose(
    choice: Choice,
    redactor: &Redactor,
    live: impl FnOnce() -> LiveOptions,
) -> Reporters {
    let mut reporters = Reporters::new(redactor.clone());
    let style = Style { color: choice.terminal.color };
    let stdout = || Sink::new(Stdout, redactor.clone());
    let stderr = || Sink::new(io::stderr(), redactor.clone());
    if choice.is_action {
        reporters.add(ActionsLog::new(stdout(), style));
        return reporters;
    }
    if choice.in_actions {
        reporters.add(ActionsLog::new(stderr(), style));
    } else if choice.terminal.live {
        reporters.add(Live::new(style, redactor.clone(), live()));
        let variable = |name: &str| env::var(name).ok();
        if let Some(notification) = Notification::new(choice.notify, variable, stderr()) {
            reporters.add(notification);
        }
    } else {
        reporters.add(Plain::new(stderr(), style));
    }
    match choice.output {
        Output::Human => reporters.add(Urls::new(stdout())),
        Output::Json => reporters.add(Ndjson::new(stdout())),
    }
    reporters
}

/// Creates the log of an earlier run on standard output.
pub fn shown_again(redactor: &Redactor) -> Reporters {
    let mut reporters = Reporters::new(redactor.clone());
    let sink = Sink::new(Stdout, redactor.clone());
    reporters.add(Plain::new(sink, Style { color: Terminal::of_stdout().color }));
    reporters
}

/// Makes GitHub Actions mask every known and future secret in the log. Must be called
/// before anything is printed. Does nothing outside of Actions.
pub fn mask_in_actions(choice: Choice, redactor: &Redactor) {
    if !choice.in_actions && !choice.is_action {
        return;
    }
    let to_stdout = choice.is_action;
    redactor.on_new(move |value| {
        let out: &mut dyn Write = if to_stdout { &mut io::stdout() } else { &mut io::stderr() };
        // A closed stream cannot show the secret either.
        drop(write_masks(out, value));
    });
}

/// Writes without the redactor, which would mask the value itself.
fn write_masks(out: &mut dyn Write, value: &str) -> io::Result<()> {
    let commands = actions::masks(value).into_iter().map(|line| line + "\n");
    out.write_all(commands.collect::<String>().as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::{Choice, LiveOptions, Output, Terminal, choose, write_masks};
    use crate::secret::Redactor;

    #[track_caller]
    fn case(is_terminal: bool, variables: &[(&str, &str)], live: bool, color: bool) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(Terminal::new(is_terminal, variable), Terminal { live, color });
    }

    #[test]
    fn colours_depend_on_terminal_and_environment() {
        case(true, &[], true, true);
        case(false, &[], false, false);
        case(true, &[("NO_COLOR", "1")], true, false);
        case(true, &[("NO_COLOR", "")], true, true);
        case(true, &[("TERM", "dumb")], false, false);
        case(true, &[("CLICOLOR", "0")], true, false);
        case(false, &[("CLICOLOR_FORCE", "1")], false, true);
        case(false, &[("CLICOLOR_FORCE", "0")], false, false);
        case(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false);
    }

    #[test]
    fn the_action_has_one_reporter_and_commands_have_two() {
        let count = |choice: Choice| {
            format!("{:?}", choose(choice, &Redactor::default(), LiveOptions::default))
        };
        let action = Choice { is_action: true, in_actions: true, ..Choice::default() };
        assert_eq!(count(action), "Reporters { count: 1, .. }");
        let plain = Choice::default();
        assert_eq!(count(plain), "Reporters { count: 2, .. }");
        let json = Choice { output: Output::Json, ..plain };
        assert_eq!(count(json), "Reporters { count: 2, .. }");
        let workflow = Choice { in_actions: true, ..plain };
        assert_eq!(count(workflow), "Reporters { count: 2, .. }");
    }

    #[test]
    fn each_line_of_a_secret_is_masked() {
        let mut out = Vec::new();
        write_masks(&mut out, "first%\nsecond").expect("written");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "::add-mask::first%25%0Asecond\n::add-mask::first%25\n::add-mask::second\n"
        );
    }
}
