//! `push`: sends an image to its registries.

use super::text::{Field, Text};
use crate::plan::describe::{
    Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, key, mapping, nothing_or,
    shape_schema,
};
use crate::plan::literal::{NotEmpty, Shape, TaggedReference};
use crate::plan::parse::Reader;
use crate::plan::tree::Kind;
use serde_json::Value;

const IMAGE: Key =
    key("image").is::<TaggedReference>().names_image().absent("what the service built");

mapping! {
    by hand
    /// What is pushed, and what is attached to it.
    pub struct Push = "`push`" {
        /// Another image than what the service built.
        pub image: Option<Text> = IMAGE,
        /// Whether an SPDX 2.3 document of each image is attached to it.
        pub sbom: Field<bool> = key("sbom").default("false"),
        /// Whether a SLSA provenance is attached, which says where the image came from.
        pub provenance: Field<bool> = key("provenance").default("false"),
        /// The key that signs what is pushed, as cosign does: `{ key, password }`.
        pub sign: Option<Sign> = key("sign").absent("it is not signed"),
    }
}

// Not in the declaration, where the field before it is called `key`.
const PASSWORD: Key = key("password").is::<NotEmpty>().absent("none");

mapping! {
    /// The key that signs what is pushed.
    pub struct Sign = "`sign`" {
        /// Private key of ECDSA on P-256 as PEM, from a secret: PKCS#8, or a key of cosign.
        pub key: Text = key("key").is::<NotEmpty>(),
        /// Password of a key of cosign.
        pub password: Option<Text> = PASSWORD,
    }
}

impl PlanValue for Push {
    /// Nothing, a reference, or a mapping.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let no = || Field::default_of("false");
        let mut push = Self { image: None, sbom: no(), provenance: no(), sign: None };
        match &slot.node.kind {
            Kind::Null => {}
            Kind::Scalar(_) => {
                push.image = Some(reader.checked(slot.name, slot.node, &IMAGE.shape)?);
            }
            Kind::Mapping(_) => {
                let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
                push = Self::from_entries(reader, &entries)?;
            }
            Kind::Sequence(_) => {
                reader.wrong_type(slot.name, slot.node, "nothing, or one image");
                return None;
            }
        }
        Some(push)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        let reference = shape_schema(&Shape::of::<TaggedReference>());
        nothing_or(any_of([reference, Self::object().to_schema()]))
    }
}
