//! What must hold of an image, its expressions evaluated.

use super::image::{KnownManifests, RequiredImage};
use super::named_key::{NamedKey, names};
use super::{provenance, signed};
use crate::plan::expr::Scope;
use crate::plan::schema::{Require, Text};
use crate::run::outcome::StepError;
use crate::run::perform::performer::Performer;
use std::path::Path;

/// What must hold of an image.
pub struct Requirement {
    keys: Vec<NamedKey>,
    provenance: bool,
}

/// What is required, by the names of the keys; each fits after "requires ".
pub fn in_words<S: AsRef<str>>(keys: impl IntoIterator<Item = S>, provenance: bool) -> Vec<String> {
    let keys = names(keys);
    let signature = (!keys.is_empty()).then(|| format!("a signature by {keys}"));
    signature.into_iter().chain(provenance.then(|| "a provenance".to_owned())).collect()
}

impl Requirement {
    /// Reads the keys. Files are relative to `folder`.
    pub fn new(require: &Require, folder: &Path, scope: &Scope) -> Result<Self, StepError> {
        let key = |text: &Text| NamedKey::read(text, folder, scope).map_err(|it| it.at(&text.span));
        let keys = require.signed_by.iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { keys, provenance: require.provenance.resolve(scope)? })
    }

    /// What is required, for `plan`.
    pub fn words(&self) -> Vec<String> {
        in_words(self.keys.iter().map(|key| key.name.as_str()), self.provenance)
    }

    /// Fails unless the image has all that is required. Returns what it has, for the log.
    pub async fn check(
        &self,
        performer: &Performer,
        image: &RequiredImage,
    ) -> Result<Vec<String>, StepError> {
        let registry = &performer.services.clients.registry;
        let known = KnownManifests::find(registry, image).await?;
        let mut notes = Vec::new();
        if !self.keys.is_empty() {
            notes.push(signed::check(registry, &known, &self.keys).await?);
        }
        if self.provenance {
            notes.push(provenance::check(registry, &known).await?);
        }
        Ok(notes)
    }
}
