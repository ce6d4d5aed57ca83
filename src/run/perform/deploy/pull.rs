//! How Azure pulls the service's image from its registry.

use crate::azure::registries::PullLogin;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{Login, Pull, Text, UserPassword};
use crate::registry::is_azure_registry;
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::names::plain;

/// The plan's `pull`, else the user and password of its `login`, else the admin
/// user of one of Azure's registries. `None` where no login is needed.
pub async fn pull_login(
    settings: AzureSettings<'_>,
    host: &str,
) -> Result<Option<PullLogin>, StepError> {
    let registry = settings.performer.plan.registry(host);
    if let Some(pull) = registry.and_then(|registry| registry.pull.as_ref()) {
        return match pull {
            Pull::User(UserPassword { username, password }) => {
                user(username, password, settings.scope).map(Some)
            }
            Pull::Identity(identity) => by_identity(settings, identity).await.map(Some),
        };
    }
    match registry.and_then(|registry| registry.login.as_ref()) {
        Some(Login::User(UserPassword { username, password })) => {
            user(username, password, settings.scope).map(Some)
        }
        Some(Login::Entra | Login::Admin) => as_admin(settings, host).await,
        Some(Login::DockerConfig) | None if is_azure_registry(host) => {
            as_admin(settings, host).await
        }
        // A stored login is a person's; it must not be copied into a deployment.
        Some(Login::DockerConfig) => Err(cannot_pull(host)),
        Some(Login::Anonymous) | None => Ok(None),
    }
}

fn user(username: &Text, password: &Text, scope: &Scope) -> Result<PullLogin, StepError> {
    let password = match password.render(scope)? {
        Rendered::Secret(secret) => secret,
        Rendered::Plain(text) => scope.redactor().adopt("the registry's password", text),
    };
    Ok(PullLogin::User { username: plain(username, "user's name", scope)?, password })
}

/// The identity by its resource id, or by its name in the plan's resource group.
async fn by_identity(settings: AzureSettings<'_>, identity: &Text) -> Result<PullLogin, StepError> {
    let name = plain(identity, "identity", settings.scope)?;
    if name.starts_with('/') {
        return Ok(PullLogin::Identity(name));
    }
    let subscription = settings.subscription().await?;
    let group = settings.resource_group(None)?;
    let groups = &settings.performer.services.clients.resource_groups;
    Ok(PullLogin::Identity(groups.identity(&subscription, &group, &name).await?))
}

/// The registry's admin user; `None` where anonymous pull is enabled.
async fn as_admin(settings: AzureSettings<'_>, host: &str) -> Result<Option<PullLogin>, StepError> {
    let registries = &settings.performer.services.clients.azure_registries;
    let subscription = settings.subscription().await?;
    let found = registries.find(&subscription, host).await?.ok_or_else(|| {
        StepError::new(format!("`{host}` is not a registry of subscription {subscription}"))
            .help(remedies(host))
    })?;
    if found.anonymous_pull {
        return Ok(None);
    }
    if !found.admin_user {
        return Err(cannot_pull(host));
    }
    let admin = registries.admin(&found).await?;
    Ok(Some(PullLogin::User { username: admin.username, password: admin.password }))
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
