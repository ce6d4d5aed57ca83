//! Which reporters a run gets, from where it runs and what was asked for.
//!
//! People read standard error and programs standard output. In a workflow the
//! log is that of Actions, whose runner reads commands on both.

use super::Reporters;
use super::log::{ActionsLog, Live, Plain};
use super::ndjson::Ndjson;
use super::result::Urls;
use super::sink::Sink;
use super::text::Style;
use crate::github::actions;
use crate::secret::Redactor;
use std::env;
use std::io::{self, IsTerminal as _, Write};

/// What standard output carries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Output {
    /// The URLs alone.
    #[default]
    Human,
    /// One event a line, as JSON.
    Json,
}

/// What decides which reporters there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// What was asked for.
    pub output: Output,
    /// Whether this process runs in a workflow: `GITHUB_ACTIONS` is `true`.
    pub in_actions: bool,
    /// Whether this is `shipway action`, which alone logs to standard output.
    pub is_action: bool,
    /// What standard error is.
    pub terminal: Terminal,
}

/// What standard error can show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Terminal {
    /// Whether lines can be drawn again.
    pub live: bool,
    /// Whether there are colours.
    pub color: bool,
}

impl Terminal {
    /// What standard error of this process is.
    pub fn of_stderr() -> Self {
        Self::new(io::stderr().is_terminal(), |name| env::var(name).ok())
    }

    /// By `NO_COLOR`, which wins, `CLICOLOR_FORCE`, `CLICOLOR` and `TERM`.
    pub fn new(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let off = |name: &str| set(name).is_some_and(|value| value == "0");
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let wanted = forced || (is_terminal && !dumb && !off("CLICOLOR"));
        Self { live: is_terminal && !dumb, color: set("NO_COLOR").is_none() && wanted }
    }
}

/// The reporters for this process, on its real streams.
pub fn choose(choice: &Choice, redactor: &Redactor) -> Reporters {
    let mut reporters = Reporters::new(redactor.clone());
    let style = Style { color: choice.terminal.color };
    let stdout = || Sink::new(io::stdout(), redactor.clone());
    let stderr = || Sink::new(io::stderr(), redactor.clone());
    if choice.is_action {
        reporters.add(ActionsLog::new(stdout(), style));
        return reporters;
    }
    if choice.in_actions {
        reporters.add(ActionsLog::new(stderr(), style));
    } else if choice.terminal.live {
        reporters.add(Live::new(style, redactor.clone()));
    } else {
        reporters.add(Plain::new(stderr(), style));
    }
    match choice.output {
        Output::Human => reporters.add(Urls::new(stdout())),
        Output::Json => reporters.add(Ndjson::new(stdout())),
    }
    reporters
}

/// Tells Actions to hide every secret, those known now and those that come.
/// To be called before anything else can print; elsewhere it does nothing.
pub fn mask_in_actions(choice: &Choice, redactor: &Redactor) {
    if !choice.in_actions && !choice.is_action {
        return;
    }
    let to_stdout = choice.is_action;
    redactor.on_new(move |value| {
        let out: &mut dyn Write = if to_stdout { &mut io::stdout() } else { &mut io::stderr() };
        // A closed stream shows no secret either.
        drop(write_masks(out, value));
    });
}

/// Not through the redactor, which would hide what is to be hidden.
fn write_masks(out: &mut dyn Write, value: &str) -> io::Result<()> {
    let commands = actions::masks(value).into_iter().map(|line| line + "\n");
    out.write_all(commands.collect::<String>().as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::{Choice, Output, Terminal, choose, write_masks};
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
    fn colours_are_where_they_are_wanted() {
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
    fn the_action_has_one_reporter_and_all_else_two() {
        let count = |choice: &Choice| format!("{:?}", choose(choice, &Redactor::default()));
        let action = Choice { is_action: true, in_actions: true, ..Choice::default() };
        assert_eq!(count(&action), "Reporters { count: 1, .. }");
        let plain = Choice::default();
        assert_eq!(count(&plain), "Reporters { count: 2, .. }");
        let json = Choice { output: Output::Json, ..plain };
        assert_eq!(count(&json), "Reporters { count: 2, .. }");
        let workflow = Choice { in_actions: true, ..plain };
        assert_eq!(count(&workflow), "Reporters { count: 2, .. }");
    }

    #[test]
    fn a_mask_is_a_command_a_line() {
        let mut out = Vec::new();
        write_masks(&mut out, "first%\nsecond").expect("written");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "::add-mask::first%25%0Asecond\n::add-mask::first%25\n::add-mask::second\n"
        );
    }
}
