//! Writes the lines of logs, with the names of their containers where there are several.

use super::cursor::LogLine;
use crate::cli::say;
use crate::report::{clean, colored_name};
use crate::secret::Redactor;
use serde_json::json;

pub struct Printer<'r> {
    /// The width of the names; `None` where there is one container.
    width: Option<usize>,
    /// In the order of their colours.
    labels: Vec<String>,
    style: LineStyle,
    redactor: &'r Redactor,
}

/// What is shown of a line beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineStyle {
    pub timestamps: bool,
    /// Names have colours, and so has what a container writes in colours.
    pub color: bool,
    /// Each line is one JSON object.
    pub json: bool,
}

/// Where lines come from.
#[derive(Clone, Debug)]
pub struct Source {
    pub service: String,
    pub container: String,
    /// The service, and the container where it has several.
    pub label: String,
}

impl<'r> Printer<'r> {
    pub fn new(labels: &[&str], style: LineStyle, redactor: &'r Redactor) -> Self {
        let widest = labels.iter().map(|label| label.chars().count()).max();
        Self {
            width: widest.filter(|_| labels.len() > 1),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            style,
            redactor,
        }
    }

    pub fn print(&self, source: &Source, lines: &[LogLine]) {
        for line in lines {
            let shown = self.line(source, line);
            if self.style.json { say::result(&shown) } else { say::result_for_people(&shown) }
        }
    }

    /// Writes something about a container that is not of its log.
    pub fn notice(&self, text: &str) {
        say::tell(&format!("— {} —", self.redactor.redact(text)));
    }

    fn line(&self, source: &Source, line: &LogLine) -> String {
        let Source { service, container, label } = source;
        if self.style.json {
            let time = Some(&line.time).filter(|time| !time.is_empty());
            let text = self.redactor.redact(&line.text);
            let line = json!({
                "service": service, "container": container, "time": time, "text": text,
            });
            return line.to_string();
        }
        let text = clean(&self.redactor.redact(&line.text), self.style.color);
        let text = if self.style.timestamps { format!("{} {text}", line.time) } else { text };
        match self.width {
            Some(width) => format!("{} │ {text}", self.name(&format!("{label:width$}"), label)),
            None => text,
        }
    }

    fn name(&self, padded: &str, label: &str) -> String {
        let place = self.labels.iter().position(|known| known == label);
        match place.filter(|_| self.style.color) {
            Some(place) => colored_name(place, padded),
            None => padded.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LineStyle, Printer, Source};
    use crate::cli::logs::cursor::LogLine;
    use crate::secret::Redactor;

    fn source(service: &str, container: &str, label: &str) -> Source {
        Source { service: service.into(), container: container.into(), label: label.into() }
    }

    #[test]
    fn lines_are_objects_for_programs() {
        let redactor = Redactor::default();
        redactor.adopt("secrets.db", "hunter22".to_owned());
        let json = LineStyle { json: true, ..LineStyle::default() };
        let printer = Printer::new(&["web", "web/proxy"], json, &redactor);
        let line = |time: &str, text: &str| LogLine { time: time.into(), text: text.into() };
        let proxy = source("web", "proxy", "web/proxy");
        assert_eq!(
            printer.line(&proxy, &line("2026-11-21T10:00:00Z", "\u{1b}[2Jpassword hunter22")),
            r#"{"service":"web","container":"proxy","time":"2026-11-21T10:00:00Z","text":"\u001b[2Jpassword ***"}"#
        );
        assert_eq!(
            printer.line(&proxy, &line("", "early")),
            r#"{"service":"web","container":"proxy","time":null,"text":"early"}"#
        );
    }

    #[test]
    fn lines_name_their_container_where_there_are_several() {
        let redactor = Redactor::default();
        redactor.adopt("secrets.db", "hunter22".to_owned());
        let line = LogLine {
            time: "2026-11-21T10:00:00Z".into(),
            text: "\u{1b}[2Jpassword hunter22".into(),
        };
        let one = Printer::new(&["web"], LineStyle::default(), &redactor);
        let web = source("web", "web", "web");
        assert_eq!(one.line(&web, &line), "password ***");
        let timed = LineStyle { timestamps: true, ..LineStyle::default() };
        let two = Printer::new(&["web", "web/proxy"], timed, &redactor);
        assert_eq!(two.line(&web, &line), "web       │ 2026-11-21T10:00:00Z password ***");
    }

    #[test]
    fn names_of_several_have_colours_in_a_terminal() {
        let redactor = Redactor::default();
        let line = LogLine { time: String::new(), text: "\u{1b}[31mred\u{1b}[2J".into() };
        let color = LineStyle { color: true, ..LineStyle::default() };
        let (web, proxy) = (source("web", "web", "web"), source("proxy", "proxy", "proxy"));
        let two = Printer::new(&["web", "proxy"], color, &redactor);
        let text = "\u{1b}[31mred\u{1b}[0m";
        assert_eq!(two.line(&web, &line), format!("\u{1b}[36mweb  \u{1b}[0m │ {text}"));
        assert_eq!(two.line(&proxy, &line), format!("\u{1b}[35mproxy\u{1b}[0m │ {text}"));
        let one = Printer::new(&["web"], color, &redactor);
        assert_eq!(one.line(&web, &line), text);
    }
}
