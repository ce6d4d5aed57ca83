//! `require`: what must hold of an image before it is deployed.

use super::text::{Field, Text};
use crate::plan::describe::{
    Key, PlanKeys as _, PlanMapping as _, PlanValue, Slot, Visit, any_of, choice, key, mapping,
    shape_schema,
};
use crate::plan::literal::{HttpsUrl, NotEmpty, Pattern, PublicKeyOrFile, Shape};
use crate::plan::parse::{Entries, Reader};
use crate::plan::tree::{EntryKey, Kind};
use crate::signing::PublicKey;
use serde_json::Value;

mapping! {
    /// What must hold of an image.
    pub struct Require = "`require`" {
        /// Public keys, one of which must have signed the image: files, or PEM. Or identities of keyless signatures: `{ identity, issuer, roots, log-key }`.
        pub signed_by: Vec<Signer> = key("signed-by")
            .is::<PublicKeyOrFile>()
            .absent("no signature is needed"),
        /// Whether the image must have a SLSA provenance.
        pub provenance: Field<bool> = key("provenance").default("false"),
    }
}

/// One whose signature counts.
#[derive(Clone, Debug)]
pub enum Signer {
    /// A public key in PEM, or a file with one.
    Key(Text),
    Identity(Box<SignerIdentity>),
}

mapping! {
    /// An identity whose keyless signature counts.
    pub struct SignerIdentity = "`signed-by`" {
        flattened pub name: IdentityName,
        /// Who issued the token of the identity, as its certificate says.
        pub issuer: Text = key("issuer").is::<HttpsUrl>(),
        /// File with the certificates of Fulcio in PEM: its root, and what is between.
        pub roots: Text = key("roots").is::<NotEmpty>(),
        /// Public key of Rekor: a file, or PEM.
        pub log_key: Text = key("log-key").is::<PublicKeyOrFile>(),
    }
}

choice! {
    /// Whose certificate it is.
    pub enum IdentityName {
        /// URI or address of mail in the certificate: of a job in GitHub Actions the URL of its workflow, `https://github.com/OWNER/NAME/.github/workflows/FILE@REF`.
        Exactly(Text) = key("identity").is::<NotEmpty>().absent("this or `identity-matches`"),
        /// Regular expression that the whole identity matches.
        Matching(Text) = key("identity-matches").is::<Pattern>().absent("this or `identity`"),
    }
}

impl IdentityName {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let (exact, pattern) = (entries.key("identity"), entries.key("identity-matches"));
        if let (Some(exact), Some(pattern)) = (exact, pattern) {
            reader.conflict(pattern, exact, "name a second identity in a list: `signed-by: […]`");
        }
        let chosen = exact.or(pattern);
        if chosen.is_none() {
            reader.missing(entries, "identity", "or `identity-matches`");
        }
        chosen
    }

    pub fn text(&self) -> &Text {
        match self {
            Self::Exactly(text) | Self::Matching(text) => text,
        }
    }
}

const KEY: Shape = Shape::of::<PublicKeyOrFile>();

impl PlanValue for Signer {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        if matches!(slot.node.kind, Kind::Mapping(_)) {
            return SignerIdentity::read(reader, slot).map(|it| Self::Identity(Box::new(it)));
        }
        reader.checked(slot.name, slot.node, &KEY).map(Self::Key)
    }

    fn visit<'p>(&'p self, key: &'static Key, visit: &mut Visit<'_, 'p>) {
        match self {
            Self::Key(text) => text.visit(key, visit),
            Self::Identity(identity) => identity.visit_keys(visit),
        }
    }

    fn schema(_: &'static Key) -> Value {
        any_of([shape_schema(&KEY), SignerIdentity::object().to_schema()])
    }
}

impl Signer {
    /// The texts that it is made of.
    pub fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Key(text) => vec![text],
            Self::Identity(identity) => {
                let SignerIdentity { name, issuer, roots, log_key } = identity.as_ref();
                vec![name.text(), issuer, roots, log_key]
            }
        }
    }

    /// What names a public key, by itself or in a file.
    pub fn public_key(&self) -> &Text {
        match self {
            Self::Key(text) => text,
            Self::Identity(identity) => &identity.log_key,
        }
    }

    /// What the plan calls it by.
    pub fn name(&self) -> &Text {
        match self {
            Self::Key(text) => text,
            Self::Identity(identity) => identity.name.text(),
        }
    }
}

impl Require {
    /// Whether it certainly demands nothing.
    pub fn is_empty(&self) -> bool {
        self.signed_by.is_empty() && self.provenance.as_literal() == Some(false)
    }

    /// Whether a key may be in a file.
    pub fn reads_files(&self) -> bool {
        !self.signed_by.iter().all(|signer| match signer {
            Signer::Key(key) => key.as_literal().is_some_and(PublicKey::is_pem),
            Signer::Identity(_) => false,
        })
    }

    /// Whether all of it is known before the first step.
    pub fn is_known_early(&self) -> bool {
        let signers = self.signed_by.iter().flat_map(Signer::texts);
        signers.chain([&self.provenance.text]).all(Text::is_known_early)
    }
}
