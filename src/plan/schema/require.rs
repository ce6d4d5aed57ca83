//! `require`: what must hold of an image before it is deployed.

use super::text::{Field, Text};
use crate::plan::describe::{key, mapping};
use crate::plan::literal::PublicKeyOrFile;
use crate::signing::PublicKey;

mapping! {
    /// What must hold of an image.
    pub struct Require = "`require`" {
        /// Public keys, one of which must have signed the image: files, or PEM.
        pub signed_by: Vec<Text> = key("signed-by")
            .is::<PublicKeyOrFile>()
            .absent("no signature is needed"),
        /// Whether the image must have a SLSA provenance.
        pub provenance: Field<bool> = key("provenance").default("false"),
    }
}

impl Require {
    /// Whether it certainly demands nothing.
    pub fn is_empty(&self) -> bool {
        self.signed_by.is_empty() && self.provenance.as_literal() == Some(false)
    }

    /// Whether a key may be in a file.
    pub fn reads_files(&self) -> bool {
        !self.signed_by.iter().all(|key| key.as_literal().is_some_and(PublicKey::is_pem))
    }

    /// Whether all of it is known before the first step.
    pub fn is_known_early(&self) -> bool {
        self.signed_by.iter().chain([&self.provenance.text]).all(Text::is_known_early)
    }
}
