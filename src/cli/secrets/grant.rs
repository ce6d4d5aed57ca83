//! Gives an identity access to the vaults that the plan names.

use super::vaults::in_vaults;
use crate::azure::vault_access::{Granted, VaultAccess};
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::run::outcome::StepError;
use std::collections::BTreeSet;

pub async fn grant(
    session: &PlanSession,
    connections: &Connections,
    identity: &str,
) -> Result<Exit, StepError> {
    let all = in_vaults(session, connections)?;
    let vaults: BTreeSet<String> = all.iter().map(|(_, it)| it.vault().to_owned()).collect();
    if vaults.is_empty() {
        return Err(StepError::of_usage("the plan reads no secret from a vault")
            .help("add a source to one: `keyvault: https://VAULT.vault.azure.net/secrets/NAME`"));
    }
    let clients = connections.azure_clients(session);
    let subscription = clients.subscription.id(&session.plan, &session.scope).await?;
    let id = if identity.starts_with('/') {
        identity.to_owned()
    } else {
        let group = resource_group(session)?;
        clients.resource_groups.identity(&subscription, &group, identity).await?.id
    };
    let access = VaultAccess::new(clients.arm.clone());
    let principal = access.principal(&id).await?;
    for name in vaults {
        let vault = access.find(&subscription, &name).await?;
        let how = match access.grant(&vault, &principal).await? {
            Granted::Role => "now has the role Key Vault Secrets User",
            Granted::Policy => "now has an access policy",
            Granted::Already => "has the role Key Vault Secrets User already",
        };
        say::tell(&format!("vault `{name}`: `{identity}` {how}"));
    }
    Ok(Exit::Done)
}

/// The plan's resource group, in which an identity is looked for by its name.
fn resource_group(session: &PlanSession) -> Result<String, StepError> {
    let azure = session.plan.azure.as_ref();
    let text = azure.and_then(|azure| azure.resource_group.as_ref()).ok_or_else(|| {
        StepError::of_usage("the plan names no resource group to find the identity in")
            .help("name the identity by its resource id, or set `azure.resource-group`")
    })?;
    Ok(text.render_name(&session.scope)?.expose().to_owned())
}
