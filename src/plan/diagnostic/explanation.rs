//! What the codes of diagnostics mean: the lines of `docs/diagnostics.md`.

/// The page, of which a test proves that it has each code once.
const PAGE: &str = include_str!("../../../docs/diagnostics.md");

/// What a code means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Explanation {
    pub code: &'static str,
    /// The heading on the page.
    pub section: &'static str,
    /// A sentence or several, without full stop at the end.
    pub text: &'static str,
    /// A part of a plan that has the mistake, or its description.
    pub example: &'static str,
}

/// All codes, in the order of the page.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    let mut section = "";
    PAGE.lines().filter_map(move |line| {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        }
        let (code, rest) = line.strip_prefix("- `")?.split_once("`: ")?;
        let (text, example) = rest.rsplit_once(". ")?;
        Some(Explanation { code, section, text, example })
    })
}

/// The meaning of a code.
pub fn explanation(code: &str) -> Option<Explanation> {
    explanations().find(|one| one.code == code)
}

impl Explanation {
    /// For people to read.
    pub fn show(&self) -> String {
        let Self { code, section, text, example } = self;
        format!("{code} ({section})\n\n{}.\n\nExample: {example}", capitalised(text))
    }

    /// Its first sentence.
    pub fn summary(&self) -> String {
        let first = self.text.split(". ").next().unwrap_or(self.text);
        format!("{}.", capitalised(first))
    }

    /// All of it, as Markdown.
    pub fn markdown(&self) -> String {
        format!("{}.\n\nExample: {}", capitalised(self.text), self.example)
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{explanation, explanations};

    #[test]
    fn an_explanation_is_a_line_of_the_page() {
        let found = explanation("bad-value").expect("it is on the page");
        assert_eq!(found.section, "Keys and values");
        assert_eq!(found.example, "`cpu: much`");
        assert_eq!(
            found.summary(),
            "A value is not what its key takes, or its expression gave something else."
        );
        assert_eq!(explanation("nothing"), None);
    }

    #[test]
    fn every_line_of_the_page_is_read() {
        let lines = super::PAGE.lines().filter(|line| line.starts_with("- ")).count();
        assert_eq!(explanations().count(), lines);
        for one in explanations() {
            assert!(!one.section.is_empty() && !one.text.contains('\n'), "{one:?}");
            assert!(one.show().starts_with(one.code) && one.markdown().contains(one.example));
        }
    }
}
