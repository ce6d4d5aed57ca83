//! What the codes of diagnostics mean: the sections of `docs/diagnostics.md`.

/// The page, of which a test proves that it has each code once.
const PAGE: &str = include_str!("../../../docs/diagnostics.md");

/// What a code means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Explanation {
    pub code: &'static str,
    /// The heading on the page.
    pub section: &'static str,
    /// One or several sentences of Markdown.
    text: &'static str,
    wrong: ExamplePlan,
    right: ExamplePlan,
}

/// A plan of the page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ExamplePlan {
    text: &'static str,
    /// What shows the mistake, where that is not `shipway check`.
    command: Option<&'static str>,
}

/// All codes, in the order of the page.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    PAGE.split("\n## ").skip(1).flat_map(|part| {
        let (section, codes) = part.split_once('\n').unwrap_or((part, ""));
        codes.split("\n### ").skip(1).filter_map(|one| Explanation::read(section, one))
    })
}

/// The meaning of a code.
pub fn explanation(code: &str) -> Option<Explanation> {
    explanations().find(|one| one.code == code)
}

impl Explanation {
    /// Of the text after `### `.
    fn read(section: &'static str, text: &'static str) -> Option<Self> {
        let (code, rest) = text.split_once("\n\n")?;
        let (text, plans) = rest.split_once("\n\n```yaml wrong\n")?;
        let (wrong, right) = plans.split_once("```yaml right\n")?;
        let (wrong, right) = (ExamplePlan::read(wrong)?, ExamplePlan::read(right)?);
        Some(Self { code, section, text, wrong, right })
    }

    /// For people to read.
    pub fn show(&self) -> String {
        format!("{} ({})\n\n{}", self.code, self.section, self.plain())
    }

    /// The meaning and both plans, without Markdown.
    pub fn plain(&self) -> String {
        let Self { text, wrong, right, .. } = self;
        format!(
            "{}\n\n{}\n{}",
            without_links(text),
            wrong.indented("Wrong"),
            right.indented("Right")
        )
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let Self { text, wrong, right, .. } = self;
        format!("{}\n\n{}\n{}", without_links(text), wrong.fenced("Wrong"), right.fenced("Right"))
    }

    /// Its first sentence.
    pub fn summary(&self) -> String {
        let text = without_links(self.text);
        match text.split_once(". ") {
            Some((first, _)) => format!("{first}."),
            None => text,
        }
    }
}

impl ExamplePlan {
    /// Of the text after the fence of the plan.
    fn read(text: &'static str) -> Option<Self> {
        let (text, after) = text.split_once("```")?;
        let console = after.split_once("```console\n$ ");
        let command = console.and_then(|(_, console)| console.lines().next());
        Some(Self { text, command })
    }

    fn indented(&self, title: &str) -> String {
        let lines: Vec<String> = self.text.lines().map(|line| format!("    {line}\n")).collect();
        format!("{}\n\n{}", self.title(title), lines.concat())
    }

    fn fenced(&self, title: &str) -> String {
        format!("{}\n\n```yaml\n{}```\n", self.title(title), self.text)
    }

    fn title(&self, title: &str) -> String {
        match self.command {
            Some(command) => format!("{title}, with `{command}`:"),
            None => format!("{title}:"),
        }
    }
}

/// Puts the words of links in place of links, which lead nowhere outside of the page.
fn without_links(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        shown.push_str(before);
        let link = after.split_once("](").filter(|(words, _)| !words.contains('['));
        let link = link.and_then(|(words, more)| Some((words, more.split_once(')')?.1)));
        let (words, end) = link.unwrap_or(("[", after));
        shown.push_str(words);
        rest = end;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::{explanation, explanations, without_links};

    #[test]
    fn explanation_is_a_section_of_the_page() {
        let found = explanation("bad-value").expect("it is on the page");
        assert_eq!(found.section, "Keys and values");
        assert!(found.wrong.text.contains("{ cpu: much }"), "{}", found.wrong.text);
        assert!(found.right.text.contains("{ cpu: 2 }"), "{}", found.right.text);
        assert_eq!(
            found.summary(),
            "A value is not what its key takes, or its expression gave something else."
        );
        assert_eq!(explanation("nothing"), None);
    }

    #[test]
    fn every_section_of_the_page_is_read_and_in_order() {
        let all: Vec<_> = explanations().collect();
        assert_eq!(all.len(), super::PAGE.matches("\n### ").count());
        for pair in all.windows(2) {
            let [first, second] = pair else { unreachable!() };
            assert!(first.section != second.section || first.code < second.code, "{second:?}");
        }
        for one in all {
            assert!(one.show().starts_with(one.code), "{one:?}");
            assert!(one.markdown().contains(&format!("```yaml\n{}```", one.wrong.text)), "{one:?}");
        }
    }

    #[test]
    fn links_become_their_words() {
        assert_eq!(without_links("a [b c](d.md#e), `f[0]` [g](#g)."), "a b c, `f[0]` g.");
        assert_eq!(without_links("[a] (b) and [c"), "[a] (b) and [c");
    }
}
