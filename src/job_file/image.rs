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

/// A member that is set, or removed where it has no value.
pub struct MemberChange {
    /// The names that lead to it.
    pub path: Vec<&'static str>,
    pub value: Option<Value>,
}

impl JobImage {
    /// What changes. Without credentials of the plan, those of the file stay.
    pub fn changes(&self, format: JobFormat) -> Vec<MemberChange> {
        match format {
            JobFormat::BatchAi => self.source_registry(),
            JobFormat::BatchTask => self.task(),
        }
    }

    /// `ImageSourceRegistry` of Batch AI.
    fn source_registry(&self) -> Vec<MemberChange> {
        let set = |name, value| MemberChange {
            path: vec!["properties", "containerSettings", "imageSourceRegistry", name],
            value: Some(value),
        };
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
        let mut changes =
            vec![set("serverUrl", json!(self.server)), set("image", json!(self.image))];
        changes.extend(credentials.map(|credentials| set("credentials", credentials)));
        changes
    }

    /// `TaskContainerSettings` of Azure Batch, with its `ContainerRegistryReference`.
    fn task(&self) -> Vec<MemberChange> {
        let of_registry =
            |name, value| MemberChange { path: vec!["containerSettings", "registry", name], value };
        let image = vec!["containerSettings", "imageName"];
        let mut changes = vec![
            MemberChange { path: image, value: Some(json!(self.image)) },
            of_registry("registryServer", Some(json!(self.server))),
        ];
        match &self.credentials {
            Some(JobCredentials::Password { username, password }) => changes.extend([
                of_registry("username", Some(json!(username))),
                of_registry("password", Some(json!(password.expose()))),
                of_registry("identityReference", None),
            ]),
            Some(JobCredentials::Identity(id)) => changes.extend([
                of_registry("username", None),
                of_registry("password", None),
                of_registry("identityReference", Some(json!({ "resourceId": id }))),
            ]),
            // Azure Batch reads no vault.
            Some(JobCredentials::Reference { .. }) | None => {}
        }
        changes
    }
}
