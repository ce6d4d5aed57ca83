//! `report`: where the result of a run is told.

use crate::plan::describe::{Key, PlanValue, Slot, Visit, any_of, list_of};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::Reader;
use crate::plan::span::Span;
use crate::plan::tree::Kind;
use crate::value::{Channel, Word as _};
use serde_json::{Value, json};

/// Where the result is reported. Empty for nowhere.
#[derive(Clone, Debug)]
pub struct Reports(pub Vec<Channel>);

/// The word for nowhere.
const NONE: &str = "none";

fn known() -> Vec<&'static str> {
    Channel::WORDS.iter().copied().chain([NONE]).collect()
}

impl PlanValue for Reports {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        // `report:` without a value says nothing, like its absence.
        if slot.node.kind == Kind::Null {
            return Self::absent(slot.key);
        }
        let mut channels = Vec::new();
        let mut none: Option<Span> = None;
        for item in slot.node.items() {
            let Some(word) = reader.word(slot.name, item) else { continue };
            match Channel::from_word(&word.value) {
                Some(channel) => channels.push(channel),
                None if word.value == NONE => none = Some(word.span),
                None => reader.bad_word(slot.name, &word, &known()),
            }
        }
        if let Some(span) = none.filter(|_| !channels.is_empty()) {
            let diagnostic = Diagnostic::error("conflicting-keys", "`none` stands alone", &span);
            reader.report(diagnostic.help("leave out `none`, or all others"));
        }
        Some(Self(channels))
    }

    /// A plan that does not say reports to the pull request and the job.
    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self(vec![Channel::Comment, Channel::Summary]))
    }

    fn visit<'p>(&'p self, _: &'static Key, _: &mut Visit<'_, 'p>) {}

    fn schema(_: &'static Key) -> Value {
        let several = list_of(json!({ "enum": Channel::WORDS }));
        any_of([json!({ "enum": known() }), several, json!({ "const": [NONE] })])
    }
}
