//! Reads a secret of a plan from the first source that has it.

use super::error::{SecretError, VaultError};
use super::vault::KeyVault;
use crate::secret::{Redactor, Secret, Source};
use std::collections::BTreeMap;

/// A secret that the chosen steps need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretRequest {
    /// The name in the plan.
    pub name: String,
    /// Tried in this order; at least one.
    pub sources: Vec<Source>,
}

#[derive(Debug)]
pub struct SecretReader<'a> {
    pub environment: &'a BTreeMap<String, String>,
    /// Signs in only when a vault has to be read.
    pub vaults: &'a KeyVault,
    /// Masks every value from the moment that it is read.
    pub redactor: &'a Redactor,
}

impl SecretReader<'_> {
    /// Reads a secret from the first source that has it.
    pub async fn read(&self, wanted: &SecretRequest) -> Result<Secret, SecretError> {
        let path = format!("secrets.{}", wanted.name);
        let mut tried = Vec::new();
        for source in &wanted.sources {
            match source {
                Source::Env(variable) => {
                    match self.environment.get(variable).filter(|value| !value.is_empty()) {
                        Some(value) => {
                            return Ok(self.redactor.register(&path, value.clone())?);
                        }
                        None => tried.push(format!("`{variable}` is not set")),
                    }
                }
                Source::KeyVault(secret) => {
                    let read = self.vaults.read(secret).await;
                    let read = read.map_err(|error: VaultError| SecretError::Vault {
                        name: wanted.name.clone(),
                        source: Box::new(error),
                    })?;
                    match read {
                        Some(value) => {
                            return Ok(self.redactor.register(&path, value.to_string())?);
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
        Err(SecretError::Missing { name: wanted.name.clone(), tried })
    }
}
