//! Diagnostics as people read them: rustc's look.

use super::kind::{Diagnostic, Label, MAX_SHOWN, Severity, and_more};
use super::lines::{FileLines, PlanLines};
use crate::plan::plan_text::PlanText;
use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet,
};

/// A longer window is not drawn, only its position: annotate-snippets scans all of it.
const MAX_WINDOW_BYTES: usize = 64 << 10;

/// Draws the first [`MAX_SHOWN`] diagnostics, one after the other, with an empty line
/// between. The result has no trailing newline.
pub fn render_plan(text: &PlanText, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let lines = PlanLines::of(text);
    let mut drawn: Vec<String> = diagnostics
        .iter()
        .take(MAX_SHOWN)
        .map(|one| renderer.render(&[annotate(&lines, one)]))
        .collect();
    drawn.extend(and_more(diagnostics.len()));
    drawn.join("\n\n")
}

/// As [`render_plan`], for a single text. `file` is the path to show.
pub fn render(file: &str, text: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    render_plan(&PlanText::of(file, text), diagnostics, color)
}

/// A title with its snippets and help, which the library calls a group.
fn annotate<'t>(lines: &'t PlanLines<'t>, diagnostic: &'t Diagnostic) -> Group<'t> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let main = lines.file_of(&diagnostic.primary.span);
    let is_in = |file: &FileLines<'_>, label: &Label| {
        std::ptr::eq::<FileLines<'_>>(file, lines.file_of(&label.span))
    };
    let here = diagnostic.related.iter().filter(|label| is_in(main, label));
    let labels = std::iter::once(&diagnostic.primary).chain(here).collect();
    let mut group = title.element(Excerpt { file: main, labels, is_primary: true }.element());
    for label in diagnostic.related.iter().filter(|label| !is_in(main, label)) {
        let file = lines.file_of(&label.span);
        group = group.element(Excerpt { file, labels: vec![label], is_primary: false }.element());
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// Labels in one file.
struct Excerpt<'t> {
    file: &'t FileLines<'t>,
    labels: Vec<&'t Label>,
    /// Whether the first label is the diagnostic's own.
    is_primary: bool,
}

impl<'t> Excerpt<'t> {
    fn element(self) -> Element<'t> {
        let lines = &self.file.lines;
        let (from, window) = self.window();
        if window.len() > MAX_WINDOW_BYTES {
            let at = lines.position(self.file.local(&self.labels[0].span).start);
            return Element::from(
                Origin::path(self.file.name).line(at.line).char_column(at.column),
            );
        }
        let annotations = self.labels.iter().enumerate().map(|(number, label)| {
            let is_primary = self.is_primary && number == 0;
            let kind = if is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            self.annotation(kind, label, from)
        });
        let snippet = Snippet::source(window)
            .line_start(lines.line_of(from) + 1)
            .path(self.file.name)
            .annotations(annotations);
        Element::from(snippet)
    }

    /// Where the lines of the labels begin, and their text with all lines between.
    /// Passing the whole text would be slow: the library scans all of it.
    fn window(&self) -> (usize, &'t str) {
        let lines = &self.file.lines;
        let places =
            self.labels.iter().map(|label| lines.first_line(&self.file.local(&label.span)));
        let places = places.map(|span| (lines.line_of(span.start), lines.line_of(span.end)));
        let (first, last) =
            places.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1))).unwrap_or_default();
        let from = lines.start_of(first);
        // Up to the start of the next line, or the end of the text.
        (from, &lines.text[from..lines.start_of(last + 1)])
    }

    fn annotation(&self, kind: AnnotationKind, label: &'t Label, from: usize) -> Annotation<'t> {
        let span = self.file.lines.first_line(&self.file.local(&label.span));
        let annotation = kind.span(span.start - from..span.end - from);
        if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::plan::diagnostic::{Diagnostic, sort};

    #[test]
    fn a_mistake_with_label_and_help() {
        let text = "steps:\n  push: {}\n  deploy:\n    needs: [pusj]\n";
        let at = text.find("pusj").expect("it is there");
        let diagnostic =
            Diagnostic::error("unknown-step", "no step is called `pusj`", &(at..at + 4))
                .label("needed here")
                .suggest("pusj", ["push", "deploy"]);
        assert_eq!(
            render("ship.yml", text, &[diagnostic], false),
            "\
error[unknown-step]: no step is called `pusj`
 --> ship.yml:4:13
  |
4 |     needs: [pusj]
  |             ^^^^ needed here
  |
  = help: did you mean `push`?"
        );
    }

    #[test]
    fn two_places_and_a_warning() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\na: 2\n";
        let diagnostic = Diagnostic::warning("twice", "`a` stands twice", &(30..31))
            .label("here")
            .also(&(0..1), "first");
        assert_eq!(
            render("ship.yml", text, &[diagnostic], false),
            "\
warning[twice]: `a` stands twice
 --> ship.yml:7:1
  |
1 | a: 1
  | - first
...
7 | a: 2
  | ^ here"
        );
    }

    #[test]
    fn what_spans_lines_is_shown_by_its_first() {
        let text = "a:\n  b: 1\n  c: 2\n";
        let diagnostic = Diagnostic::error("x", "wrong", &(5..17));
        assert_eq!(
            render("ship.yml", text, &[diagnostic], false),
            "error[x]: wrong\n --> ship.yml:2:3\n  |\n2 |   b: 1\n  |   ^^^^"
        );
    }

    #[test]
    fn an_empty_text_has_a_place_too() {
        let diagnostic = Diagnostic::error("x", "wrong", &(0..0));
        let drawn = render("ship.yml", "", &[diagnostic], false);
        assert_eq!(drawn, "error[x]: wrong\n --> ship.yml:1:1\n  |\n1 |\n  | ^");
    }

    #[test]
    fn a_very_long_line_is_not_drawn() {
        let text = format!("a: {}\n", "x".repeat(100_000));
        let drawn = render(
            "ship.yml",
            &text,
            &[Diagnostic::error("x", "wrong", &(7..8)).help("cut it")],
            false,
        );
        assert_eq!(drawn, "error[x]: wrong\n--> ship.yml:1:8\n = help: cut it");
    }

    #[test]
    fn no_more_than_fifty_are_shown() {
        let text = "a\n".repeat(60);
        let diagnostics: Vec<_> = (0..60)
            .map(|line| Diagnostic::error("x", "wrong", &(line * 2..line * 2 + 1)))
            .collect();
        let drawn = render("ship.yml", &text, &diagnostics, false);
        assert_eq!(drawn.matches("error[x]").count(), 50);
        assert!(drawn.ends_with("\n\nand 10 more"), "{drawn}");
    }

    #[test]
    fn colour_and_control_characters() {
        let diagnostic = Diagnostic::error("x", "a \u{1b}[31mred\u{1b}[0m name", &(0..1));
        let plain = render("ship.yml", "a\n", std::slice::from_ref(&diagnostic), false);
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        assert!(render("ship.yml", "a\n", &[diagnostic], true).contains('\u{1b}'));
    }

    #[test]
    fn in_the_order_of_the_text_and_each_once() {
        let mut found = vec![
            Diagnostic::error("b", "later", &(5..6)),
            Diagnostic::error("a", "first", &(1..2)),
            Diagnostic::error("b", "later", &(5..6)),
        ];
        sort(&mut found);
        let codes: Vec<_> = found.iter().map(|one| one.code).collect();
        assert_eq!(codes, ["a", "b"]);
    }
}
