//! How Azure is to pull the service's image from its registry.

use super::target::Target;
use crate::azure::container_instances::PullLogin;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{Login, Pull, Registry, Text};
use crate::registry::is_azure_registry;
use crate::run::outcome::StepError;
use crate::run::perform::names::plain;

/// What the plan says under `pull`; else the user and password that Shipway
/// itself signs in with; under `entra` the registry's admin user, where that is
/// enabled. A registry that anybody may pull from needs nothing.
pub(in crate::run::perform) async fn pull_login(
    target: &Target<'_>,
    host: &str,
) -> Result<Option<PullLogin>, StepError> {
    let settings = target.performer.plan.registries.get(host);
    if let Some(pull) = settings.and_then(|registry| registry.pull.as_ref()) {
        return match pull {
            Pull::User { username, password } => user(username, password, target.scope).map(Some),
            Pull::Identity(identity) => by_identity(target, identity).await.map(Some),
        };
    }
    let login = settings.and_then(|registry: &Registry| registry.login.as_ref());
    match login {
        Some(Login::User { username, password }) => {
            user(username, password, target.scope).map(Some)
        }
        Some(Login::Entra | Login::Admin) => as_admin(target, host).await,
        Some(Login::DockerConfig) | None if is_azure_registry(host) => as_admin(target, host).await,
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

async fn by_identity(target: &Target<'_>, identity: &Text) -> Result<PullLogin, StepError> {
    let name = plain(identity, "identity", target.scope)?;
    if name.starts_with('/') {
        return Ok(PullLogin::Identity(name));
    }
    let (subscription, group) = (target.subscription().await?, target.resource_group(None)?);
    let found =
        target.performer.clients.resource_groups.identity(&subscription, &group, &name).await;
    found.map(PullLogin::Identity).map_err(|error| StepError::from_error(&error))
}

/// The registry's admin user, or nothing where anybody may pull.
async fn as_admin(target: &Target<'_>, host: &str) -> Result<Option<PullLogin>, StepError> {
    let registries = &target.performer.clients.azure_registries;
    let subscription = target.subscription().await?;
    let found = registries.find(&subscription, host).await;
    let found = found.map_err(|error| StepError::from_error(&error))?.ok_or_else(|| {
        StepError::new(format!("`{host}` is not a registry of subscription {subscription}"))
            .help(remedies(host))
    })?;
    if found.anonymous_pull {
        return Ok(None);
    }
    if !found.admin_user {
        return Err(cannot_pull(host));
    }
    let admin = registries.admin(&found).await;
    let admin = admin.map_err(|error| StepError::from_error(&error))?;
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
