//! The output of commands that are not runs: results on standard output, and
//! everything else on standard error.

use crate::report::Terminal;
use std::io::{self, Write as _};

/// Writes a result. It is not an error if standard output is closed.
pub fn result(text: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).ok();
}

/// Writes a message for people.
pub fn tell(text: &str) {
    let mut out = io::stderr().lock();
    writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).ok();
}

/// Writes an error, with its causes indented below, and its help last.
pub fn error(chain: &[String], help: Option<&str>) {
    tell(&error_text(chain, help));
}

fn error_text(chain: &[String], help: Option<&str>) -> String {
    let mut lines = Vec::new();
    for (place, cause) in chain.iter().enumerate() {
        let head = if place == 0 { "error" } else { "  because" };
        lines.push(format!("{head}: {cause}"));
    }
    lines.extend(help.map(|help| format!("  help: {help}")));
    lines.join("\n")
}

/// Whether standard error shows colours.
pub fn color() -> bool {
    Terminal::of_stderr().color
}

#[cfg(test)]
mod tests {
    use super::error_text;

    #[test]
    fn an_error_has_its_causes_and_then_its_help() {
        let chain = ["cannot push `a`".to_owned(), "no answer".to_owned()];
        assert_eq!(
            error_text(&chain, Some("try again")),
            "error: cannot push `a`\n  because: no answer\n  help: try again"
        );
    }
}
