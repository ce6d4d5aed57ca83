//! Azure's container registries as Resource Manager sees them
//! (Microsoft.ContainerRegistry, 2023-07-01).

use super::{Arm, ArmError, Call, Verb};
use crate::http::{Retry, Retryable};
use crate::secret::{Redactor, Secret};
use serde::Deserialize;
use serde_json::json;

const API: &str = "2023-07-01";

/// A registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AzureRegistry {
    /// Its resource id.
    pub id: String,
    /// Its host, as the service says it: it may carry a hash after the name.
    pub login_server: String,
    /// Whether its admin user may sign in.
    pub admin_user: bool,
    /// Whether anybody may pull.
    pub anonymous_pull: bool,
}

/// The admin user of a registry.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// A question about a registry that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Resource Manager said no.
    #[error("{doing}")]
    Arm {
        /// What was being done.
        doing: String,
        /// Why not.
        source: Box<ArmError>,
    },
    /// The admin user is there, and has no password.
    #[error("read the admin user's password of `{0}`: it has none")]
    NoPassword(String),
}

impl Retryable for RegistryError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::NoPassword(_) => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Arm { source, .. } => source.help(),
            Self::NoPassword(_) => Some("renew it: `az acr credential renew`".to_owned()),
        }
    }
}

/// The registries of a subscription. A cheap handle.
#[derive(Clone, Debug)]
pub struct AzureRegistries {
    arm: Arm,
    redactor: Redactor,
}

#[derive(Deserialize)]
struct Found {
    id: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    login_server: String,
    admin_user_enabled: bool,
    anonymous_pull_enabled: bool,
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    #[serde(default)]
    passwords: Vec<Password>,
}

#[derive(Deserialize)]
struct Password {
    #[serde(default)]
    value: String,
}

impl From<Found> for AzureRegistry {
    fn from(found: Found) -> Self {
        Self {
            id: found.id,
            login_server: found.properties.login_server,
            admin_user: found.properties.admin_user_enabled,
            anonymous_pull: found.properties.anonymous_pull_enabled,
        }
    }
}

impl AzureRegistries {
    /// Those that `arm` reaches.
    pub fn new(arm: Arm, redactor: Redactor) -> Self {
        Self { arm, redactor }
    }

    /// The one with this login server, in whatever group of the subscription.
    pub async fn find(
        &self,
        subscription: &str,
        login_server: &str,
    ) -> Result<Option<AzureRegistry>, RegistryError> {
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/registries"
        );
        let doing = || format!("look for the registry `{login_server}`");
        let all: Vec<Found> =
            self.arm.list(&path, API).await.map_err(|source| failed(doing(), source))?;
        let all = all.into_iter().map(AzureRegistry::from);
        Ok(all.into_iter().find(|one| one.login_server.eq_ignore_ascii_case(login_server)))
    }

    /// The admin user's name and first password.
    pub async fn admin(&self, registry: &AzureRegistry) -> Result<Admin, RegistryError> {
        let path = format!("{}/listCredentials", registry.id);
        let call = Call { verb: Verb::Post, path: &path, api_version: API, body: None };
        let server = &registry.login_server;
        let doing = || format!("read the admin user of `{server}`");
        let answer = self.arm.call(&call).await.map_err(|source| failed(doing(), source))?;
        let read = serde_json::from_value::<Credentials>(answer.body).map_err(|error| {
            failed(doing(), ArmError::Unreadable { path: path.clone(), reason: error.to_string() })
        })?;
        let password = read.passwords.into_iter().map(|password| password.value);
        let password = password
            .into_iter()
            .find(|value| !value.is_empty())
            .ok_or_else(|| RegistryError::NoPassword(server.clone()))?;
        let source = format!("the admin user of {server}");
        Ok(Admin { username: read.username, password: self.redactor.adopt(&source, password) })
    }

    /// Makes a registry where there is none of that name, and waits for it.
    pub async fn create(&self, new: &NewRegistry) -> Result<AzureRegistry, RegistryError> {
        let NewRegistry { subscription, resource_group, name, location, sku, admin_user } = new;
        let path = format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerRegistry/registries/{name}"
        );
        let body = json!({
            "location": location,
            "sku": { "name": sku },
            "properties": { "adminUserEnabled": admin_user },
        });
        let call = Call { verb: Verb::Put, path: &path, api_version: API, body: Some(&body) };
        let doing = || format!("create the registry `{name}`");
        let answer = self.arm.call(&call).await.map_err(|source| failed(doing(), source))?;
        self.arm.finish(&answer, |_| ()).await.map_err(|source| failed(doing(), source))?;
        let made: Found =
            self.arm.get(&path, API).await.map_err(|source| failed(doing(), source))?;
        Ok(made.into())
    }
}

/// A registry to be made.
#[derive(Clone, Debug)]
pub struct NewRegistry {
    /// In which subscription.
    pub subscription: String,
    /// In which group.
    pub resource_group: String,
    /// Its name; the world has no second one of it.
    pub name: String,
    /// Where.
    pub location: String,
    /// `Basic`, `Standard` or `Premium`.
    pub sku: String,
    /// Whether it has an admin user.
    pub admin_user: bool,
}

fn failed(doing: String, source: ArmError) -> RegistryError {
    RegistryError::Arm { doing, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::{AzureRegistries, NewRegistry};
    use crate::azure::fake::{Fake, Reply};
    use crate::http::Retryable as _;
    use crate::secret::Redactor;

    const LIST: &str =
        "GET management.azure.com/subscriptions/s/providers/Microsoft.ContainerRegistry/registries";
    const ONE: &str = "management.azure.com/subscriptions/s/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/demo";
    const FOUND: &str = r#"{"id":"/subscriptions/s/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/demo","properties":{"loginServer":"demo.azurecr.io","adminUserEnabled":true}}"#;

    #[tokio::test]
    async fn a_registry_is_found_by_its_login_server() {
        let list = format!(r#"{{"value":[{FOUND}]}}"#);
        let list = vec![Reply::new(200, &list), Reply::new(200, &list)];
        let credentials =
            r#"{"username":"demo","passwords":[{"name":"password","value":"hunter22"}]}"#;
        let post = format!("POST {ONE}/listCredentials");
        let fake =
            Fake::script(vec![(LIST, list), (post.as_str(), vec![Reply::new(200, credentials)])])
                .await;
        let redactor = Redactor::default();
        let registries = AzureRegistries::new(fake.arm(), redactor.clone());

        assert_eq!(registries.find("s", "other.azurecr.io").await.expect("an answer"), None);
        let found = registries.find("s", "Demo.azurecr.io").await.expect("an answer");
        let found = found.expect("it is there");
        assert!(found.admin_user && !found.anonymous_pull);
        let admin = registries.admin(&found).await.expect("an admin user");
        assert_eq!((admin.username.as_str(), admin.password.expose()), ("demo", "hunter22"));
        assert_eq!(redactor.redact("hunter22"), "***");
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_said() {
        let taken = r#"{"status":"Failed","error":{"code":"AlreadyInUse","message":"The registry demo is already in use."}}"#;
        let put = format!("PUT {ONE}");
        let fake = Fake::script(vec![(put.as_str(), vec![Reply::new(409, taken)])]).await;
        let registries = AzureRegistries::new(fake.arm(), Redactor::default());
        let new = NewRegistry {
            subscription: "s".into(),
            resource_group: "r".into(),
            name: "demo".into(),
            location: "westeurope".into(),
            sku: "Basic".into(),
            admin_user: false,
        };

        let refused = registries.create(&new).await.expect_err("taken");
        assert_eq!(refused.to_string(), "create the registry `demo`");
        assert_eq!(refused.retry(), crate::http::Retry::Never);
    }
}
