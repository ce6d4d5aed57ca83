//! Reads `tag` and `push`.

use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::literal;
use crate::plan::parse::reader::Reader;
use crate::plan::schema::{Field, Push, Tag, TagTarget};
use crate::plan::tree::{Kind, Node};

impl Reader<'_> {
    /// A reference, a repository with its tags, or a list of either.
    pub(super) fn tag(&mut self, node: &Node) -> Option<Tag> {
        let items = node.items();
        if items.is_empty() {
            let diagnostic = Diagnostic::error("missing-key", "`tag` names no image", &node.span);
            self.report(diagnostic.help("write `tag: registry/repository:v1`"));
            return None;
        }
        let targets: Vec<TagTarget> =
            items.iter().filter_map(|item| self.tag_target(item)).collect();
        (!targets.is_empty()).then(|| Tag { targets, span: node.span.clone() })
    }

    fn tag_target(&mut self, node: &Node) -> Option<TagTarget> {
        if !matches!(node.kind, Kind::Mapping(_)) {
            let image = self.checked("tag", node, literal::tagged)?;
            return Some(TagTarget { image, tags: Vec::new() });
        }
        let keys = self.mapping("`tag`", node, &["image", "tags"])?;
        let Some(tags) = keys.get("tags") else {
            let image = self.required(&keys, "image", literal::tagged)?;
            return Some(TagTarget { image, tags: Vec::new() });
        };
        let image = self.required(&keys, "image", literal::repository);
        if tags.items().is_empty() {
            let message = "`tags` is empty, and `latest` is never implied";
            self.report(Diagnostic::error("missing-key", message, &tags.span));
        }
        let tags = self.strings("tags", tags, literal::tag);
        Some(TagTarget { image: image?, tags })
    }

    /// Nothing, a reference, or a mapping.
    pub(super) fn push(&mut self, node: &Node) -> Option<Push> {
        let no = || Field::default_of("false");
        let mut push = Push { image: None, sbom: no(), provenance: no(), span: node.span.clone() };
        match &node.kind {
            Kind::Null => {}
            Kind::Scalar(_) => push.image = Some(self.checked("push", node, literal::tagged)?),
            Kind::Mapping(_) => {
                let keys = self.mapping("`push`", node, &["image", "sbom", "provenance"])?;
                push.image =
                    keys.get("image").and_then(|node| self.checked("image", node, literal::tagged));
                push.sbom = self.field_or(&keys, "sbom", "false");
                push.provenance = self.field_or(&keys, "provenance", "false");
            }
            Kind::Sequence(_) => {
                self.wrong_type("push", node, "nothing, or one image");
                return None;
            }
        }
        Some(push)
    }
}
