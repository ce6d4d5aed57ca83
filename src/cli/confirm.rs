//! Asks before something is removed or put back.

use super::say;
use std::io::{self, IsTerminal as _, Write as _};

/// What is to be typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected<'a> {
    /// `y` or `yes`.
    Yes,
    /// The name of what is protected.
    Name(&'a str),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    Agreed,
    Declined,
    /// There is no terminal to ask in, or this is a CI system.
    NotAsked,
}

/// Whether there is a terminal with a person in front of it.
pub fn is_interactive() -> bool {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    !in_ci && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error. Without a clear yes the answer is no, and `declined` is
/// said.
pub fn ask(question: &str, expected: Expected<'_>, declined: &str) -> Answer {
    if !is_interactive() {
        return Answer::NotAsked;
    }
    let prompt = match expected {
        Expected::Yes => format!("{question} [y/N] "),
        Expected::Name(name) => format!("{question} Type `{name}` to go on: "),
    };
    let mut error = io::stderr().lock();
    write!(error, "{prompt}").and_then(|()| error.flush()).ok();
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    if read.is_err() || !agrees(&line, expected) {
        say::tell(declined);
        return Answer::Declined;
    }
    Answer::Agreed
}

fn agrees(line: &str, expected: Expected<'_>) -> bool {
    let line = line.trim();
    match expected {
        Expected::Yes => line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes"),
        Expected::Name(name) => line == name,
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, agrees};

    #[test]
    fn only_a_clear_yes_agrees() {
        for line in ["y\n", "Yes\n", " y "] {
            assert!(agrees(line, Expected::Yes), "{line:?}");
        }
        for line in ["", "\n", "n\n", "yes please\n"] {
            assert!(!agrees(line, Expected::Yes), "{line:?}");
        }
        assert!(agrees("production\n", Expected::Name("production")));
        for line in ["y\n", "Production\n", "\n"] {
            assert!(!agrees(line, Expected::Name("production")), "{line:?}");
        }
    }
}
