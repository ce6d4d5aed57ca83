//! What is written into a job file.

use crate::secret::Secret;
use serde_json::{Value, json};

/// The service that a job file is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JobFormat {
    /// The parameters of a job of Batch AI (Microsoft.BatchAI, 2018-05-01).
    BatchAi,
    /// A task of Azure Batch (data plane, 2025-06-01).
    BatchTask,
}

impl JobFormat {
    /// The service, as it is called.
    pub fn service(self) -> &'static str {
        match self {
            Self::BatchAi => "Batch AI",
            Self::BatchTask => "Azure Batch",
        }
    }
}

/// The image that a job runs, and how the service pulls it.
#[derive(Clone, Debug)]
pub struct JobImage {
    /// The login server of the registry.
    pub server: String,
    /// With the server before it.
    pub image: String,
    pub credentials: Option<JobCredentials>,
}

#[derive(Clone, Debug)]
pub enum JobCredentials {
    Password {
        username: String,
        password: Secret,
    },
    /// A secret that the service reads from Key Vault itself.
    Reference {
        username: String,
        vault_id: String,
        secret_url: String,
    },
    /// The resource id of a user-assigned identity, which the pool has.
    Identity(String),
}

impl JobImage {
    /// The members to set, each by the names that lead to it.
    pub fn members(&self, format: JobFormat) -> Vec<(Vec<&'static str>, Value)> {
        match format {
            JobFormat::BatchAi => {
                let path = vec!["properties", "containerSettings", "imageSourceRegistry"];
                vec![(path, self.source_registry())]
            }
            JobFormat::BatchTask => vec![
                (vec!["containerSettings", "imageName"], json!(self.image)),
                (vec!["containerSettings", "registry"], self.task_registry()),
            ],
        }
    }

    /// `ImageSourceRegistry` of Batch AI.
    fn source_registry(&self) -> Value {
        let mut registry = json!({ "serverUrl": self.server, "image": self.image });
        let credentials = self.credentials.as_ref().and_then(|credentials| match credentials {
            JobCredentials::Password { username, password } => {
                Some(json!({ "username": username, "password": password.expose() }))
            }
            JobCredentials::Reference { username, vault_id, secret_url } => Some(json!({
                "username": username,
                "passwordSecretReference": {
                    "sourceVault": { "id": vault_id }, "secretUrl": secret_url,
                },
            })),
            // Batch AI knows no identities.
            JobCredentials::Identity(_) => None,
        });
        if let Some(credentials) = credentials {
            registry["credentials"] = credentials;
        }
        registry
    }

    /// `ContainerRegistryReference` of Azure Batch.
    fn task_registry(&self) -> Value {
        let mut registry = json!({ "registryServer": self.server });
        match &self.credentials {
            Some(JobCredentials::Password { username, password }) => {
                registry["username"] = json!(username);
                registry["password"] = json!(password.expose());
            }
            Some(JobCredentials::Identity(id)) => {
                registry["identityReference"] = json!({ "resourceId": id });
            }
            // Azure Batch reads no vault.
            Some(JobCredentials::Reference { .. }) | None => {}
        }
        registry
    }
}
