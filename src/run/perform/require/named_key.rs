//! The keys that `signed-by` names.

use crate::plan::expr::Scope;
use crate::plan::schema::Text;
use crate::run::outcome::StepError;
use crate::run::perform::key_files::KeyFiles;
use crate::run::perform::names::name;
use crate::signing::PublicKey;

/// A key that verifies signatures.
pub struct NamedKey {
    /// As messages call it: the file, or the start of its SHA-256.
    pub name: String,
    pub key: PublicKey,
    is_file: bool,
}

impl NamedKey {
    /// Reads the key, or the file that the text names.
    pub fn read(text: &Text, files: &KeyFiles, scope: &Scope) -> Result<Self, StepError> {
        Self::read_as("signed-by", text, files, scope)
    }

    /// The same of a key that stands as `role`.
    pub fn read_as(
        role: &str,
        text: &Text,
        files: &KeyFiles,
        scope: &Scope,
    ) -> Result<Self, StepError> {
        let given = name(text, "public key", scope)?;
        let (file, pem) = if PublicKey::is_pem(&given) {
            (None, given)
        } else {
            let read = files.read(&given).map_err(|why| {
                StepError::new(format!("cannot read the public key `{given}`")).because(why).help(
                    format!(
                        "name a file as `{role}`, relative to the plan's folder, or write the key \
                         itself"
                    ),
                )
            });
            (Some(given.clone()), read?)
        };
        let key = PublicKey::parse(&pem).map_err(|error| {
            let name = file.as_deref().unwrap_or(role);
            StepError::new(format!("`{name}` does not verify signatures"))
                .because(error.to_string())
                .help(error.help())
        })?;
        Ok(Self {
            is_file: file.is_some(),
            name: file.unwrap_or_else(|| format!("key {}", key.fingerprint())),
            key,
        })
    }
}

impl NamedKey {
    /// Its name, with the start of its SHA-256: the file may have another key tomorrow.
    pub fn shown(&self) -> String {
        let name = &self.name;
        if self.is_file {
            format!("`{name}` (key {})", self.key.fingerprint())
        } else {
            format!("`{name}`")
        }
    }
}

/// The names of keys in a sentence. Empty for none.
pub fn names<S: AsRef<str>>(keys: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = keys.into_iter().map(|key| format!("`{}`", key.as_ref())).collect();
    names.join(" or ")
}
