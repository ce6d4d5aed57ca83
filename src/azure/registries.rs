//! Azure's container registries as Resource Manager sees them
//! (Microsoft.ContainerRegistry, 2025-11-01).

use super::{Arm, ArmError, ArmRequest, Verb};
use crate::http::{Retry, Retryable};
use crate::secret::{Redactor, Secret};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The first version that tells of anonymous pulls and is no preview.
const API_VERSION: &str = "2025-11-01";

/// A registry as Resource Manager describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AzureRegistry {
    pub id: String,
    /// The host. Azure may append a hash to the registry's name.
    pub login_server: String,
    /// Whether the admin user is enabled.
    pub admin_user: bool,
    /// Whether images can be pulled without a login.
    pub anonymous_pull: bool,
    /// Whether roles are given for repositories (`AbacRepositoryPermissions`).
    pub per_repository_roles: bool,
    state: ProvisioningState,
}

/// How far Azure is with what was asked of it last.
#[derive(Clone, Debug, Eq, PartialEq)]
enum ProvisioningState {
    Ready,
    InProgress,
    /// `Failed` or `Canceled`.
    Ended(String),
}

impl ProvisioningState {
    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "" | "succeeded" => Self::Ready,
            "failed" | "canceled" => Self::Ended(word.to_owned()),
            _ => Self::InProgress,
        }
    }
}

/// The admin user of a registry.
#[derive(Clone, Debug)]
pub struct Admin {
    pub username: String,
    pub password: Secret,
}

/// Why a registry could not be read or created.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot {doing}")]
    Arm {
        /// What was attempted, in words that fit after "cannot".
        doing: String,
        source: Box<ArmError>,
    },
    /// The admin user is enabled but has no password.
    #[error("the admin user of `{0}` has no password")]
    NoPassword(String),
    /// Azure gave up creating or changing it.
    #[error("the registry `{name}` is not ready: its state is `{state}`")]
    NotReady { name: String, state: String },
}

impl Retryable for RegistryError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::NoPassword(_) | Self::NotReady { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Arm { source, .. } => source.help(),
            Self::NoPassword(_) => Some("renew it: `az acr credential renew`".to_owned()),
            Self::NotReady { name, .. } => Some(format!(
                "`az acr show -n {name}` shows it; delete it to have it created again"
            )),
        }
    }
}

/// The client for registries. Cheap to clone. Clones share what they have read, so that the
/// preflight and the deploy use the same answer.
#[derive(Clone, Debug)]
pub struct AzureRegistries {
    arm: Arm,
    redactor: Redactor,
    cache: Arc<Mutex<Cache>>,
}

/// What was read of registries. Absence is not cached, since a run may create one.
#[derive(Debug, Default)]
struct Cache {
    /// By subscription and login server, in lower case.
    registries: BTreeMap<(String, String), AzureRegistry>,
    /// By the id of the registry.
    admins: BTreeMap<String, Admin>,
}

#[derive(Deserialize)]
struct RegistryDocument {
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
    role_assignment_mode: String,
    provisioning_state: String,
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

impl From<RegistryDocument> for AzureRegistry {
    fn from(found: RegistryDocument) -> Self {
        Self {
            id: found.id,
            login_server: found.properties.login_server,
            admin_user: found.properties.admin_user_enabled,
            anonymous_pull: found.properties.anonymous_pull_enabled,
            per_repository_roles: found
                .properties
                .role_assignment_mode
                .eq_ignore_ascii_case("AbacRepositoryPermissions"),
            state: ProvisioningState::of(&found.properties.provisioning_state),
        }
    }
}

impl AzureRegistries {
    pub fn new(arm: Arm, redactor: Redactor) -> Self {
        Self { arm, redactor, cache: Arc::default() }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a registry by its login server, in any resource group.
    pub async fn find(
        &self,
        subscription: &str,
        login_server: &str,
    ) -> Result<Option<AzureRegistry>, RegistryError> {
        let key = (subscription.to_ascii_lowercase(), login_server.to_ascii_lowercase());
        if let Some(known) = self.cache().registries.get(&key) {
            return Ok(Some(known.clone()));
        }
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/registries"
        );
        let doing = || format!("find the registry `{login_server}`");
        let all: Vec<RegistryDocument> =
            self.arm.list(&path, API_VERSION).await.map_err(|source| failed(doing(), source))?;
        let mut all = all.into_iter().map(AzureRegistry::from);
        let found = all.find(|one| one.login_server.eq_ignore_ascii_case(login_server));
        if let Some(found) = found.as_ref().filter(|found| found.is_ready()) {
            self.cache().registries.insert(key, found.clone());
        }
        Ok(found)
    }

    /// Finds a registry by its login server where the signed-in identity may not list those of
    /// the subscription: in this resource group, by its name.
    pub async fn find_in_group(
        &self,
        subscription: &str,
        group: &str,
        login_server: &str,
    ) -> Result<Option<AzureRegistry>, RegistryError> {
        let name = login_server.split('.').next().unwrap_or_default();
        let path = format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/\
             Microsoft.ContainerRegistry/registries/{name}"
        );
        let doing = || format!("find the registry `{login_server}`");
        let found: Option<RegistryDocument> =
            self.arm.find(&path, API_VERSION).await.map_err(|source| failed(doing(), source))?;
        let found = found.map(AzureRegistry::from);
        Ok(found.filter(|one| one.login_server.eq_ignore_ascii_case(login_server)))
    }

    /// The admin user's name and first password.
    pub async fn admin(&self, registry: &AzureRegistry) -> Result<Admin, RegistryError> {
        if let Some(known) = self.cache().admins.get(&registry.id) {
            return Ok(known.clone());
        }
        let path = format!("{}/listCredentials", registry.id);
        let request =
            ArmRequest { verb: Verb::Post, path: &path, api_version: API_VERSION, body: None };
        let server = &registry.login_server;
        let doing = || format!("read the admin user of `{server}`");
        let answer = self.arm.call(&request).await.map_err(|source| failed(doing(), source))?;
        let read = serde_json::from_value::<Credentials>(answer.body)
            .map_err(|error| failed(doing(), self.arm.unreadable(&path, &error)))?;
        let mut passwords = read.passwords.into_iter().map(|password| password.value);
        let password = passwords
            .find(|value| !value.is_empty())
            .ok_or_else(|| RegistryError::NoPassword(server.clone()))?;
        let source = format!("the admin user of {server}");
        let password = self.redactor.adopt(&source, password);
        let admin = Admin { username: read.username, password };
        self.cache().admins.insert(registry.id.clone(), admin.clone());
        Ok(admin)
    }

    /// Waits until a registry that exists can be used.
    pub async fn ready(&self, registry: AzureRegistry) -> Result<AzureRegistry, RegistryError> {
        let began = Instant::now();
        let mut seen = registry;
        loop {
            let name = seen.id.rsplit('/').next().unwrap_or_default();
            match &seen.state {
                ProvisioningState::Ready => return Ok(seen),
                ProvisioningState::Ended(state) => {
                    let (name, state) = (name.to_owned(), state.clone());
                    return Err(RegistryError::NotReady { name, state });
                }
                ProvisioningState::InProgress => {}
            }
            tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await;
            let doing = format!("wait for the registry `{name}`");
            let read = self.arm.get::<RegistryDocument>(&seen.id, API_VERSION).await;
            seen = read.map_err(|source| failed(doing, source))?.into();
        }
    }

    /// Creates a registry and waits until it is ready. One of this name that exists in the
    /// resource group is not changed: a PUT would change its settings.
    pub async fn create(&self, new: &NewRegistry) -> Result<AzureRegistry, RegistryError> {
        let NewRegistry { subscription, resource_group, name, location, sku, admin_user } = new;
        let path = format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerRegistry/registries/{name}"
        );
        let doing = || format!("create the registry `{name}`");
        match self.arm.get::<RegistryDocument>(&path, API_VERSION).await {
            Ok(found) => return self.ready(found.into()).await,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(failed(doing(), error)),
        }
        let body = json!({
            "location": location,
            "sku": { "name": sku },
            "properties": { "adminUserEnabled": admin_user },
        });
        let request = ArmRequest {
            verb: Verb::Put,
            path: &path,
            api_version: API_VERSION,
            body: Some(&body),
        };
        let answer = self.arm.call(&request).await.map_err(|source| failed(doing(), source))?;
        self.arm.finish(&answer, |_| ()).await.map_err(|source| failed(doing(), source))?;
        let created: RegistryDocument =
            self.arm.get(&path, API_VERSION).await.map_err(|source| failed(doing(), source))?;
        self.ready(created.into()).await
    }
}

impl AzureRegistry {
    fn is_ready(&self) -> bool {
        self.state == ProvisioningState::Ready
    }
}

/// A login that Azure pulls with from one registry.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The registry's host, without scheme.
    pub server: String,
    pub login: PullLogin,
}

/// Who Azure signs in as to pull an image.
#[derive(Clone, Debug)]
pub enum PullLogin {
    User {
        username: String,
        password: Secret,
    },
    /// A user-assigned identity by its resource id. It has to be assigned to the
    /// deployed resource too.
    Identity(String),
}

impl PullLogin {
    /// `None` for an identity.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Self::User { password, .. } => Some(password),
            Self::Identity(_) => None,
        }
    }
}

/// A registry to be created.
#[derive(Clone, Debug)]
pub struct NewRegistry {
    pub subscription: String,
    pub resource_group: String,
    /// Unique among all registries of the cloud.
    pub name: String,
    pub location: String,
    /// `Basic`, `Standard` or `Premium`.
    pub sku: String,
    pub admin_user: bool,
}

fn failed(doing: String, source: ArmError) -> RegistryError {
    RegistryError::Arm { doing, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::{AzureRegistries, NewRegistry};
    use crate::azure::fake::{FakeAzure, Reply};
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
        let fake = FakeAzure::script(vec![
            (LIST, list),
            (post.as_str(), vec![Reply::new(200, credentials)]),
        ])
        .await;
        let redactor = Redactor::default();
        let registries = AzureRegistries::new(fake.arm(), redactor.clone());

        assert_eq!(registries.find("s", "other.azurecr.io").await.expect("an answer"), None);
        let found = registries.find("s", "Demo.azurecr.io").await.expect("an answer");
        let found = found.expect("a registry");
        assert!(found.admin_user && !found.anonymous_pull);
        let admin = registries.admin(&found).await.expect("an admin user");
        assert_eq!((admin.username.as_str(), admin.password.expose()), ("demo", "hunter22"));
        // Neither is asked for again: the script has no further answer.
        assert_eq!(
            registries.find("S", "demo.azurecr.io").await.expect("known"),
            Some(found.clone())
        );
        assert_eq!(registries.admin(&found).await.expect("known").username, "demo");
        assert_eq!(redactor.redact("hunter22"), "***");
    }

    fn new() -> NewRegistry {
        NewRegistry {
            subscription: "s".into(),
            resource_group: "r".into(),
            name: "demo".into(),
            location: "westeurope".into(),
            sku: "Basic".into(),
            admin_user: false,
        }
    }

    #[tokio::test]
    async fn a_registry_that_exists_is_not_changed() {
        let get = format!("GET {ONE}");
        let fake = FakeAzure::script(vec![(get.as_str(), vec![Reply::new(200, FOUND)])]).await;
        let registries = AzureRegistries::new(fake.arm(), Redactor::default());

        let found = registries.create(&new()).await.expect("found");
        assert!(found.admin_user, "as it was");
    }

    fn in_state(state: &str) -> Reply {
        let shown = FOUND.replace(
            "\"properties\":{",
            &format!("\"properties\":{{\"provisioningState\":\"{state}\","),
        );
        Reply::new(200, &shown)
    }

    #[tokio::test]
    async fn a_registry_that_is_still_being_created_is_waited_for() {
        let get = format!("GET {ONE}");
        let states = vec![in_state("Creating"), in_state("Updating"), in_state("Succeeded")];
        let fake = FakeAzure::script(vec![(get.as_str(), states)]).await;
        let registries = AzureRegistries::new(fake.arm(), Redactor::default());

        registries.create(&new()).await.expect("ready");
        assert_eq!(fake.log().matches("registries/demo").count(), 3);
    }

    #[tokio::test]
    async fn a_registry_that_could_not_be_created_is_an_error() {
        let get = format!("GET {ONE}");
        let fake = FakeAzure::script(vec![(get.as_str(), vec![in_state("Failed")])]).await;
        let registries = AzureRegistries::new(fake.arm(), Redactor::default());

        let failed = registries.create(&new()).await.expect_err("failed");
        assert_eq!(failed.to_string(), "the registry `demo` is not ready: its state is `Failed`");
        assert_eq!(
            failed.help().as_deref(),
            Some("`az acr show -n demo` shows it; delete it to have it created again")
        );
    }

    #[tokio::test]
    async fn anonymous_pull_is_read_in_a_version_that_has_it() {
        let shown = FOUND.replace("\"adminUserEnabled\":true", "\"anonymousPullEnabled\":true");
        let list = Reply::new(200, &format!(r#"{{"value":[{shown}]}}"#));
        let fake = FakeAzure::script(vec![(LIST, vec![list])]).await;
        let registries = AzureRegistries::new(fake.arm(), Redactor::default());

        let found = registries.find("s", "demo.azurecr.io").await.expect("an answer");
        assert!(found.expect("a registry").anonymous_pull);
        let asked = fake.requests();
        let list = asked.iter().find(|request| LIST.ends_with(&request.to)).expect("it is asked");
        assert_eq!(list.query, "api-version=2025-11-01");
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_an_error() {
        let taken = r#"{"status":"Failed","error":{"code":"AlreadyInUse","message":"The registry demo is already in use."}}"#;
        let put = format!("PUT {ONE}");
        let get = format!("GET {ONE}");
        let missing = vec![Reply::new(404, r#"{"error":{"code":"ResourceNotFound"}}"#)];
        let taken = vec![Reply::new(409, taken)];
        let fake = FakeAzure::script(vec![(get.as_str(), missing), (put.as_str(), taken)]).await;
        let registries = AzureRegistries::new(fake.arm(), Redactor::default());

        let refused = registries.create(&new()).await.expect_err("taken");
        assert_eq!(refused.to_string(), "cannot create the registry `demo`");
        assert_eq!(refused.retry(), crate::http::Retry::Never);
    }
}
