//! Writes the lines of logs, with the names of their containers where there are several.

use super::cursor::LogLine;
use crate::cli::say;
use crate::report::clean;
use crate::secret::Redactor;

pub struct Printer<'r> {
    /// The width of the names; `None` where there is one container.
    width: Option<usize>,
    timestamps: bool,
    redactor: &'r Redactor,
}

impl<'r> Printer<'r> {
    pub fn new(labels: &[&str], timestamps: bool, redactor: &'r Redactor) -> Self {
        let widest = labels.iter().map(|label| label.chars().count()).max();
        Self { width: widest.filter(|_| labels.len() > 1), timestamps, redactor }
    }

    pub fn print(&self, label: &str, lines: &[LogLine]) {
        for line in lines {
            say::result(&self.line(label, line));
        }
    }

    /// Writes something about a container that is not of its log.
    pub fn notice(&self, text: &str) {
        say::tell(&format!("— {} —", self.redactor.redact(text)));
    }

    fn line(&self, label: &str, line: &LogLine) -> String {
        let text = clean(&self.redactor.redact(&line.text), false);
        let text = if self.timestamps { format!("{} {text}", line.time) } else { text };
        match self.width {
            Some(width) => format!("{label:width$} │ {text}"),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Printer;
    use crate::cli::logs::cursor::LogLine;
    use crate::secret::Redactor;

    #[test]
    fn lines_name_their_container_where_there_are_several() {
        let redactor = Redactor::default();
        redactor.adopt("secrets.db", "hunter22".to_owned());
        let line = LogLine {
            time: "2026-11-21T10:00:00Z".into(),
            text: "\u{1b}[2Jpassword hunter22".into(),
        };
        let one = Printer::new(&["web"], false, &redactor);
        assert_eq!(one.line("web", &line), "password ***");
        let two = Printer::new(&["web", "web/proxy"], true, &redactor);
        assert_eq!(two.line("web", &line), "web       │ 2026-11-21T10:00:00Z password ***");
    }
}
