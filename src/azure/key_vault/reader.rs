//! Reads a secret of a plan from the first source that has it.

use super::error::{SecretError, VaultError};
use super::vault::{KeyVault, VaultValue};
use crate::bounded_file;
use crate::secret::{Redactor, Secret, Source};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A file with a secret is smaller; Key Vault takes 25 KB.
const MAX_SECRET_FILE_BYTES: u64 = 1024 * 1024;

/// A secret that the chosen steps need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretRequest {
    /// The name in the plan.
    pub name: String,
    /// Tried in this order; at least one.
    pub sources: Vec<Source>,
    /// Whether it is empty where no source has it.
    pub is_optional: bool,
}

#[derive(Debug)]
pub struct SecretReader<'a> {
    pub environment: &'a BTreeMap<String, String>,
    /// Signs in only when a vault has to be read.
    pub vaults: &'a KeyVault,
    /// Masks every value from the moment that it is read.
    pub redactor: &'a Redactor,
}

/// A secret that was read.
#[derive(Debug)]
pub struct FoundSecret {
    pub secret: Secret,
    /// When its vault stops to vouch for it, if it says so.
    pub expires: Option<Timestamp>,
}

impl From<Secret> for FoundSecret {
    fn from(secret: Secret) -> Self {
        Self { secret, expires: None }
    }
}

impl SecretReader<'_> {
    /// Reads a secret from the first source that has it.
    pub async fn read(&self, wanted: &SecretRequest) -> Result<FoundSecret, SecretError> {
        let path = format!("secrets.{}", wanted.name);
        let mut tried = Vec::new();
        for source in &wanted.sources {
            match source {
                Source::Env(variable) => {
                    match self.environment.get(variable) {
                        // As of a secret that GitHub does not have.
                        Some(value) if value.is_empty() => {
                            tried.push(format!("`{variable}` is empty"));
                        }
                        Some(value) => {
                            return Ok(self.redactor.register(&path, value.clone())?.into());
                        }
                        None => tried.push(format!("`{variable}` is not set")),
                    }
                }
                Source::File(path_of) => match secret_in_file(path_of) {
                    Ok(Some(value)) => return Ok(self.redactor.register(&path, value)?.into()),
                    Ok(None) => {
                        tried.push(format!("`{}` is not there, or is empty", path_of.display()));
                    }
                    Err(source) => {
                        return Err(SecretError::File {
                            name: wanted.name.clone(),
                            path: path_of.clone(),
                            source,
                        });
                    }
                },
                Source::KeyVault(secret) => {
                    let read = self.vaults.read(secret).await;
                    let read = read.map_err(|error: VaultError| SecretError::Vault {
                        name: wanted.name.clone(),
                        source: Box::new(error),
                    })?;
                    match read {
                        Some(VaultValue { value, expires }) => {
                            let secret = self.redactor.register(&path, value.to_string())?;
                            return Ok(FoundSecret { secret, expires });
                        }
                        None => tried.push(format!(
                            "vault `{}` has no secret `{}`",
                            secret.vault(),
                            secret.name
                        )),
                    }
                }
            }
        }
        if wanted.is_optional {
            return Ok(self.redactor.adopt(&path, String::new()).into());
        }
        let variable = match wanted.sources.as_slice() {
            [Source::Env(variable)] => Some(variable.clone()),
            _ => None,
        };
        Err(SecretError::Missing { name: wanted.name.clone(), tried, variable })
    }
}

/// The text of a secret's file without the line break at its end; `None` where the file is not
/// there or is empty.
pub fn secret_in_file(path: &Path) -> io::Result<Option<String>> {
    let text = match bounded_file::read_text(path, MAX_SECRET_FILE_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
