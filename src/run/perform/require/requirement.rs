//! What must hold of an image, its expressions evaluated.

use super::image::{KnownManifests, RequiredImage};
use super::named_key::NamedKey;
use super::{provenance, signed};
use crate::plan::expr::Scope;
use crate::plan::schema::{Require, Text};
use crate::run::outcome::StepError;
use crate::run::perform::key_files::KeyFiles;
use crate::run::perform::performer::Performer;

/// What must hold of an image.
pub struct Requirement {
    keys: Vec<NamedKey>,
    provenance: bool,
}

/// What is required, by keys as they are shown; each fits after "requires ".
pub fn in_words(keys: impl IntoIterator<Item = String>, provenance: bool) -> Vec<String> {
    let keys = keys.into_iter().collect::<Vec<_>>().join(" or ");
    let signature = (!keys.is_empty()).then(|| format!("a signature by {keys}"));
    signature.into_iter().chain(provenance.then(|| "a provenance".to_owned())).collect()
}

impl Requirement {
    /// Reads the keys.
    pub fn new(require: &Require, files: &KeyFiles, scope: &Scope) -> Result<Self, StepError> {
        let key = |text: &Text| NamedKey::read(text, files, scope).map_err(|it| it.at(&text.span));
        let keys = require.signed_by.iter().map(key).collect::<Result<_, _>>()?;
        Ok(Self { keys, provenance: require.provenance.resolve(scope)? })
    }

    /// What is required, for `plan`.
    pub fn words(&self) -> Vec<String> {
        in_words(self.keys.iter().map(NamedKey::shown), self.provenance)
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
