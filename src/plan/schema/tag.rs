//! `tag`: where an image goes, and under which names.

use super::text::Text;
use crate::plan::describe::{
    Key, Object, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, describe_key, key,
    list_of, mapping, read_key, shape_schema, visit_key,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::literal::{Shape, TagName, TaggedReference, Untagged};
use crate::plan::parse::Reader;
use crate::plan::span::Span;
use crate::plan::tree::{Kind, Node};
use serde_json::Value;

/// The names that an image gets.
#[derive(Clone, Debug)]
pub struct Tag {
    /// At least one.
    pub targets: Vec<TagTarget>,
    /// The value of the key.
    pub span: Span,
}

const TAGS: Key = key("tags").is::<TagName>().names_image();

mapping! {
    by hand
    /// A repository and its tags.
    pub struct TagTarget = "`tag`" {
        /// Repository; with no `tags` a reference with a tag.
        pub image: Text = key("image").is::<Untagged>().names_image(),
        /// Tags, of which empty ones are left out.
        pub tags: Vec<Text> = TAGS,
    }
}

/// A whole reference, alone or as the only key.
const REFERENCE: Key = key("image").is::<TaggedReference>().names_image();

impl PlanValue for Tag {
    /// A reference, a repository with its tags, or a list of either.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let items = slot.node.items();
        let span = slot.node.span.clone();
        if items.is_empty() {
            let diagnostic = Diagnostic::error("missing-key", "`tag` names no image", &span);
            reader.report(diagnostic.help("write `tag: registry/repository:v1`"));
            return None;
        }
        let targets: Vec<TagTarget> =
            items.iter().filter_map(|item| TagTarget::read(reader, item)).collect();
        (!targets.is_empty()).then_some(Self { targets, span })
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        for target in &self.targets {
            if target.tags.is_empty() {
                // A whole reference: `image` holds its tag too.
                visit_key(visit, &REFERENCE, &target.image);
            } else {
                target.visit_keys(visit);
            }
        }
    }

    fn schema(_: &'static Key) -> Value {
        let mut reference = Object::default();
        describe_key::<Text>(&mut reference, &REFERENCE);
        let mut with_tags = TagTarget::object().to_schema();
        with_tags["required"] = serde_json::json!(["image", "tags"]);
        let one = any_of([
            shape_schema(&Shape::of::<TaggedReference>()),
            with_tags,
            reference.to_schema(),
        ]);
        let mut list = list_of(one.clone());
        list["minItems"] = 1.into();
        any_of([one, list])
    }
}

impl TagTarget {
    fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Self> {
        if !matches!(node.kind, Kind::Mapping(_)) {
            let image = reader.checked("tag", node, &REFERENCE.shape)?;
            return Some(Self { image, tags: Vec::new() });
        }
        let entries = reader.entries(Self::WHAT, node, Self::KEYS)?;
        let Some(tags) = entries.get(TAGS.name) else {
            let image = read_key(reader, &entries, &REFERENCE)?;
            return Some(Self { image, tags: Vec::new() });
        };
        if tags.items().is_empty() {
            let message = "`tags` is empty, and `latest` is never implied";
            reader.report(Diagnostic::error("missing-key", message, &tags.span));
        }
        Self::from_entries(reader, &entries)
    }
}
