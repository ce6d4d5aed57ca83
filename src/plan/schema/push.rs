//! `push`: sends an image to its registries.

use super::text::{Field, Text};
use crate::plan::describe::{
    Key, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, choice, key, mapping,
    nothing_or, shape_schema,
};
use crate::plan::literal::{HttpsUrl, NotEmpty, Shape, TaggedReference};
use crate::plan::parse::{Entries, Reader};
use crate::plan::tree::{EntryKey, Kind};
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
        /// What signs what is pushed, as cosign does: `{ key, password }`, or `{ keyless }`.
        pub sign: Option<Sign> = key("sign").absent("it is not signed"),
    }
}

// Not in the declaration, where the field before it is called `key`.
const PASSWORD: Key = key("password").is::<NotEmpty>().absent("none");

mapping! {
    /// What signs what is pushed.
    pub struct Sign = "`sign`" {
        flattened pub with: SignWith,
        /// Password of a key of cosign.
        pub password: Option<Text> = PASSWORD,
    }
}

choice! {
    /// What a signature is made with.
    pub enum SignWith {
        /// Private key of ECDSA on P-256 as PEM, from a secret: PKCS#8, or a key of cosign.
        Key(Text) = key("key").is::<NotEmpty>().absent("this or `keyless`"),
        /// A new key for each signature, with a certificate of Fulcio and an entry in Rekor: `{ fulcio, rekor, identity-token }`.
        Keyless(Box<Keyless>) = key("keyless").absent("this or `key`"),
    }
}

mapping! {
    /// What certifies the key of a signature, and what logs the signature.
    pub struct Keyless = "`keyless`" {
        /// URL of the Fulcio that issues the certificate.
        pub fulcio: Text = key("fulcio").is::<HttpsUrl>(),
        /// URL of the Rekor that logs the signature, for all to see.
        pub rekor: Text = key("rekor").is::<HttpsUrl>(),
        /// Token that says who signs, from a secret: one of an issuer that Fulcio accepts, for the audience `sigstore`.
        pub identity_token: Option<Text> = key("identity-token")
            .is::<NotEmpty>()
            .absent("that of the job in GitHub Actions, which needs `permissions: id-token: write`"),
    }
}

impl SignWith {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let (own, keyless) = (entries.key("key"), entries.key("keyless"));
        if let Some(keyless) = keyless {
            for other in [own, entries.key("password")].into_iter().flatten() {
                reader.conflict(other, keyless, "a keyless signature is by a new key each time");
            }
        }
        let chosen = own.or(keyless);
        if chosen.is_none() {
            reader.missing(entries, "key", "or `keyless`");
        }
        chosen
    }
}

impl Sign {
    /// The texts that it is made of.
    pub fn texts(&self) -> Vec<&Text> {
        let with = match &self.with {
            SignWith::Key(key) => vec![key],
            SignWith::Keyless(keyless) => {
                let Keyless { fulcio, rekor, identity_token } = keyless.as_ref();
                [fulcio, rekor].into_iter().chain(identity_token).collect()
            }
        };
        with.into_iter().chain(&self.password).collect()
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
