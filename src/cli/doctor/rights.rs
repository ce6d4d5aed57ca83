//! The roles that the plan needs: to deploy, to push, to pull, to read secrets.

use super::azure::{AzureDoctor, failed_by};
use super::check::Check;
use crate::azure::rights::PULLING_ROLES;
use crate::cli::session::retries::retries;
use crate::cli::session::secrets::{SecretAccess, SecretSources, read, used_anywhere};
use crate::plan::schema::{KeyVaultReference, Pull, SecretDeclaration, SecretSource};
use serde_json::Value;

const DEPLOY_ACTION: &str = "Microsoft.ContainerInstance/containerGroups/write";
const DEPLOY_APP_ACTION: &str = "Microsoft.App/containerApps/write";
const PUSH_ACTION: &str = "Microsoft.ContainerRegistry/registries/push/write";
const ASSIGN_ACTION: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// The role that reads secrets, as the help of a refused request names it too.
const VAULT_ROLE: &str = "Key Vault Secrets User";

/// The versions of the APIs by which resources are only found. That of registries tells of
/// anonymous pulls.
const REGISTRY_API_VERSION: &str = "2025-11-01";
const IDENTITY_API_VERSION: &str = "2023-01-31";

impl AzureDoctor<'_> {
    pub async fn rights(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let scope =
            |group: &str| format!("/subscriptions/{}/resourceGroups/{group}", self.subscription);
        for (group, _) in self.needs.of_groups() {
            let id = format!("deploy to {group}");
            checks.push(self.right(&id, &scope(&group), DEPLOY_ACTION, "Contributor").await);
        }
        for (group, _) in &self.needs.apps {
            let (id, role) = (format!("deploy apps to {group}"), "Contributor");
            checks.push(self.right(&id, &scope(group), DEPLOY_APP_ACTION, role).await);
        }
        for host in &self.needs.registries {
            checks.extend(self.registry(host).await);
        }
        checks.extend(self.secrets().await);
        checks
    }

    /// Whether the signed-in identity may do something, else the role that lets it.
    async fn right(&self, id: &str, scope: &str, action: &str, role: &str) -> Check {
        match self.rights.may(scope, action).await {
            Ok(true) => Check::ok(id, "is permitted"),
            Ok(false) => Check::failed(id, format!("the role `{role}` is missing"))
                .fix(self.assign(role, scope)),
            Err(error) => failed_by(id, &error),
        }
    }

    /// The command that gives a role to the signed-in identity.
    fn assign(&self, role: &str, scope: &str) -> String {
        match &self.principal {
            Some(principal) => assignment(&principal.object_id, principal.kind, role, scope),
            None => {
                format!("az role assignment create --assignee ID --role \"{role}\" --scope {scope}")
            }
        }
    }

    async fn registry(&self, host: &str) -> Vec<Check> {
        let id = format!("registry {host}");
        let settings = self.session.plan.registries.get(host);
        let found = match self.find_registry(host).await {
            Ok(found) => found,
            Err(check) => return vec![*check],
        };
        let Some(found) = found else {
            if settings.is_some_and(|registry| registry.create.is_some()) {
                return vec![Check::ok(id, "is created by the first run")];
            }
            let name = host.split('.').next().unwrap_or_default();
            let group = self.needs.resource_groups().into_iter().next();
            let group = group.map_or_else(|| "GROUP".to_owned(), |(group, _)| group);
            let fix = format!(
                "az acr create --subscription {} --resource-group {group} --name {name} --sku Basic",
                self.subscription
            );
            return vec![Check::failed(id, "does not exist in the subscription").fix(fix)];
        };
        let scope = found["id"].as_str().unwrap_or_default().to_owned();
        let mut checks = vec![Check::ok(id, "exists")];
        if self.needs.pushed.contains(host) {
            checks
                .push(self.right(&format!("push to {host}"), &scope, PUSH_ACTION, "AcrPush").await);
        }
        if self.needs.groups.is_empty() && self.needs.apps.is_empty() {
            return checks;
        }
        match settings.and_then(|registry| registry.pull.as_ref()) {
            Some(Pull::Identity(_)) => {
                for (_, identity) in self.needs.pulls.iter().filter(|(of, _)| of == host) {
                    checks.extend(self.pulling_identity(host, identity, &scope).await);
                }
            }
            Some(Pull::User(_) | Pull::Anonymous) => {}
            None if settings.is_some_and(|registry| registry.login.is_some()) => {}
            None => checks.push(pull_without_settings(host, &found, &self.subscription)),
        }
        checks
    }

    /// Looks in the resource groups of the plan first: who has no role on the subscription
    /// may not list it.
    async fn find_registry(&self, host: &str) -> Result<Option<Value>, Box<Check>> {
        let name = host.split('.').next().unwrap_or_default();
        let arm = &self.clients.arm;
        let provider = "providers/Microsoft.ContainerRegistry/registries";
        for (group, _) in self.needs.resource_groups() {
            let path = format!(
                "/subscriptions/{}/resourceGroups/{group}/{provider}/{name}",
                self.subscription
            );
            if let Ok(Some(found)) = arm.find::<Value>(&path, REGISTRY_API_VERSION).await {
                return Ok(Some(found));
            }
        }
        let path = format!("/subscriptions/{}/{provider}", self.subscription);
        let all: Vec<Value> = arm.list(&path, REGISTRY_API_VERSION).await.map_err(|error| {
            let id = format!("registry {host}");
            let check = failed_by(&id, &error);
            let scope = format!("/subscriptions/{}", self.subscription);
            Box::new(check.fix(self.assign("Reader", &scope)))
        })?;
        let is_it = |registry: &Value| {
            registry["properties"]["loginServer"]
                .as_str()
                .is_some_and(|it| it.eq_ignore_ascii_case(host))
        };
        Ok(all.into_iter().find(is_it))
    }

    /// The identity that the service pulls with: that it exists, may pull, and may be given
    /// to a container group.
    async fn pulling_identity(&self, host: &str, identity: &str, registry: &str) -> Vec<Check> {
        let id = format!("pull from {host}");
        let group = self.needs.resource_groups().into_iter().next().map(|(group, _)| group);
        let path = match (identity.starts_with('/'), group) {
            (true, _) => identity.to_owned(),
            (false, Some(group)) => format!(
                "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{identity}",
                self.subscription
            ),
            (false, None) => {
                return vec![Check::not_checked(
                    id,
                    "the resource group of the identity is not known",
                )];
            }
        };
        let found = self.clients.arm.find::<Value>(&path, IDENTITY_API_VERSION).await;
        let found = match found {
            Ok(Some(found)) => found,
            Ok(None) => {
                let group = path.split('/').nth(4).unwrap_or_default();
                let name = path.rsplit('/').next().unwrap_or_default();
                let check = Check::failed(id, format!("the identity `{name}` does not exist"));
                return vec![check.fix(format!(
                    "az identity create --subscription {} --resource-group {group} --name {name}",
                    self.subscription
                ))];
            }
            Err(error) => return vec![failed_by(&id, &error)],
        };
        let principal = found["properties"]["principalId"].as_str().unwrap_or_default();
        let pulls = match self.rights.roles(registry, principal).await {
            Ok(roles) if roles.iter().any(|role| PULLING_ROLES.contains(&role.as_str())) => {
                Check::ok(id, format!("the identity `{identity}` may pull"))
            }
            Ok(_) => Check::failed(id, format!("the identity `{identity}` has no role `AcrPull`"))
                .fix(assignment(principal, "ServicePrincipal", "AcrPull", registry)),
            Err(error) => failed_by(&id, &error),
        };
        let id = format!("assign {identity}");
        let assign = self.right(&id, &path, ASSIGN_ACTION, "Managed Identity Operator").await;
        vec![pulls, assign]
    }

    /// Reads each secret, as a run does.
    async fn secrets(&self) -> Vec<Check> {
        let sources = SecretSources::of_environment(self.session);
        let retries = retries(&self.session.redactor);
        let access =
            SecretAccess { connections: self.connections, sources: &sources, retries: &retries };
        let used = used_anywhere(&self.session.plan);
        let mut checks = Vec::new();
        for (name, declared) in self.session.plan.secrets.iter() {
            let id = format!("secret {}", name.value);
            if !used.contains(&name.value) {
                checks.push(Check::ok(id, "no step uses it"));
                continue;
            }
            let found = read(self.session, std::slice::from_ref(&name.value), access).await;
            let errors = match found {
                Ok(found) => {
                    let is_set =
                        found.secrets.iter().any(|(_, secret)| !secret.expose().is_empty());
                    let detail = if is_set { "can be read" } else { "is not set; it is optional" };
                    checks.push(match found.warnings.first() {
                        Some(warning) => Check::warning(id, warning),
                        None => Check::ok(id, detail),
                    });
                    continue;
                }
                Err(errors) => errors,
            };
            let shown =
                errors.into_iter().next().map(|error| error.shown(&self.session.redactor, None));
            let Some(failure) = shown else { continue };
            let detail = failure.chain.join(": ");
            let lacks_role = failure.help.as_ref().is_some_and(|help| help.contains(VAULT_ROLE));
            checks.push(match vault_of(declared).filter(|_| lacks_role) {
                Some(vault) => Check::failed(id, detail).fix(self.assign(
                    VAULT_ROLE,
                    &format!("\"$(az keyvault show --name {vault} --query id --output tsv)\""),
                )),
                None => Check::failed(id, detail).help(failure.help),
            });
        }
        checks
    }
}

/// How a service pulls where the plan says no `pull`: without a login where the registry
/// permits that, else as the admin user.
fn pull_without_settings(host: &str, registry: &Value, subscription: &str) -> Check {
    let id = format!("pull from {host}");
    if registry["properties"]["anonymousPullEnabled"] == true {
        return Check::ok(id, "the registry lets all pull");
    }
    if registry["properties"]["adminUserEnabled"] == true {
        return Check::ok(id, "the admin user of the registry pulls");
    }
    let name = host.split('.').next().unwrap_or_default();
    Check::failed(id, "the plan names no `pull`, and the registry has no admin user")
        .fix(format!(
            "az acr update --subscription {subscription} --name {name} --admin-enabled true"
        ))
        .help(Some("or write `pull: { identity: NAME }` under the registry in the plan".to_owned()))
}

fn assignment(principal: &str, kind: &str, role: &str, scope: &str) -> String {
    format!(
        "az role assignment create --assignee-object-id {principal} --assignee-principal-type {kind} \
         --role \"{role}\" --scope {scope}"
    )
}

/// The name of the first vault that a secret may come from, where it is written plainly.
fn vault_of(declared: &SecretDeclaration) -> Option<String> {
    declared.sources.iter().find_map(|source| match &source.value {
        SecretSource::KeyVault(KeyVaultReference::Named(named)) => {
            named.vault.as_literal().map(str::to_owned)
        }
        SecretSource::KeyVault(KeyVaultReference::Url(url)) => {
            let host = url.as_literal()?.split("://").nth(1)?;
            host.split('.').next().map(str::to_owned)
        }
        _ => None,
    })
}
