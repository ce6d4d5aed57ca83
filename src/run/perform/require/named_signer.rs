//! Those whose signatures count, as `signed-by` names them.

use super::named_identity::NamedIdentity;
use super::named_key::NamedKey;
use crate::plan::expr::Scope;
use crate::plan::schema::Signer;
use crate::run::outcome::StepError;
use crate::run::perform::key_files::KeyFiles;

/// One whose signature counts.
pub enum NamedSigner {
    Key(NamedKey),
    Identity(Box<NamedIdentity>),
}

impl NamedSigner {
    /// Reads the files that it is verified by.
    pub fn read(signer: &Signer, files: &KeyFiles, scope: &Scope) -> Result<Self, StepError> {
        match signer {
            Signer::Key(text) => NamedKey::read(text, files, scope)
                .map(Self::Key)
                .map_err(|error| error.at(&text.span)),
            Signer::Identity(identity) => NamedIdentity::read(identity, files, scope)
                .map(|identity| Self::Identity(Box::new(identity))),
        }
    }

    /// As messages call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Key(key) => &key.name,
            Self::Identity(identity) => &identity.name,
        }
    }

    /// Its name, with what tells it from another that is called so: its files may have other
    /// content tomorrow.
    pub fn shown(&self) -> String {
        match self {
            Self::Key(key) => key.shown(),
            Self::Identity(identity) => identity.shown(),
        }
    }
}
