//! Makes the clients of a run, with the logins that the plan asks for.

use super::azure_clients::{AzureAccess, AzureClients};
use super::login::user_password;
use super::names::name;
use super::retry::Retries;
use super::signers::Signers;
use super::subscription::SubscriptionChoice;
use crate::azure::registries::{Admin, AzureRegistries};
use crate::azure::{Credential, Endpoints};
use crate::http::{self, Retryable};
use crate::plan::expr::Scope;
use crate::plan::schema::{self, Plan, Text};
use crate::plan::span::Span;
use crate::registry::{self, EntraTokens, HostAccess, Login, NamedHosts, Settings, StoredLogins};
use crate::run::outcome::StepError;
use crate::secret::{Redactor, Secret};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Names token servers that may have the passwords of registries on other hosts.
const TOKEN_HOSTS_VARIABLE: &str = "SHIPWAY_TOKEN_HOSTS";
/// Names storage on private addresses that registries may redirect to.
const STORAGE_HOSTS_VARIABLE: &str = "SHIPWAY_STORAGE_HOSTS";

/// The clients of the services that steps use.
#[derive(Clone)]
pub struct Clients {
    pub registry: registry::Client,
    pub azure: AzureClients,
    /// Azure's registries in Resource Manager, beside their `registry` endpoint.
    pub azure_registries: AzureRegistries,
    /// The logins that docker and podman stored; `None` in a dry run, which uses no
    /// real credential.
    pub stored_logins: Option<StoredLogins>,
    /// Who signs without a lasting key.
    pub signers: Signers,
}

/// Reads a file that the plan names, in the file of the plan in which a span begins. The error
/// says why it cannot be read.
pub type ReadPlanFile<'a> = &'a (dyn Fn(&Span, &str) -> Result<Vec<u8>, String> + Send + Sync);

/// What clients are made from.
#[derive(Clone)]
pub struct ClientsConfig<'a> {
    pub http: &'a http::Client,
    pub credential: &'a Credential,
    pub endpoints: &'a Endpoints,
    pub redactor: &'a Redactor,
    pub plan: &'a Plan,
    /// Reads a file that a setting names, by its path in the file of the plan in which the
    /// setting stands.
    pub read_file: ReadPlanFile<'a>,
    /// The contexts of the plan's settings.
    pub scope: &'a Scope,
    /// The process's environment, for stored logins.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether the clients talk to the local cloud.
    pub local: bool,
    /// Whether the logins that docker and podman stored on this machine may be used. A
    /// dry run leaves them alone.
    pub uses_stored_logins: bool,
    /// Whether every registry is asked without a login: for the code of a fork.
    pub anonymous: bool,
    /// The value of `AZURE_SUBSCRIPTION_ID`.
    pub subscription: Option<&'a str>,
    /// The folder that keeps what was learned about registries, if any.
    pub memory: Option<PathBuf>,
    pub retries: &'a Retries,
    pub signers: &'a Signers,
}

impl Clients {
    /// Makes the clients. A request is sent only for a registry whose login is
    /// its admin user.
    pub async fn make(config: ClientsConfig<'_>) -> Result<Self, StepError> {
        let azure = AzureClients::new(config.azure());
        let azure_registries = AzureRegistries::new(azure.arm.clone(), config.redactor.clone());
        let admins =
            AdminUsers { registries: &azure_registries, subscription: &azure.subscription };
        let settings = config.settings(&admins).await?;
        let registry =
            registry::Client::new(config.http.clone(), config.redactor.clone(), settings);
        let stored_logins =
            (config.uses_stored_logins && !config.anonymous).then(|| config.stored_logins());
        let signers = config.signers.clone();
        Ok(Self { registry, azure, azure_registries, stored_logins, signers })
    }
}

/// Finds the admin users of Azure's registries.
struct AdminUsers<'a> {
    registries: &'a AzureRegistries,
    subscription: &'a SubscriptionChoice,
}

impl AdminUsers<'_> {
    /// The admin user of a registry; `None` if the registry is to be created.
    async fn of(
        &self,
        host: &str,
        registry: &schema::Registry,
        config: &ClientsConfig<'_>,
    ) -> Result<Option<Admin>, StepError> {
        let ClientsConfig { plan, scope, retries, .. } = *config;
        let subscription = retries.run(|| self.subscription.id(plan, scope)).await?;
        let Some(found) = retries.run(|| self.registries.find(&subscription, host)).await? else {
            if registry.create.is_some() {
                return Ok(None);
            }
            let message = format!("`{host}` is not a registry of subscription {subscription}");
            return Err(StepError::new(message).help(format!(
                "check the name, or let the plan create it: `registries: {{ {host}: {{ create: \
                 {{ admin-user: true }} }} }}`"
            )));
        };
        retries.run(|| self.registries.admin(&found)).await.map(Some)
    }
}

impl ClientsConfig<'_> {
    fn azure(&self) -> AzureAccess<'_> {
        AzureAccess {
            http: self.http,
            credential: self.credential,
            endpoints: self.endpoints,
            local: self.local,
            subscription: self.subscription,
        }
    }

    /// The login and transport of each registry.
    async fn settings(&self, admins: &AdminUsers<'_>) -> Result<Settings, StepError> {
        let mut hosts = BTreeMap::new();
        for (host, registry) in self.plan.registries.iter() {
            let login = match &registry.login {
                _ if self.anonymous => Login::Anonymous,
                Some(login) => self.login(login, &host.value, registry, admins).await?,
                None => self.default_login(&host.value),
            };
            let insecure = registry.insecure.resolve(self.scope)?;
            let trusting = match &registry.ca {
                Some(ca) => self.trusting(&host.value, ca).map_err(|it| it.at(&ca.span))?,
                None => None,
            };
            hosts.insert(host.value.clone(), HostAccess { login, insecure, trusting });
        }
        Ok(Settings {
            hosts,
            azure: (!self.anonymous).then(|| self.entra()),
            otherwise: self.stored(),
            memory: self.memory.clone(),
            named_hosts: NamedHosts {
                tokens: self.hosts_in(TOKEN_HOSTS_VARIABLE),
                storage: self.hosts_in(STORAGE_HOSTS_VARIABLE),
            },
            ..Settings::default()
        })
    }

    /// Hosts that the operator allows. Not of the plan, which a pull request can edit.
    fn hosts_in(&self, variable: &str) -> Vec<String> {
        let named = self.environment.get(variable).map_or("", String::as_str);
        named.split([',', ' ']).filter(|host| !host.is_empty()).map(str::to_owned).collect()
    }

    /// The client that trusts the certificates of a file for one registry. The local cloud, which
    /// answers for every registry, has none of them.
    fn trusting(&self, host: &str, ca: &Text) -> Result<Option<http::Client>, StepError> {
        let path = name(ca, "certificate file", self.scope)?;
        let failed = |what: &str, why: String| {
            StepError::new(format!("cannot {what} `{path}`, the `ca` of `{host}`")).because(why)
        };
        let pem = (self.read_file)(&ca.span, &path).map_err(|why| {
            failed("read", why).help("name a file of the repository, relative to the plan's folder")
        })?;
        let authorities = http::Authorities::from_pem(&path, &pem).map_err(|error| {
            failed("trust", error.to_string()).help(
                "`ca` is a file with certificates in PEM, which begin with `-----BEGIN \
                 CERTIFICATE-----`; `openssl x509 -inform der -in FILE -out FILE.pem` makes one of DER",
            )
        })?;
        if self.local {
            return Ok(None);
        }
        let trusting = self.http.trusting(authorities);
        trusting.map(Some).map_err(|error| failed("trust", error.to_string()))
    }

    async fn login(
        &self,
        login: &schema::Login,
        host: &str,
        registry: &schema::Registry,
        admins: &AdminUsers<'_>,
    ) -> Result<Login, StepError> {
        Ok(match login {
            schema::Login::Entra => Login::Entra(self.entra()),
            schema::Login::Anonymous => Login::Anonymous,
            schema::Login::DockerConfig => self.stored(),
            schema::Login::User(user) => {
                let (username, password) = user_password(user, host, self.scope)?;
                Login::Basic { username, password }
            }
            schema::Login::Admin => match admins.of(host, registry, self).await? {
                Some(Admin { username, password }) => Login::Basic { username, password },
                // There is no admin user before the registry is there. Its creator may push.
                None => Login::Entra(self.entra()),
            },
        })
    }

    /// Entra for one of Azure's registries, else the stored login.
    fn default_login(&self, host: &str) -> Login {
        if registry::is_azure_registry(host) { Login::Entra(self.entra()) } else { self.stored() }
    }

    /// The login that docker or podman stored. None in a dry run, whose
    /// registries are not the real ones.
    fn stored(&self) -> Login {
        if self.uses_stored_logins && !self.anonymous {
            Login::Stored(self.stored_logins())
        } else {
            Login::Anonymous
        }
    }

    fn stored_logins(&self) -> StoredLogins {
        StoredLogins::of(self.environment)
    }

    fn entra(&self) -> Arc<dyn EntraTokens> {
        Arc::new(Tokens(self.credential.clone()))
    }
}

/// Gives the registry client tokens without letting it know `azure`.
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
