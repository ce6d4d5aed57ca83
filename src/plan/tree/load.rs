//! From text to the tree, within limits.

use super::events::events;
use super::node::{Entry, EntryKey, Kind, Node, Scalar, Style};
use super::{merge, syntax};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::span::{Span, Spanned};
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// How many values aliases may repeat in all: a YAML bomb has many more.
const MAX_REPEATED_VALUES: usize = 100_000;

/// How many bytes of text aliases may repeat in all.
const MAX_REPEATED_BYTES: usize = 4 << 20;

/// Reads the one document of a text. Mistakes are added to `found`. `None` where
/// the text is empty, or is not YAML.
pub fn load<'t>(text: &'t str, found: &mut Vec<Diagnostic>) -> Option<Node<'t>> {
    let events = events(text);
    let mut loader =
        Loader { text, events, anchors: HashMap::new(), repeated: Size::default(), found };
    match loader.document() {
        Ok(node) => node,
        Err(Stop::Syntax(error)) => {
            found.push(syntax::explain(text, &error));
            None
        }
        Err(Stop::Refused(diagnostic)) => {
            found.push(*diagnostic);
            None
        }
    }
}

/// Why reading cannot go on.
enum Stop {
    Syntax(ScanError),
    Refused(Box<Diagnostic>),
}

type Next<'t> = (Event<'t>, Span);

struct Loader<'t, 'f> {
    text: &'t str,
    events: Parser<'t, granit_parser::StrInput<'t>>,
    /// What each anchor stands for, and its size.
    anchors: HashMap<usize, (Node<'t>, Size)>,
    repeated: Size,
    found: &'f mut Vec<Diagnostic>,
}

impl<'t> Loader<'t, '_> {
    fn document(&mut self) -> Result<Option<Node<'t>>, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) if root.is_some() => {
                    let second = span.start..span.start + 3;
                    return Err(refuse(
                        Diagnostic::error("yaml-documents", "a plan is one document", &second)
                            .label("a second one begins here")
                            .help("leave out the line `---`"),
                    ));
                }
                Event::DocumentStart(..)
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentEnd => {}
                event => root = Some(self.node((event, span))?),
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<Option<Next<'t>>, Stop> {
        let Some(next) = self.events.next_event() else { return Ok(None) };
        let (event, span) = next.map_err(Stop::Syntax)?;
        let at = |marker: granit_parser::Marker| marker.byte_offset().unwrap_or(self.text.len());
        Ok(Some((event, at(span.start)..at(span.end))))
    }

    /// The next event inside a collection, its end included.
    fn inner(&mut self) -> Result<Next<'t>, Stop> {
        match self.next()? {
            Some(next) => Ok(next),
            None => Ok((Event::StreamEnd, self.text.len()..self.text.len())),
        }
    }

    fn node(&mut self, next: Next<'t>) -> Result<Node<'t>, Stop> {
        let (event, span) = next;
        let (node, anchor) = match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), &span);
                (self.scalar(value, style, span), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &span);
                (self.sequence(span)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), &span);
                (self.mapping(span)?, anchor)
            }
            Event::Alias(anchor) => (self.alias(anchor, &span)?, 0),
            _ => (Node { kind: Kind::Null, span }, 0),
        };
        if anchor > 0 {
            let size = Size::of(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn scalar(&self, value: Cow<'t, str>, style: ScalarStyle, span: Span) -> Node<'t> {
        let style = match style {
            ScalarStyle::Plain if matches!(&*value, "" | "~" | "null" | "Null" | "NULL") => {
                return Node { kind: Kind::Null, span };
            }
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block(self.column(span.start)),
        };
        Node { kind: Kind::Scalar(Scalar { value, style }), span }
    }

    /// The number of bytes between the start of a line and a place in it.
    fn column(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn sequence(&mut self, start: Span) -> Result<Node<'t>, Stop> {
        let mut items: Vec<Node<'t>> = Vec::new();
        let end = loop {
            match self.inner()? {
                (Event::SequenceEnd | Event::StreamEnd, end) => break end,
                next => items.push(self.node(next)?),
            }
        };
        let span = whole(&start, items.last().map(|item| &item.span), &end);
        Ok(Node { kind: Kind::Sequence(items), span })
    }

    fn mapping(&mut self, start: Span) -> Result<Node<'t>, Stop> {
        // Most have one or two. The first growth of an empty list makes room for four.
        let mut entries: Vec<Entry<'t>> = Vec::with_capacity(2);
        let mut merged: Vec<Node<'t>> = Vec::new();
        let mut last = None;
        let end = loop {
            let next = match self.inner()? {
                (Event::MappingEnd | Event::StreamEnd, end) => break end,
                next => next,
            };
            let is_merge =
                matches!(&next.0, Event::Scalar(key, ScalarStyle::Plain, ..) if key == "<<");
            let key = self.key(next)?;
            let value = self.inner()?;
            let mut value = self.node(value)?;
            if value.span.is_empty() {
                value.span = key.as_ref().map_or(value.span, |key| key.span.clone());
            }
            last = Some(value.span.clone());
            match key {
                Some(_) if is_merge => merged.push(value),
                Some(key) => entries.push(Entry { key, value }),
                None => {}
            }
        };
        merge::drop_duplicates(&mut entries, self.found);
        merge::merge(&mut entries, merged, self.found);
        let span = whole(&start, last.as_ref(), &end);
        Ok(Node { kind: Kind::Mapping(entries), span })
    }

    /// A key as it is spelled. `None` for a collection, which is reported.
    fn key(&mut self, next: Next<'t>) -> Result<Option<EntryKey<'t>>, Stop> {
        let node = self.node(next)?;
        let value = match node.kind {
            Kind::Scalar(scalar) => scalar.value,
            Kind::Null => self.text.get(node.span.clone()).unwrap_or_default().into(),
            Kind::Sequence(_) | Kind::Mapping(_) => {
                self.found.push(
                    Diagnostic::error("yaml-key", "a key is a single word", &node.span)
                        .label(format!("{} here", node.kind.name()))
                        .help("an expression is written `${{ }}`, and a value that begins with `{` or `[` in quotes"),
                );
                return Ok(None);
            }
        };
        Ok(Some(Spanned::new(value, node.span)))
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Node<'t>, Stop> {
        let name = self.text.get(span.clone()).unwrap_or_default();
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(refuse(Diagnostic::error(
                "yaml-alias",
                format!("`{name}` stands inside what it refers to"),
                span,
            )));
        };
        self.repeated.values += size.values;
        self.repeated.bytes += size.bytes;
        let limit = match self.repeated {
            Size { values, .. } if values > MAX_REPEATED_VALUES => {
                format!("{MAX_REPEATED_VALUES} values")
            }
            Size { bytes, .. } if bytes > MAX_REPEATED_BYTES => {
                format!("{MAX_REPEATED_BYTES} bytes")
            }
            Size { .. } => return Ok(node.clone()),
        };
        let message = format!("aliases repeat more than {limit}");
        let bomb = Diagnostic::error("yaml-bomb", message, span);
        Err(refuse(bomb.label("the last one too many")))
    }

    /// Reports a tag, unless it is one of the core schema: those change nothing,
    /// since a scalar is taken as it is spelled, and others would be lost.
    fn check_tag(&mut self, tag: Option<&Tag>, span: &Span) {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() && tag.original() != "!")
        else {
            return;
        };
        let tag = tag.original();
        let before = self.text.get(..span.start).unwrap_or_default();
        let at = before.rfind(&tag).map_or(span.clone(), |at| at..at + tag.len());
        self.found.push(
            Diagnostic::error(
                "yaml-tag",
                format!("`{tag}` is a YAML tag, which means nothing here"),
                &at,
            )
            .help("put a value that begins with `!` in quotes"),
        );
    }
}

fn refuse(diagnostic: Diagnostic) -> Stop {
    Stop::Refused(Box::new(diagnostic))
}

/// The span of a collection: from its start to its closing bracket, or in block
/// style, which has no bracket, to the end of its last value.
fn whole(start: &Span, last: Option<&Span>, end: &Span) -> Span {
    let stop = if end.is_empty() {
        last.filter(|last| last.start >= start.start).map_or(start.end, |last| last.end)
    } else {
        end.end
    };
    start.start..stop.max(start.end)
}

/// How much a node holds.
#[derive(Clone, Copy, Default)]
struct Size {
    /// The values in it, itself among them.
    values: usize,
    /// The bytes of its scalars and keys.
    bytes: usize,
}

impl Size {
    fn of(node: &Node<'_>) -> Self {
        let mut size = Self { values: 1, bytes: 0 };
        let parts: Vec<Self> = match &node.kind {
            Kind::Null => Vec::new(),
            Kind::Scalar(scalar) => {
                size.bytes = scalar.value.len();
                Vec::new()
            }
            Kind::Sequence(items) => items.iter().map(Self::of).collect(),
            Kind::Mapping(entries) => {
                size.bytes = entries.iter().map(|entry| entry.key.value.len()).sum();
                entries.iter().map(|entry| Self::of(&entry.value)).collect()
            }
        };
        for part in parts {
            size.values += part.values;
            size.bytes += part.bytes;
        }
        size
    }
}
