//! The text of a plan, and of those that it includes.

use super::span::Span;

/// The text of a plan's file, followed by those of the files that it includes. A [`Span`]
/// is a range of all of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlanText {
    text: String,
    files: Vec<PlanTextFile>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct PlanTextFile {
    /// The path as it is shown.
    name: String,
    /// Its folder, relative to that of the plan; empty for the same one.
    folder: String,
    /// Where its text begins.
    start: usize,
}

/// The text of one file.
#[derive(Clone, Copy, Debug)]
pub struct PlanPart<'t> {
    /// The path as it is shown.
    pub name: &'t str,
    /// Its folder, relative to that of the plan; empty for the same one.
    pub folder: &'t str,
    pub text: &'t str,
    /// Where it begins in the whole text.
    pub start: usize,
}

impl PlanText {
    /// The text of a plan that includes nothing.
    pub fn of(name: &str, text: &str) -> Self {
        let file = PlanTextFile { name: name.to_owned(), folder: String::new(), start: 0 };
        Self { text: text.to_owned(), files: vec![file] }
    }

    /// Adds the text of an included file. `folder` is relative to that of the plan.
    pub fn add(&mut self, name: &str, folder: &str, text: &str) {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        let (name, folder) = (name.to_owned(), folder.to_owned());
        self.files.push(PlanTextFile { name, folder, start: self.text.len() });
        self.text.push_str(text);
    }

    /// The text of all files.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The files, the plan itself first.
    pub fn parts(&self) -> impl Iterator<Item = PlanPart<'_>> {
        let ends = self.files.iter().skip(1).map(|next| next.start);
        let ends = ends.chain([self.text.len()]);
        self.files.iter().zip(ends).map(|(file, end)| {
            let PlanTextFile { name, folder, start } = file;
            PlanPart { name, folder, text: &self.text[*start..end], start: *start }
        })
    }

    /// The number of the file in which a span begins.
    pub fn file_of(&self, span: &Span) -> usize {
        self.files.partition_point(|file| file.start <= span.start).saturating_sub(1)
    }

    /// The folder of the file in which a span begins, relative to that of the plan.
    pub fn folder_of(&self, span: &Span) -> &str {
        self.files.get(self.file_of(span)).map_or("", |file| &file.folder)
    }

    /// The same with other paths.
    pub fn renamed(&self, name: impl Fn(&str) -> String) -> Self {
        let files = self.files.iter();
        let files =
            files.map(|file| PlanTextFile { name: name(&file.name), ..file.clone() }).collect();
        Self { text: self.text.clone(), files }
    }
}

#[cfg(test)]
mod tests {
    use super::PlanText;

    #[test]
    fn spans_belong_to_the_file_that_they_begin_in() {
        let mut text = PlanText::of("shipway.yml", "a: 1");
        text.add("web/shipway.yml", "web", "b: 2\n");
        text.add("api/shipway.yml", "api", "c: 3\n");
        assert_eq!(text.text(), "a: 1\nb: 2\nc: 3\n");
        let parts: Vec<_> = text.parts().map(|part| (part.name, part.text, part.start)).collect();
        assert_eq!(
            parts,
            [
                ("shipway.yml", "a: 1\n", 0),
                ("web/shipway.yml", "b: 2\n", 5),
                ("api/shipway.yml", "c: 3\n", 10),
            ]
        );
        let files: Vec<usize> = [0..1, 4..5, 5..6, 9..10, 10..11, 99..99]
            .iter()
            .map(|span| text.file_of(span))
            .collect();
        assert_eq!(files, [0, 0, 1, 1, 2, 2]);
        assert_eq!([text.folder_of(&(0..1)), text.folder_of(&(6..9))], ["", "web"]);
        assert_eq!(PlanText::default().file_of(&(0..0)), 0);
    }
}
