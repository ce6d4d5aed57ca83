//! How commands that are no runs speak: results on standard output, all else
//! on standard error.

use crate::report::Terminal;
use std::io::{self, Write as _};

/// Writes a result. A reader that has gone is no mistake of ours.
pub(super) fn result(text: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).ok();
}

/// Tells people something.
pub(super) fn tell(text: &str) {
    let mut out = io::stderr().lock();
    writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()).ok();
}

/// An error, its causes indented beneath, its help last.
pub(super) fn error(chain: &[String], help: Option<&str>) {
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

/// Whether standard error is to be coloured.
pub(super) fn color() -> bool {
    Terminal::of_stderr().color
}

#[cfg(test)]
mod tests {
    use super::error_text;

    #[test]
    fn an_error_says_what_then_why_then_what_to_do() {
        let chain = ["push `a`".to_owned(), "no answer".to_owned()];
        assert_eq!(
            error_text(&chain, Some("try again")),
            "error: push `a`\n  because: no answer\n  help: try again"
        );
    }
}
