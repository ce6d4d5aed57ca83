//! Reads the secrets of a plan: all at once, each once, each from the first
//! source that has it.

use super::error::{SecretError, VaultError};
use super::vault::KeyVault;
use crate::secret::{Redactor, Secret, Source};
use futures::future::join_all;
use std::collections::BTreeMap;

/// A secret that the chosen steps use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Its name in the plan.
    pub name: String,
    /// Where it may be, in order; at least one.
    pub sources: Vec<Source>,
}

/// Reads secrets.
#[derive(Debug)]
pub struct SecretReader<'a> {
    /// The process's environment.
    pub environment: &'a BTreeMap<String, String>,
    /// Where vaults are asked. Nobody is signed in before a vault must be.
    pub vaults: &'a KeyVault,
    /// Learns every value before anyone else.
    pub redactor: &'a Redactor,
}

impl SecretReader<'_> {
    /// Reads all of them, or says what is wrong with each that cannot be had.
    pub async fn read(
        &self,
        wanted: &[Wanted],
    ) -> Result<BTreeMap<String, Secret>, Vec<SecretError>> {
        let read = join_all(wanted.iter().map(|wanted| self.one(wanted))).await;
        let mut secrets = BTreeMap::new();
        let mut errors = Vec::new();
        for (wanted, read) in wanted.iter().zip(read) {
            match read {
                Ok(secret) => drop(secrets.insert(wanted.name.clone(), secret)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(secrets) } else { Err(errors) }
    }

    async fn one(&self, wanted: &Wanted) -> Result<Secret, SecretError> {
        let source = format!("secrets.{}", wanted.name);
        let mut looked = Vec::new();
        for place in &wanted.sources {
            match place {
                Source::Env(variable) => {
                    match self.environment.get(variable).filter(|value| !value.is_empty()) {
                        Some(value) => {
                            return Ok(self.redactor.register(&source, value.clone())?);
                        }
                        None => looked.push(format!("`{variable}` is not set")),
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
                            return Ok(self.redactor.register(&source, value.to_string())?);
                        }
                        None => looked.push(format!(
                            "vault `{}` has no secret `{}`",
                            secret.vault(),
                            secret.name
                        )),
                    }
                }
            }
        }
        Err(SecretError::Missing { name: wanted.name.clone(), looked })
    }
}
