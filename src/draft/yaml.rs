//! A YAML document that is about to be written, with comments.

use super::scalar::{Place, fits_literal, spelled};

/// The longest line that a flow collection may make.
const MAX_FLOW_COLUMNS: usize = 96;

/// The longest key that may stand before its `:` on one line (YAML 1.2.2, section 7.4.2).
const MAX_KEY_COLUMNS: usize = 1024;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Node {
    /// A key without a value, as in `push:`.
    Nothing,
    /// A text, quoted where it has to be.
    Text(String),
    /// A number or a boolean, written as it is.
    Plain(String),
    List(Vec<Self>),
    /// A mapping, each key on a line of its own.
    Block(Vec<Entry>),
    /// A mapping on one line, as long as it fits.
    Flow(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Lines of comment above it, without `#`.
    pub comments: Vec<String>,
    pub key: String,
    pub value: Node,
}

impl Entry {
    pub fn new(key: &str, value: Node) -> Self {
        Self { comments: Vec::new(), key: key.to_owned(), value }
    }

    /// Of a key that is given several times, as a variable on a command line may be, the last
    /// value counts: a mapping has each key once.
    fn of_each_key<'a>(given: impl IntoIterator<Item = (&'a str, Node)>) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for (key, value) in given {
            match entries.iter_mut().find(|entry| entry.key == key) {
                Some(entry) => entry.value = value,
                None => entries.push(Self::new(key, value)),
            }
        }
        entries
    }
}

impl Node {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and booleans are passed")]
    pub fn plain(text: impl ToString) -> Self {
        Self::Plain(text.to_string())
    }

    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    pub fn block<'a>(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Block(Entry::of_each_key(entries))
    }

    pub fn flow<'a>(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Flow(Entry::of_each_key(entries))
    }

    /// A number or boolean as it is, and anything else as text.
    pub fn scalar(text: &str) -> Self {
        let is_number = text.parse::<f64>().is_ok_and(f64::is_finite)
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_number || ["true", "false"].contains(&text) {
            Self::plain(text)
        } else {
            Self::text(text)
        }
    }

    /// The document, from its top-level entries.
    pub fn document(entries: &[Entry]) -> String {
        let mut out = String::new();
        for (at, entry) in entries.iter().enumerate() {
            let stands_alone = |entry: &Entry| {
                !entry.comments.is_empty()
                    || !matches!(entry.value, Self::Text(_) | Self::Plain(_) | Self::Nothing)
            };
            if at > 0 && (stands_alone(entry) || stands_alone(&entries[at - 1])) {
                out.push('\n');
            }
            entry.write(&mut out, 0);
        }
        out
    }

    /// The value on one line, or `None` if it has to be a block.
    fn on_one_line(&self, place: Place) -> Option<String> {
        match self {
            Self::Nothing => Some(String::new()),
            Self::Plain(text) => Some(text.clone()),
            Self::Text(text) if fits_literal(text) => None,
            Self::Text(text) => Some(spelled(text, place)),
            Self::List(items) => {
                let items: Option<Vec<_>> =
                    items.iter().map(|item| item.on_one_line(Place::Flow)).collect();
                Some(format!("[{}]", items?.join(", ")))
            }
            Self::Block(entries) if entries.is_empty() => Some("{}".to_owned()),
            Self::Block(_) => None,
            Self::Flow(entries) => {
                let entries: Option<Vec<_>> = entries.iter().map(Entry::on_one_line).collect();
                Some(format!("{{ {} }}", entries?.join(", ")))
            }
        }
    }

    /// Writes the value behind `key:` or `-`, whose line has `columns`.
    fn write(&self, out: &mut String, indent: usize, columns: usize) {
        let whole = self.on_one_line(Place::Block);
        let always_one = !matches!(self, Self::List(_) | Self::Block(_) | Self::Flow(_));
        if let Some(line) =
            whole.filter(|line| always_one || columns + line.chars().count() < MAX_FLOW_COLUMNS)
        {
            if !line.is_empty() {
                out.push(' ');
                out.push_str(&line);
            }
            out.push('\n');
            return;
        }
        match self {
            Self::Text(text) => write_literal(text, out, indent + 2),
            Self::List(items) => {
                out.push('\n');
                write_items(items, out, indent + 2);
            }
            Self::Block(entries) | Self::Flow(entries) => {
                out.push('\n');
                write_entries(entries, out, indent + 2);
            }
            Self::Nothing | Self::Plain(_) => out.push('\n'),
        }
    }
}

impl Entry {
    fn on_one_line(&self) -> Option<String> {
        if !self.comments.is_empty() {
            return None;
        }
        let value = self.value.on_one_line(Place::Flow)?;
        let key = spelled(&self.key, Place::Flow);
        if key.chars().count() > MAX_KEY_COLUMNS {
            return None;
        }
        Some(if value.is_empty() { format!("{key}:") } else { format!("{key}: {value}") })
    }

    fn write(&self, out: &mut String, indent: usize) {
        for comment in &self.comments {
            write_comment(comment, out, indent);
        }
        pad(out, indent);
        self.write_here(out, indent);
    }

    /// Writes the entry without its comments, where its line begins.
    fn write_here(&self, out: &mut String, indent: usize) {
        let key = spelled(&self.key, Place::Block);
        let columns = key.chars().count();
        if columns > MAX_KEY_COLUMNS {
            out.push_str("? ");
            out.push_str(&key);
            out.push('\n');
            pad(out, indent);
            out.push(':');
            self.value.write(out, indent, indent + 1);
        } else {
            out.push_str(&key);
            out.push(':');
            self.value.write(out, indent, indent + columns + 1);
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A line without the characters that YAML has in no place (YAML 1.2.2, section 5.1).
fn printable(line: &str) -> String {
    line.replace(
        |letter: char| letter.is_control() || "\u{2028}\u{2029}\u{feff}".contains(letter),
        " ",
    )
}

/// Writes a comment. A line of it without text is an empty comment line.
pub fn write_comment(comment: &str, out: &mut String, indent: usize) {
    for line in comment.lines() {
        pad(out, indent);
        out.push_str(format!("# {}", printable(line)).trim_end());
        out.push('\n');
    }
}

fn write_entries(entries: &[Entry], out: &mut String, indent: usize) {
    for entry in entries {
        entry.write(out, indent);
    }
}

fn write_items(items: &[Node], out: &mut String, indent: usize) {
    for item in items {
        let entries = match item {
            Node::Block(entries) => Some(entries),
            Node::Flow(entries) if item.on_one_line(Place::Flow).is_none() => Some(entries),
            _ => None,
        };
        let Some((first, rest)) = entries.and_then(|entries| entries.split_first()) else {
            pad(out, indent);
            out.push('-');
            item.write(out, indent, indent + 1);
            continue;
        };
        for comment in &first.comments {
            write_comment(comment, out, indent);
        }
        pad(out, indent);
        out.push_str("- ");
        first.write_here(out, indent + 2);
        write_entries(rest, out, indent + 2);
    }
}

/// Writes a text of several lines as a literal block.
fn write_literal(text: &str, out: &mut String, indent: usize) {
    let body = text.trim_end_matches('\n');
    let chomp = match text.len() - body.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    out.push_str(" |");
    out.push_str(chomp);
    out.push('\n');
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Node};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn key_that_is_too_long_for_one_line_reads_back() {
        let (long, longer) = ("k".repeat(1024), "\u{3}".repeat(110));
        let values = Node::flow([(long.as_str(), Node::text("1")), (&longer, Node::text("2"))]);
        let list = Node::List(vec![Node::flow([(longer.as_str(), Node::texts(["3"]))])]);
        let document = Node::document(&[Entry::new("env", values), Entry::new("list", list)]);
        assert_eq!(document.matches("? ").count(), 2, "{document}");
        let expected = json!({
            "env": { long: "1", longer.clone(): "2" }, "list": [{ longer: ["3"] }],
        });
        assert_eq!(read(&document), expected);
    }

    #[test]
    fn last_value_of_a_key_counts() {
        let given = [("MODE", "test"), ("A", "1"), ("MODE", "prod")];
        let given = given.map(|(key, value)| (key, Node::text(value)));
        for env in [Node::block(given.clone()), Node::flow(given.clone())] {
            let document = Node::document(&[Entry::new("env", env)]);
            assert_eq!(read(&document), json!({ "env": { "MODE": "prod", "A": "1" } }));
        }
    }

    #[test]
    fn document_mixes_blocks_and_short_lines() {
        let steps = Node::List(vec![
            Node::block([
                ("run", Node::text("a\nb\n")),
                ("env", Node::flow([("A", Node::text("1"))])),
            ]),
            Node::block([("push", Node::Nothing)]),
            Node::flow([("build", Node::text("."))]),
        ]);
        let mut ports = Entry::new("ports", Node::List(vec![Node::plain(80)]));
        ports.comments.push("public".to_owned());
        let document = Node::document(&[
            Entry::new("name", Node::text("hello")),
            Entry::new("version", Node::plain(1)),
            Entry::new("aci", Node::Block(vec![ports])),
            Entry::new("steps", steps),
        ]);
        assert_eq!(
            document,
            "name: hello\nversion: 1\n\naci:\n  # public\n  ports: [80]\n\nsteps:\n  - run: |\n      a\n      b\n    env: { A: \"1\" }\n  - push:\n  - { build: . }\n"
        );
    }

    proptest! {
        #[test]
        fn any_comment_is_left_out_when_read(comment in "(?s).{0,40}") {
            let comments = vec![comment, "a\0b\u{1b}[1m".to_owned()];
            let document = Node::document(&[Entry { comments, ..Entry::new("a", Node::plain(1)) }]);
            prop_assert_eq!(read(&document), json!({ "a": 1 }));
        }

        #[test]
        fn any_text_reads_back_as_it_was(text in "(?s).{0,40}", key in "[a-z :#,{}\"'-]{1,8}") {
            let block = [Entry::new("a", Node::block([(key.as_str(), Node::text(text.clone()))]))];
            let expected = json!({ "a": { key.as_str(): text } });
            prop_assert_eq!(&read(&Node::document(&block)), &expected);
            let flow = [Entry::new("a", Node::flow([(key.as_str(), Node::text(text.clone()))]))];
            prop_assert_eq!(&read(&Node::document(&flow)), &expected);
            let list = [Entry::new("a", Node::texts([text.clone()]))];
            prop_assert_eq!(read(&Node::document(&list)), json!({ "a": [text] }));
        }

        #[test]
        fn any_script_reads_back_as_it_was(text in "([a-z #:'\"-]{0,6}\n){1,5}[a-z]{0,3}") {
            let step = Node::List(vec![Node::block([("run", Node::text(text.clone()))])]);
            let document = Node::document(&[Entry::new("steps", step)]);
            prop_assert_eq!(read(&document), json!({ "steps": [{ "run": text }] }), "{}", document);
        }
    }
}
