//! `verify`: what is asked of the deployed service, and what is expected.

use super::require::Require;
use super::text::{Field, Map, Part, Text};
use crate::plan::describe::{
    Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, choice, key, mapping,
    shape_schema,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{
    Address, ExitCode, HeaderName, HttpTarget, JsonPath, NotEmpty, Pattern, Period, Shape,
    StatusCode, Times,
};
use crate::plan::parse::{Entries, Reader};
use crate::plan::span::Span;
use crate::plan::tree::{EntryKey, Kind};
use serde_json::Value;

mapping! {
    by hand
    /// What is asked, and what is expected.
    pub struct Verify = "`verify`" {
        flattened pub probe: Probe,
        /// Whether redirects are followed, of `http`: what is expected holds for the last answer.
        pub follow: Field<bool> = key("follow").default(FOLLOW),
        /// What must hold of the answer.
        pub expect: Expect = key("expect").absent("a status below 400"),
        /// How long it may take until it holds.
        pub within: Field<Period> = key("within").default(WITHIN),
        /// Time between two tries; unless it is set, a tenth of the time that has passed until then.
        pub every: Field<Period> = key("every").default(EVERY),
        /// How many tries in a row must pass.
        pub consecutive: Field<Times> = key("consecutive").default(CONSECUTIVE),
        /// What must hold of the images that run: `{ signed-by, provenance }`.
        pub require: Option<Require> = key("require").absent("nothing"),
    }
    and {
        /// The value of the key.
        pub span: Span,
    }
}

impl Verify {
    /// Whether the plan sets the time between two tries.
    pub fn says_how_often(&self) -> bool {
        !self.every.text.span.is_empty()
    }
}

const FOLLOW: &str = "false";
const WITHIN: &str = "3m";
const EVERY: &str = "2s";
const CONSECUTIVE: &str = "1";

choice! {
    /// What a `verify` asks.
    pub enum Probe {
        /// Path under the deployed URL, or a whole URL; of a list, one must hold, asked in order.
        Http(Vec<Text>) = key(HTTP_KEY).is::<HttpTarget>().absent("this or `tcp`"),
        /// Port of the deployed group, or `host:port`.
        Tcp(Text) = key("tcp").is::<Address>().absent("this or `http`"),
        /// Exit code with which each container of the deployed group ends, whose log is shown.
        Exit(Field<ExitCode>) = key("exit").absent("it is not waited for the end"),
    }
}

mapping! {
    by hand
    /// What must hold of an HTTP answer.
    pub struct Expect = "`expect`" {
        /// Status, or statuses of which it must be one.
        pub status: Vec<Field<StatusCode>> = key("status").absent("below 400"),
        /// Headers by name, each with its whole value.
        pub headers: Map<Text> = key("headers").names::<HeaderName>().absent("any"),
        /// Text that the body contains, or `{ contains, matches }`, or a list of these.
        pub body: Vec<BodyExpectation> = key("body").absent("any"),
        /// Values by JSON path (RFC 9535), each as text or as the JSON that it spells.
        pub json: Map<Text> = key("json").names::<JsonPath>().takes_null().absent("any"),
    }
}

impl PlanValue for Expect {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self::default())
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        Self::object().to_schema()
    }
}

#[expect(clippy::derivable_impls, reason = "`mapping!` takes no derives")]
impl Default for Expect {
    fn default() -> Self {
        Self { status: Vec::new(), headers: Map::default(), body: Vec::new(), json: Map::default() }
    }
}

const CONTAINS: Key = key("contains").is::<NotEmpty>().absent("any");

mapping! {
    by hand
    /// What must hold of the body of an answer.
    pub struct BodyExpectation = "`body`" {
        /// Text that it contains.
        pub contains: Option<Text> = CONTAINS,
        /// Regular expression that it matches.
        pub matches: Option<Text> = key("matches").is::<Pattern>().absent("any"),
    }
}

impl PlanValue for BodyExpectation {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if matches!(slot.node.kind, Kind::Scalar(_)) {
            let contains = reader.checked(slot.name, slot.node, &CONTAINS.shape)?;
            return Some(Self { contains: Some(contains), matches: None });
        }
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        any_of([shape_schema(&Shape::of::<NotEmpty>()), Self::object().to_schema()])
    }
}

impl PlanValue for Verify {
    /// A path or URL alone, or what is asked with what is expected.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let span = slot.node.span.clone();
        match &slot.node.kind {
            Kind::Scalar(_) => {
                let target = reader.checked(slot.name, slot.node, &HTTP)?;
                Some(Self {
                    probe: Probe::Http(vec![target]),
                    follow: Field::default_of(FOLLOW),
                    expect: Expect::default(),
                    within: Field::default_of(WITHIN),
                    every: Field::default_of(EVERY),
                    consecutive: Field::default_of(CONSECUTIVE),
                    require: None,
                    span,
                })
            }
            Kind::Mapping(_) => {
                let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
                let other = entries.key("tcp").or_else(|| entries.key("exit"));
                if let (Some(follow), Some(other)) = (entries.key("follow"), other) {
                    reader.conflict(follow, other, "only `http` meets redirects");
                }
                let read = Self::from_entries(reader, &entries)?;
                if let (Probe::Http(addresses), Some(node)) = (&read.probe, entries.get(HTTP_KEY))
                    && addresses.is_empty()
                    && node.items().is_empty()
                {
                    let message = "`http` is empty, and nothing would be asked";
                    reader.report(Diagnostic::error("missing-key", message, &node.span));
                }
                Some(Self { span, ..read })
            }
            Kind::Null | Kind::Sequence(_) => {
                let message =
                    format!("`verify` takes a path or a mapping, not {}", slot.node.kind.name());
                let diagnostic = Diagnostic::error("wrong-type", message, &span);
                reader.report(
                    diagnostic.help("the deployed service is asked for a page by `verify: /`"),
                );
                None
            }
        }
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        any_of([shape_schema(&Shape::of::<HttpTarget>()), Self::object().to_schema()])
    }
}

const HTTP: Shape = Shape::of::<HttpTarget>();
const HTTP_KEY: &str = "http";

impl Verify {
    /// Whether all that it asks is the deployed address rather than one that it names.
    pub fn asks_deployed(&self) -> bool {
        self.probe.addresses().iter().all(|address| self.is_of_deployed(address))
    }

    /// Whether it asks the deployed address, perhaps beside others.
    pub fn needs_deployed(&self) -> bool {
        let mut addresses = self.probe.addresses().iter();
        self.waits_for_end() || addresses.any(|address| self.is_of_deployed(address))
    }

    fn is_of_deployed(&self, address: &Text) -> bool {
        match &self.probe {
            Probe::Http(_) => match address.parts.first() {
                Some(Part::Expression(_)) => false,
                Some(Part::Literal(_)) | None => address.source.starts_with('/'),
            },
            Probe::Tcp(_) => address.as_literal().is_some_and(|literal| !literal.contains(':')),
            Probe::Exit(_) => true,
        }
    }

    /// Whether it waits for the end of what is deployed, and asks no port.
    pub fn waits_for_end(&self) -> bool {
        matches!(self.probe, Probe::Exit(_))
    }
}

impl Probe {
    /// The addresses that it asks, of which one must hold.
    pub fn addresses(&self) -> &[Text] {
        match self {
            Self::Http(addresses) => addresses,
            Self::Tcp(text) => std::slice::from_ref(text),
            Self::Exit(_) => &[],
        }
    }

    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let (http, tcp) = (entries.key("http"), entries.key("tcp"));
        if let Some(exit) = entries.key("exit") {
            for name in ["http", "tcp", "expect", "consecutive"] {
                if let Some(other) = entries.key(name) {
                    let help = "what has ended answers nothing: make it two steps";
                    reader.conflict(other, exit, help);
                }
            }
            return Some(exit);
        }
        if let (Some(tcp), Some(http)) = (tcp, http) {
            reader.conflict(tcp, http, "a step asks one thing: make it two steps");
        } else if let (Some(tcp), Some(expect)) = (tcp, entries.key("expect")) {
            let help = "a TCP connection has no answer that could be looked at";
            reader.conflict(expect, tcp, help);
        }
        let chosen = http.or(tcp);
        if chosen.is_none() {
            reader.missing(entries, "http", "or `tcp`, `exit`");
        }
        chosen
    }
}
