//! Diagnostics as annotations of a GitHub job: workflow commands on stdout.
//!
//! The grammar and its escapes are those of actions/toolkit,
//! `packages/core/src/command.ts`. The runner drops columns when a command spans
//! lines, so each is cut to its first.

use super::kind::{Diagnostic, MAX_SHOWN, and_more};
use super::lines::PlanLines;
use crate::plan::plan_text::PlanText;

/// Writes one command a line. Paths have to be relative to the repository for
/// the annotation to be shown beside the line.
pub fn render_github(text: &PlanText, diagnostics: &[Diagnostic]) -> String {
    let lines = PlanLines::of(text);
    let mut commands: Vec<String> =
        diagnostics.iter().take(MAX_SHOWN).map(|one| command(&lines, one)).collect();
    commands.extend(and_more(diagnostics.len()));
    commands.join("\n")
}

fn command(lines: &PlanLines<'_>, diagnostic: &Diagnostic) -> String {
    let file = lines.file_of(&diagnostic.primary.span);
    let span = file.lines.first_line(&file.local(&diagnostic.primary.span));
    let (from, to) = (file.lines.position(span.start), file.lines.position(span.end));
    let mut message = diagnostic.message.clone();
    for more in [Some(&diagnostic.primary.text), diagnostic.help.as_ref()].into_iter().flatten() {
        if !more.is_empty() {
            message = format!("{message}\n{more}");
        }
    }
    format!(
        "::{} file={},line={},endLine={},col={},endColumn={},title={}::{}",
        diagnostic.severity.word(),
        property(file.name),
        from.line,
        from.line,
        from.column,
        to.column,
        property(diagnostic.code),
        data(&message),
    )
}

/// Escapes the message of a command. The percent sign comes first.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property, render_github};
    use crate::plan::diagnostic::Diagnostic;
    use crate::plan::plan_text::PlanText;

    #[test]
    fn one_command_a_mistake() {
        let found =
            Diagnostic::error("unknown-key", "no key is called `b`", &(5..6)).help("100%\nsure");
        assert_eq!(
            render_github(&PlanText::of("a,b:c.yml", "a: 1\nb: 2\n"), &[found]),
            "::error file=a%2Cb%3Ac.yml,line=2,endLine=2,col=1,endColumn=2,title=unknown-key\
             ::no key is called `b`%0A100%25%0Asure"
        );
    }

    #[test]
    fn each_character_that_means_something_is_escaped() {
        assert_eq!(data("%\r\n:,"), "%25%0D%0A:,");
        assert_eq!(property("%\r\n:,"), "%25%0D%0A%3A%2C");
    }
}
