//! What must hold of an image, its expressions evaluated.

use super::image::{KnownManifests, RequiredImage};
use super::named_signer::NamedSigner;
use super::provenance;
use super::signed::SignedCheck;
use crate::plan::expr::Scope;
use crate::plan::schema::{Require, Signer};
use crate::run::outcome::StepError;
use crate::run::perform::key_files::KeyFiles;
use crate::run::perform::performer::Performer;

/// What must hold of an image.
pub struct Requirement {
    signers: Vec<NamedSigner>,
    provenance: bool,
}

/// What is required, by signers as they are shown; each fits after "requires ".
pub fn in_words(signers: impl IntoIterator<Item = String>, provenance: bool) -> Vec<String> {
    let signers = signers.into_iter().collect::<Vec<_>>().join(" or ");
    let signature = (!signers.is_empty()).then(|| format!("a signature by {signers}"));
    signature.into_iter().chain(provenance.then(|| "a provenance".to_owned())).collect()
}

impl Requirement {
    /// Reads the keys, and the certificates of identities.
    pub fn new(require: &Require, files: &KeyFiles, scope: &Scope) -> Result<Self, StepError> {
        let signer = |signer: &Signer| NamedSigner::read(signer, files, scope);
        let signers = require.signed_by.iter().map(signer).collect::<Result<_, _>>()?;
        Ok(Self { signers, provenance: require.provenance.resolve(scope)? })
    }

    /// What is required, for `plan`.
    pub fn words(&self) -> Vec<String> {
        in_words(self.signers.iter().map(NamedSigner::shown), self.provenance)
    }

    /// Fails unless the image has all that is required. Returns what it has, for the log.
    pub async fn check(
        &self,
        performer: &Performer,
        image: &RequiredImage,
    ) -> Result<Vec<String>, StepError> {
        let clients = &performer.services.clients;
        let registry = &clients.registry;
        let known = KnownManifests::find(registry, image).await?;
        let mut notes = Vec::new();
        if !self.signers.is_empty() {
            let local = clients.signers.local_trust();
            let signed = SignedCheck { registry, signers: &self.signers, local };
            notes.push(signed.check(&known).await?);
        }
        if self.provenance {
            notes.push(provenance::check(registry, &known).await?);
        }
        Ok(notes)
    }
}
