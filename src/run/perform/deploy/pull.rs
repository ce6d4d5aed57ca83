//! How Azure pulls the service's image from its registry.

use crate::azure::registries::{AzureRegistry, PullLogin, RegistryError, RegistryLogin};
use crate::azure::resource_groups::{Identity, LookupError};
use crate::azure::rights::Rights;
use crate::oci::Reference;
use crate::plan::expr::Scope;
use crate::plan::schema::{Create, Login, Pull, Text, UserPassword};
use crate::registry::{
    self, HostAccess, StoredLogin, StoredUser, is_azure_registry, registry_name,
};
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::login::user_password;
use crate::run::perform::names::name;
use crate::run::perform::performer::Performer;
use crate::run::perform::services::Services;
use serde_json::Value;
use std::collections::BTreeMap;

/// The login that Azure pulls with. `None` where none is needed.
pub async fn pull_login(
    settings: AzureSettings<'_>,
    host: &str,
) -> Result<Option<PullLogin>, StepError> {
    match pull_source(settings, host).await? {
        PullSource::Login(login) => Ok(Some(login)),
        PullSource::Anonymous => Ok(None),
        PullSource::Admin => as_admin(settings, host).await,
    }
}

/// Fails where Azure could not pull from the registry. Of one that the plan creates only what
/// the registry itself has to permit is checked: the plan may create an identity too.
/// `logins` are those that the deployed resource pulls with: one that is among them needs no
/// further request.
pub async fn check_pull(
    settings: AzureSettings<'_>,
    host: &str,
    logins: Option<&Value>,
) -> Result<(), StepError> {
    let registry = settings.performer.plan.registry(host);
    let Some((registry, create)) = registry.and_then(|it| Some((it, it.create.as_ref()?))) else {
        return match pull_login(settings, host).await? {
            Some(PullLogin::Identity(id)) if !is_among(logins, host, &id) => {
                check_role(settings, host, &id).await
            }
            Some(PullLogin::Identity(_) | PullLogin::User { .. }) | None => Ok(()),
        };
    };
    if registry.pull.is_some() {
        return Ok(());
    }
    match pull_source(settings, host).await? {
        PullSource::Login(_) | PullSource::Anonymous => Ok(()),
        PullSource::Admin => check_admin(settings, host, create).await,
    }
}

enum PullSource {
    Login(PullLogin),
    Anonymous,
    /// The admin user of one of Azure's registries, if it has to be signed in to.
    Admin,
}

/// The plan's `pull`, else the user and password of its `login`, stored ones
/// included, else the admin user of one of Azure's registries.
async fn pull_source(settings: AzureSettings<'_>, host: &str) -> Result<PullSource, StepError> {
    let registry = settings.performer.plan.registry(host);
    if let Some(pull) = registry.and_then(|registry| registry.pull.as_ref()) {
        return match pull {
            Pull::User(user) => as_user(user, host, settings.scope),
            Pull::Anonymous => Ok(PullSource::Anonymous),
            Pull::Identity(identity) => {
                let id = identity_id(settings, identity).await?;
                Ok(PullSource::Login(PullLogin::Identity(id)))
            }
        };
    }
    match registry.and_then(|registry| registry.login.as_ref()) {
        Some(Login::User(user)) => as_user(user, host, settings.scope),
        Some(Login::Entra | Login::Admin) => Ok(PullSource::Admin),
        Some(Login::DockerConfig) => as_stored(settings, host).await,
        None if is_azure_registry(host) => Ok(PullSource::Admin),
        Some(Login::Anonymous) | None => Ok(PullSource::Anonymous),
    }
}

/// The login that Azure pulls with, for each registry of an image.
pub async fn pull_logins(
    settings: AzureSettings<'_>,
    images: impl Iterator<Item = &String>,
) -> Result<Vec<RegistryLogin>, StepError> {
    let mut logins = BTreeMap::new();
    for image in images {
        let reference: Reference = image.parse()?;
        if logins.contains_key(&reference.host) {
            continue;
        }
        if let Some(login) = pull_login(settings, &reference.host).await? {
            logins.insert(reference.host, login);
        }
    }
    Ok(logins.into_iter().map(|(server, login)| RegistryLogin { server, login }).collect())
}

/// A client of one registry that signs in with another login than the plan's.
pub fn client_with(
    settings: AzureSettings<'_>,
    host: &str,
    login: registry::Login,
) -> Result<registry::Client, StepError> {
    let insecure = match settings.performer.plan.registry(host) {
        Some(registry) => registry.insecure.resolve(settings.scope)?,
        None => false,
    };
    let trusting = settings.performer.services.clients.registry.trusting(host);
    let access = HostAccess { login, insecure, trusting };
    let hosts = [(host.to_owned(), access)].into();
    let Services { http, redactor, .. } = &settings.performer.services;
    let settings = registry::Settings { hosts, ..registry::Settings::default() };
    Ok(registry::Client::new(http.clone(), redactor.clone(), settings))
}

fn as_user(user: &UserPassword, host: &str, scope: &Scope) -> Result<PullSource, StepError> {
    let (username, password) = user_password(user, host, scope)?;
    Ok(PullSource::Login(PullLogin::User { username, password }))
}

/// The login that docker or podman stored, which the plan asks for by name. A token
/// in its place would expire while the service runs.
async fn as_stored(settings: AzureSettings<'_>, host: &str) -> Result<PullSource, StepError> {
    let Services { clients, redactor, .. } = &settings.performer.services;
    // In a dry run the local registry asks for none.
    let Some(stored) = &clients.stored_logins else {
        return Ok(PullSource::Anonymous);
    };
    let why = match stored.login(host, "", redactor).await? {
        StoredLogin::User(StoredUser { username, password }) => {
            return Ok(PullSource::Login(PullLogin::User { username, password }));
        }
        _ if is_azure_registry(host) => return Ok(PullSource::Admin),
        StoredLogin::Token => "the stored login is a token, which expires",
        StoredLogin::Nothing => "no login to it is stored on this machine",
    };
    Err(StepError::new(format!("the service could not pull its image from `{host}`"))
        .because(why)
        .help(format!(
            "run `docker login {host}` with a user and a password or access token, or set \
             `pull: {{ username: …, password: … }}` under `registries.{host}`"
        )))
}

/// The registry of a host. Who may not list those of the subscription may read the one in the
/// plan's resource group.
async fn find_registry(
    settings: AzureSettings<'_>,
    subscription: &str,
    host: &str,
) -> Result<Option<AzureRegistry>, RegistryError> {
    let registries = &settings.performer.services.clients.azure_registries;
    match registries.find(subscription, host).await {
        Err(RegistryError::Arm { doing, source }) if source.is_forbidden() => {
            if let Ok(group) = settings.resource_group(None)
                && let Ok(Some(found)) = registries.find_in_group(subscription, &group, host).await
            {
                return Ok(Some(found));
            }
            Err(RegistryError::Arm { doing, source })
        }
        other => other,
    }
}

/// Whether a resource pulls from the registry with this identity already.
fn is_among(logins: Option<&Value>, host: &str, identity: &str) -> bool {
    let is = |login: &Value, name: &str, value: &str| {
        login[name].as_str().is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    let mut logins = logins.and_then(Value::as_array).into_iter().flatten();
    logins.any(|login| is(login, "server", host) && is(login, "identity", identity))
}

/// Fails where an identity has no role at all on one of Azure's registries. Of roles that are
/// not built in it is not known whether they let it pull, and a program of the plan may give
/// it one.
async fn check_role(settings: AzureSettings<'_>, host: &str, id: &str) -> Result<(), StepError> {
    let Performer { services, plan, .. } = settings.performer;
    if plan.runs_programs() || !is_azure_registry(host) {
        return Ok(());
    }
    let clients = &services.clients;
    let subscription = settings.subscription().await?;
    let registry = match find_registry(settings, &subscription, host).await {
        Ok(Some(registry)) if !registry.anonymous_pull && !registry.per_repository_roles => {
            registry
        }
        // It needs no role, or has those of repositories, or is of another subscription.
        Ok(_) => return Ok(()),
        Err(RegistryError::Arm { source, .. }) if source.is_forbidden() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let Identity { principal, .. } = match clients.azure.resource_groups.identity_at(id).await {
        Ok(found) => found,
        Err(LookupError::Arm { source, .. }) if source.is_forbidden() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match Rights::new(clients.azure.arm.clone()).roles(&registry.id, &principal).await {
        Ok(roles) if roles.is_empty() => {}
        Ok(_) => return Ok(()),
        Err(error) if error.is_forbidden() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let name = id.rsplit('/').next().unwrap_or_default();
    Err(StepError::new(format!("the service could not pull its image from `{host}`"))
        .because(format!("the identity `{name}` has no role on the registry"))
        .help(format!(
            "give it one: `az role assignment create --assignee-object-id {principal} \
             --assignee-principal-type ServicePrincipal --role AcrPull --scope {}`; \
             `shipway doctor` shows what else is missing",
            registry.id
        )))
}

/// The resource id of a user-assigned identity, which the plan names by that or by its
/// name in the plan's resource group.
pub async fn identity_id(
    settings: AzureSettings<'_>,
    identity: &Text,
) -> Result<String, StepError> {
    let name = name(identity, "identity", settings.scope)?;
    if name.starts_with('/') {
        return Ok(name);
    }
    let subscription = settings.subscription().await?;
    let group = settings.resource_group(None)?;
    let groups = &settings.performer.services.clients.azure.resource_groups;
    Ok(groups.identity(&subscription, &group, &name).await?.id)
}

/// The registry's admin user; `None` where anonymous pull is enabled.
async fn as_admin(settings: AzureSettings<'_>, host: &str) -> Result<Option<PullLogin>, StepError> {
    let registries = &settings.performer.services.clients.azure_registries;
    let subscription = settings.subscription().await?;
    let found = find_registry(settings, &subscription, host).await?.ok_or_else(|| {
        StepError::new(format!("`{host}` is not a registry of subscription {subscription}"))
            .help(remedies(host))
    })?;
    if found.anonymous_pull {
        return Ok(None);
    }
    if !found.admin_user {
        return Err(cannot_pull(host));
    }
    if settings.performer.facts.reads_only {
        return Ok(Some(unread_admin(settings, host)));
    }
    let admin = registries.admin(&found).await?;
    Ok(Some(PullLogin::User { username: admin.username, password: admin.password }))
}

/// Fails where a registry that the plan creates has no admin user: the registry itself where
/// it is there, else the plan.
async fn check_admin(
    settings: AzureSettings<'_>,
    host: &str,
    create: &Create,
) -> Result<(), StepError> {
    let subscription = settings.subscription().await?;
    match find_registry(settings, &subscription, host).await? {
        Some(found) if found.anonymous_pull || found.admin_user => Ok(()),
        Some(_) => Err(cannot_pull(host)),
        None if create.admin_user.resolve(settings.scope)? => Ok(()),
        None => Err(StepError::new(format!("the service could not pull its image from `{host}`"))
            .because("no `pull` is set for the registry, and it is created without an admin user")
            .help(format!(
                "set `pull: {{ identity: NAME }}` under `registries.{host}`, a user-assigned \
                 identity with the role AcrPull, or `create: {{ admin-user: true }}`"
            ))),
    }
}

/// The admin user of a registry, which is named like the registry, without its
/// password.
fn unread_admin(settings: AzureSettings<'_>, host: &str) -> PullLogin {
    let source = format!("the admin user of {host}");
    let password = settings.scope.redactor().adopt(&source, format!("unread password of {host}"));
    PullLogin::User { username: registry_name(host).to_owned(), password }
}

fn cannot_pull(host: &str) -> StepError {
    StepError::new(format!("the service could not pull its image from `{host}`"))
        .because("no `pull` is set for the registry, and it has no admin user")
        .help(remedies(host))
}

fn remedies(host: &str) -> String {
    format!(
        "set `pull: {{ identity: NAME }}` under `registries.{host}`, a user-assigned identity \
         with the role AcrPull, or `pull: {{ username: …, password: … }}`"
    )
}
