//! The clients that attempts use, made as the plan says.

use super::names::plain;
use super::subscription::SubscriptionChoice;
use crate::azure::container_instances::{ContainerInstances, Patience};
use crate::azure::registries::{Admin, AzureRegistries};
use crate::azure::resource_groups::ResourceGroups;
use crate::azure::{Arm, Credential, Endpoints, Pacing};
use crate::http::{self, Retryable};
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{self, Plan};
use crate::registry::{self, Access, EntraTokens, Login, Settings, Stored};
use crate::run::outcome::StepError;
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Those that reach out.
#[derive(Clone)]
pub struct Clients {
    /// Registries.
    pub registry: registry::Client,
    /// Container groups.
    pub instances: ContainerInstances,
    /// Azure's registries, as Resource Manager sees them.
    pub azure_registries: AzureRegistries,
    /// Resource groups and what is in them.
    pub resource_groups: ResourceGroups,
    /// Which subscription is used.
    pub subscription: SubscriptionChoice,
}

/// What clients are made from.
#[derive(Clone)]
pub struct ClientsConfig<'a> {
    /// How requests go out.
    pub http: &'a http::Client,
    /// Who we are in Azure.
    pub credential: &'a Credential,
    /// Where Azure's doors are.
    pub endpoints: &'a Endpoints,
    /// Knows all secrets.
    pub redactor: &'a Redactor,
    /// The plan.
    pub plan: &'a Plan,
    /// What its settings see.
    pub scope: &'a Scope,
    /// The process's environment, for stored logins.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether it is a local cloud, which answers at once.
    pub local: bool,
    /// The value of `AZURE_SUBSCRIPTION_ID`.
    pub subscription: Option<&'a str>,
    /// Where what is learned of registries outlives the process, if anywhere.
    pub memory: Option<PathBuf>,
}

impl Clients {
    /// Makes them. Resource Manager is asked only where a registry is signed in
    /// to as its admin user.
    pub async fn make(making: ClientsConfig<'_>) -> Result<Self, StepError> {
        let arm =
            Arm::new(making.http.clone(), making.credential.clone(), making.endpoints.clone());
        let arm = if making.local { arm.paced(quick()) } else { arm };
        let instances = ContainerInstances::new(arm.clone());
        let instances = if making.local { instances.patient(brief()) } else { instances };
        let azure_registries = AzureRegistries::new(arm.clone(), making.redactor.clone());
        let resource_groups = ResourceGroups::new(arm);
        let subscription = SubscriptionChoice::new(resource_groups.clone(), making.subscription);
        let settings = making.settings((&azure_registries, &subscription)).await?;
        let registry =
            registry::Client::new(making.http.clone(), making.redactor.clone(), settings);
        Ok(Self { registry, instances, azure_registries, resource_groups, subscription })
    }
}

/// A local cloud need not be asked as seldom as the real one.
fn quick() -> Pacing {
    Pacing { first: Duration::from_millis(100), longest: Duration::from_secs(1) }
}

fn brief() -> Patience {
    Patience { steady: Duration::from_secs(1), transition: Duration::from_millis(500) }
}

/// What is asked of Resource Manager to sign in to a registry.
type AzureSide<'a> = (&'a AzureRegistries, &'a SubscriptionChoice);

impl ClientsConfig<'_> {
    /// How each registry is signed in to.
    async fn settings(&self, azure: AzureSide<'_>) -> Result<Settings, StepError> {
        let mut hosts = BTreeMap::new();
        for (host, registry) in self.plan.registries.iter() {
            let login = match &registry.login {
                Some(login) => self.login(login, &host.value, azure).await?,
                None => self.usual(&host.value),
            };
            let insecure = registry.insecure.resolve(self.scope)?;
            hosts.insert(host.value.clone(), Access { login, insecure });
        }
        Ok(Settings {
            hosts,
            azure: Some(self.entra()),
            otherwise: self.stored(),
            memory: self.memory.clone(),
            ..Settings::default()
        })
    }

    async fn login(
        &self,
        login: &schema::Login,
        host: &str,
        azure: AzureSide<'_>,
    ) -> Result<Login, StepError> {
        Ok(match login {
            schema::Login::Entra => Login::Entra(self.entra()),
            schema::Login::Anonymous => Login::Anonymous,
            schema::Login::DockerConfig => self.stored(),
            schema::Login::User { username, password } => Login::Basic {
                username: plain(username, "user's name", self.scope)?,
                password: match password.render(self.scope)? {
                    Rendered::Secret(secret) => secret,
                    Rendered::Plain(text) => self.redactor.adopt("the registry's password", text),
                },
            },
            schema::Login::Admin => {
                let admin = self.admin(host, azure).await?;
                Login::Basic { username: admin.username, password: admin.password }
            }
        })
    }

    async fn admin(
        &self,
        host: &str,
        (registries, subscription): AzureSide<'_>,
    ) -> Result<Admin, StepError> {
        let subscription = subscription.id(self.plan, self.scope).await?;
        let found = registries.find(&subscription, host).await;
        let found = found.map_err(|error| StepError::from_error(&error))?.ok_or_else(|| {
            StepError::new(format!("`{host}` is not a registry of subscription {subscription}"))
        })?;
        registries.admin(&found).await.map_err(|error| StepError::from_error(&error))
    }

    /// By Entra for an Azure registry, else as stored.
    fn usual(&self, host: &str) -> Login {
        if registry::is_azure_registry(host) { Login::Entra(self.entra()) } else { self.stored() }
    }

    /// A dry run knows no stored login: they are of the real world.
    fn stored(&self) -> Login {
        if self.local {
            return Login::Anonymous;
        }
        Login::Stored(Stored {
            home: self.environment.get("HOME").map(PathBuf::from),
            env: self.environment.clone(),
            user: Some(nix::unistd::getuid().as_raw()),
        })
    }

    fn entra(&self) -> Arc<dyn EntraTokens> {
        Arc::new(Tokens(self.credential.clone()))
    }
}

/// The Azure credential, as registries ask for it.
struct Tokens(Credential);

#[async_trait]
impl EntraTokens for Tokens {
    async fn token(&self, scope: &str) -> Result<Secret, Box<dyn Retryable>> {
        self.0.token(scope).await.map_err(|error| Box::new(error) as Box<dyn Retryable>)
    }

    fn tenant(&self) -> Option<String> {
        self.0.tenant().map(str::to_owned)
    }
}
