//! The desired app, and the request body that asks for it (Microsoft.App, 2025-01-01).

use super::error::AppError;
use super::id::AppId;
use super::traffic::{SINGLE, to_newest};
use crate::azure::registries::{PullLogin, RegistryLogin};
use crate::azure::workload::identity_json;
use crate::azure::{EnvValue, Identities};
use crate::secret::Secret;
use crate::value::MAX_TAGS;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A desired app.
#[derive(Clone, Debug)]
pub struct DesiredApp {
    pub id: AppId,
    /// The resource id of its environment.
    pub environment: String,
    /// The region of its environment.
    pub location: String,
    pub image: String,
    /// Cores; Azure takes steps of a quarter, and twice as many GiB of memory.
    pub cpu: f64,
    /// Replaces the image's entrypoint unless it is empty.
    pub command: Vec<String>,
    /// Replaces the arguments of the image unless it is empty.
    pub arguments: Vec<String>,
    pub env: Vec<(String, EnvValue)>,
    pub vault: Vec<VaultVariable>,
    pub ingress: Option<AppIngress>,
    pub probes: Vec<AppProbe>,
    pub scale: AppScale,
    pub identities: Identities,
    /// The logins that Azure pulls with; none for public registries.
    pub registries: Vec<RegistryLogin>,
    pub tags: BTreeMap<String, String>,
    /// What the name of the new revision ends with.
    pub revision_suffix: String,
    /// A revision that runs it already, which gets the requests instead of a new one.
    pub existing_revision: Option<String>,
    /// The label of the revision that it is, without the requests of the app.
    pub label: Option<String>,
}

/// An environment variable whose value the app reads from Key Vault itself.
#[derive(Clone, Debug)]
pub struct VaultVariable {
    pub name: String,
    /// The URL of the secret, with its version or without.
    pub url: String,
    /// The resource id of the identity that reads it; `None` for the app's own.
    pub identity: Option<String>,
}

/// How requests reach an app.
#[derive(Clone, Debug)]
pub struct AppIngress {
    /// Whether they may come from outside of the environment.
    pub external: bool,
    /// The port on which the program listens.
    pub target_port: u16,
    /// `auto`, `http` or `http2`.
    pub transport: &'static str,
}

/// How many replicas run.
#[derive(Clone, Debug)]
pub struct AppScale {
    pub min: u32,
    pub max: u32,
    /// How many requests at once one replica is given before another one is started.
    pub concurrent_requests: Option<u32>,
}

/// How Azure finds out whether a container is well.
#[derive(Clone, Debug)]
pub struct AppProbe {
    /// `Liveness`, `Readiness` or `Startup`.
    pub kind: &'static str,
    pub request: AppProbeRequest,
    pub initial_delay_secs: u64,
    pub period_secs: u64,
    pub timeout_secs: u64,
    pub failure_threshold: u32,
    pub success_threshold: u32,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum AppProbeRequest {
    Http { path: String, port: u16 },
    Tcp { port: u16 },
}

impl DesiredApp {
    /// Refuses what Azure would refuse, before a request is sent.
    pub fn check(&self) -> Result<(), AppError> {
        let mistake = |mistake: String| AppError::Mistake { app: self.id.name.clone(), mistake };
        if self.tags.len() > MAX_TAGS {
            let count = self.tags.len();
            return Err(mistake(format!("an app has {MAX_TAGS} tags at most, not {count}")));
        }
        if self.scale.min > self.scale.max {
            let AppScale { min, max, .. } = self.scale;
            return Err(mistake(format!("`scale` has {min} replicas at least and {max} at most")));
        }
        Ok(())
    }

    /// The body of the PUT request. It contains secrets and must not be logged.
    pub fn body(&self) -> Value {
        let mut configuration = self.routing(SINGLE, &to_newest());
        configuration["secrets"] = self.secrets().iter().map(AppSecret::json).collect();
        configuration["registries"] = self.registries_json();
        let mut body = json!({
            "location": self.location,
            "tags": self.tags,
            "properties": {
                "environmentId": self.environment,
                "configuration": configuration,
                "template": {
                    "revisionSuffix": self.revision_suffix,
                    "containers": [self.container()],
                    "scale": self.scale.json(),
                },
            },
        });
        if let Some(identity) = self.identity_json() {
            body["identity"] = identity;
        }
        body
    }

    /// The part of the configuration that says how requests reach it, and which revision
    /// gets them.
    pub fn routing(&self, mode: &str, traffic: &Value) -> Value {
        let mut configuration = json!({ "activeRevisionsMode": mode });
        if let Some(ingress) = &self.ingress {
            configuration["ingress"] = json!({
                "external": ingress.external,
                "targetPort": ingress.target_port,
                "transport": ingress.transport,
                "allowInsecure": false,
                "traffic": traffic,
            });
        }
        configuration
    }

    pub fn registries_json(&self) -> Value {
        self.registries.iter().map(registry_json).collect()
    }

    pub fn identity_json(&self) -> Option<Value> {
        let mut identity = identity_json(&self.identities, &self.registries)?;
        if identity["type"] == "SystemAssigned, UserAssigned" {
            identity["type"] = "SystemAssigned,UserAssigned".into();
        }
        Some(identity)
    }

    /// The revision that runs it, or is going to.
    pub fn revision_name(&self) -> String {
        let new = || format!("{}--{}", self.id.name, self.revision_suffix);
        self.existing_revision.clone().unwrap_or_else(new)
    }

    fn container(&self) -> Value {
        let env = self.env.iter().map(|(name, value)| match value {
            EnvValue::Plain(value) => json!({ "name": name, "value": value }),
            EnvValue::Secret(_) => json!({ "name": name, "secretRef": self.own_secret(name) }),
        });
        let vault = self.vault.iter().map(
            |VaultVariable { name, .. }| json!({ "name": name, "secretRef": self.own_secret(name) }),
        );
        let mut container = json!({
            "name": self.id.name,
            "image": self.image,
            "env": env.chain(vault).collect::<Vec<_>>(),
            "resources": { "cpu": self.cpu, "memory": memory(self.cpu) },
        });
        if !self.command.is_empty() {
            container["command"] = json!(self.command);
        }
        if !self.arguments.is_empty() {
            container["args"] = json!(self.arguments);
        }
        if !self.probes.is_empty() {
            container["probes"] = self.probes.iter().map(AppProbe::json).collect();
        }
        container
    }

    /// The name of the secret that holds the value of a variable.
    pub fn secret_name(variable: &str) -> String {
        secret_name(variable)
    }

    /// The name of its secret for a variable: an app has the secrets of all labels.
    fn own_secret(&self, variable: &str) -> String {
        let name = secret_name(variable);
        match &self.label {
            Some(label) => format!("{name}{}", secret_suffix(label)),
            None => name,
        }
    }

    /// The name of the secret that holds the password of a registry.
    pub fn registry_secret(server: &str) -> String {
        registry_secret(server)
    }

    /// The secrets whose values it has, by their names.
    pub fn known_secrets(&self) -> BTreeMap<String, Secret> {
        let all = self.secrets().into_iter().filter_map(|secret| match secret.content {
            SecretContent::Value(value) => Some((secret.name, value.clone())),
            SecretContent::Vault(_) => None,
        });
        all.collect()
    }

    /// What the app keeps as secrets.
    pub fn secrets(&self) -> Vec<AppSecret<'_>> {
        let variables = self.env.iter().filter_map(|(name, value)| {
            let value = value.secret()?;
            Some(AppSecret { name: self.own_secret(name), content: SecretContent::Value(value) })
        });
        let vault = self.vault.iter().map(|variable| AppSecret {
            name: self.own_secret(&variable.name),
            content: SecretContent::Vault(variable),
        });
        let registries = self.registries.iter().filter_map(|registry| {
            let password = registry.login.password()?;
            let name = registry_secret(&registry.server);
            Some(AppSecret { name, content: SecretContent::Value(password) })
        });
        variables.chain(vault).chain(registries).collect()
    }
}

/// A secret of an app.
#[derive(Debug)]
pub struct AppSecret<'a> {
    pub name: String,
    pub content: SecretContent<'a>,
}

#[derive(Debug)]
pub enum SecretContent<'a> {
    Value(&'a Secret),
    Vault(&'a VaultVariable),
}

impl AppSecret<'_> {
    pub fn json(&self) -> Value {
        match &self.content {
            SecretContent::Value(value) => json!({ "name": self.name, "value": value.expose() }),
            SecretContent::Vault(VaultVariable { url, identity, .. }) => json!({
                "name": self.name,
                "keyVaultUrl": url,
                "identity": identity.as_deref().unwrap_or("system"),
            }),
        }
    }
}

/// What the names of the secrets of a labelled revision end with.
pub fn secret_suffix(label: &str) -> String {
    format!("-{label}")
}

/// The name of the secret that holds the value of a variable: lower-case letters, digits and
/// `-`, as Azure demands.
pub fn secret_name(variable: &str) -> String {
    let lower = variable.to_ascii_lowercase();
    let name = lower.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    match name.trim_matches('-') {
        "" => "variable".to_owned(),
        name => name.to_owned(),
    }
}

fn registry_secret(server: &str) -> String {
    format!("registry-{}", secret_name(server))
}

/// Azure gives a container 2 GiB for each of its cores, and takes nothing else.
pub fn memory(cpu: f64) -> String {
    format!("{}Gi", cpu * 2.0)
}

fn registry_json(registry: &RegistryLogin) -> Value {
    match &registry.login {
        PullLogin::Identity(id) => json!({ "server": registry.server, "identity": id }),
        PullLogin::User { username, .. } => json!({
            "server": registry.server,
            "username": username,
            "passwordSecretRef": registry_secret(&registry.server),
        }),
    }
}

impl AppScale {
    fn json(&self) -> Value {
        let mut scale = json!({ "minReplicas": self.min, "maxReplicas": self.max });
        if let Some(count) = self.concurrent_requests {
            scale["rules"] = json!([{
                "name": "http",
                "http": { "metadata": { "concurrentRequests": count.to_string() } },
            }]);
        }
        scale
    }
}

impl AppProbe {
    fn json(&self) -> Value {
        let mut probe = Map::new();
        probe.insert("type".to_owned(), self.kind.into());
        let (name, request) = match &self.request {
            AppProbeRequest::Http { path, port } => {
                ("httpGet", json!({ "path": path, "port": port, "scheme": "HTTP" }))
            }
            AppProbeRequest::Tcp { port } => ("tcpSocket", json!({ "port": port })),
        };
        probe.insert(name.to_owned(), request);
        for (name, number) in [
            ("initialDelaySeconds", self.initial_delay_secs),
            ("periodSeconds", self.period_secs),
            ("timeoutSeconds", self.timeout_secs),
            ("failureThreshold", self.failure_threshold.into()),
            ("successThreshold", self.success_threshold.into()),
        ] {
            // Azure refuses an initial delay of nothing.
            if number > 0 {
                probe.insert(name.to_owned(), number.into());
            }
        }
        probe.into()
    }
}

#[cfg(test)]
mod tests {
    use super::{memory, secret_name};

    #[test]
    fn secrets_are_named_after_their_variables() {
        assert_eq!(secret_name("DATABASE_URL"), "database-url");
        assert_eq!(secret_name("_x."), "x");
        assert_eq!(secret_name("__"), "variable");
    }

    #[test]
    fn memory_is_twice_the_cores() {
        let all: Vec<String> = [0.25, 0.5, 1.0, 1.75].map(memory).to_vec();
        assert_eq!(all, ["0.5Gi", "1Gi", "2Gi", "3.5Gi"]);
    }
}
