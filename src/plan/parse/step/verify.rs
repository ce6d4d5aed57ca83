//! Reads `verify`.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::literal;
use crate::plan::parse::mapping::Mapping;
use crate::plan::parse::reader::Reader;
use crate::plan::schema::{Body, Expect, Field, Map, Probe, Text, Verify};
use crate::plan::tree::{Kind, Node};
use std::marker::PhantomData;

const KEYS: [&str; 6] = ["http", "tcp", "expect", "within", "every", "consecutive"];

impl Reader<'_> {
    /// A path or URL alone, or what is asked with what is expected.
    pub(super) fn verify(&mut self, node: &Node) -> Option<Verify> {
        let short = matches!(node.kind, Kind::Scalar(_));
        if matches!(node.kind, Kind::Null | Kind::Sequence(_)) {
            let message = format!("`verify` takes a path or a mapping, not {}", node.kind.name());
            let diagnostic = Diagnostic::error("wrong-type", message, &node.span);
            self.report(diagnostic.help("the deployed service is asked for a page by `verify: /`"));
            return None;
        }
        if short {
            let probe = Probe::Http(self.checked("verify", node, literal::http)?);
            return Some(Verify {
                probe,
                expect: Expect::default(),
                within: Field::default_of(WITHIN),
                every: Field::default_of(EVERY),
                consecutive: Field::default_of("1"),
                span: node.span.clone(),
            });
        }
        let keys = self.mapping("`verify`", node, &KEYS)?;
        let probe = self.probe(&keys);
        let expect = keys.get("expect").map(|node| self.expect(node)).unwrap_or_default();
        Some(Verify {
            expect,
            within: self.field_or(&keys, "within", WITHIN),
            every: self.field_or(&keys, "every", EVERY),
            consecutive: self.field_or(&keys, "consecutive", "1"),
            probe: probe?,
            span: node.span.clone(),
        })
    }

    fn probe(&mut self, keys: &Mapping<'_>) -> Option<Probe> {
        if let (Some(tcp), Some(http)) = (keys.key("tcp"), keys.key("http")) {
            self.conflict(tcp, http, "a step asks one thing: make it two steps");
        } else if let (Some(tcp), Some(expect)) = (keys.key("tcp"), keys.key("expect")) {
            self.conflict(expect, tcp, "a TCP connection has no answer that could be looked at");
        }
        match (keys.get("http"), keys.get("tcp")) {
            (Some(http), _) => self.checked("http", http, literal::http).map(Probe::Http),
            (None, Some(tcp)) => self.checked("tcp", tcp, literal::address).map(Probe::Tcp),
            (None, None) => {
                self.missing(keys, "http", "or `tcp`");
                None
            }
        }
    }

    fn expect(&mut self, node: &Node) -> Expect {
        let keys = ["status", "headers", "body", "json"];
        let Some(keys) = self.mapping("`expect`", node, &keys) else { return Expect::default() };
        let status = keys.get("status").map(|node| self.strings("status", node, literal::status));
        let headers =
            keys.get("headers").map(|node| self.strings_by_name("headers", node, literal::header));
        Expect {
            status: status
                .unwrap_or_default()
                .into_iter()
                .map(|text| Field { text, reads_as: PhantomData })
                .collect(),
            headers: headers.unwrap_or_default(),
            body: keys.get("body").map(|node| self.body(node)).unwrap_or_default(),
            json: keys.get("json").map(|node| self.json(node)).unwrap_or_default(),
        }
    }

    fn body(&mut self, node: &Node) -> Vec<Body> {
        let mut demands = Vec::new();
        for item in node.items() {
            if matches!(item.kind, Kind::Scalar(_)) {
                demands.extend(self.checked("body", item, literal::not_empty).map(Body::Contains));
                continue;
            }
            let Some(keys) = self.mapping("`body`", item, &["contains", "matches"]) else {
                continue;
            };
            if let Some(text) = keys.get("contains") {
                demands
                    .extend(self.checked("contains", text, literal::not_empty).map(Body::Contains));
            }
            if let Some(pattern) = keys.get("matches") {
                demands
                    .extend(self.checked("matches", pattern, literal::pattern).map(Body::Matches));
            }
        }
        demands
    }

    /// `null` is a value of JSON, and no missing one.
    fn json(&mut self, node: &Node) -> Map<Text> {
        self.named("json", node, literal::json_path, |reader, path, value| match value.kind {
            Kind::Null => Some(Text { span: value.span.clone(), ..Text::default_of("null") }),
            Kind::Scalar(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
                reader.string(&path.value, value)
            }
        })
    }
}

const WITHIN: &str = "3m";
const EVERY: &str = "2s";
