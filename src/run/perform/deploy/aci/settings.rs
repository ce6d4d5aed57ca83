//! What a group has beside its containers and volumes, expressions evaluated.

use super::group::ContainerGroup;
use crate::azure::container_instances::{DnsConfig, GroupId, Hosting, Identities, LogAnalytics};
use crate::plan::expr::Scope;
use crate::plan::schema::Aci;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::pull::identity_id;
use crate::run::perform::deploy::values::secret;
use crate::run::perform::names::{name, optional_plain, plain_list};
use crate::value::IpKind;

/// The plan's `ip`; by default a group in a subnet has a private address.
pub fn ip_kind(aci: &Aci, scope: &Scope) -> Result<IpKind, StepError> {
    match &aci.ip {
        Some(field) => Ok(field.resolve(scope)?),
        None if aci.subnet.is_some() => Ok(IpKind::Private),
        None => Ok(IpKind::Public),
    }
}

/// The id of the subnet; one that is named is in the resource group of the container
/// group.
pub fn subnet(aci: &Aci, id: &GroupId, scope: &Scope) -> Result<Option<String>, StepError> {
    let Some(text) = &aci.subnet else { return Ok(None) };
    let subnet = name(text, "subnet", scope)?;
    let Some((network, subnet_name)) =
        subnet.split_once('/').filter(|(first, _)| !first.is_empty())
    else {
        return Ok(Some(subnet));
    };
    let GroupId { subscription, resource_group, .. } = id;
    Ok(Some(format!(
        "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
         Microsoft.Network/virtualNetworks/{network}/subnets/{subnet_name}"
    )))
}

pub fn dns_config(aci: &Aci, scope: &Scope) -> Result<Option<DnsConfig>, StepError> {
    let Some(keys) = &aci.dns_config else { return Ok(None) };
    Ok(Some(DnsConfig {
        name_servers: plain_list(&keys.name_servers, "name server", scope)?,
        search_domains: plain_list(&keys.search_domains, "domain", scope)?,
        options: plain_list(&keys.options, "option", scope)?,
    }))
}

pub async fn identities(
    group: &ContainerGroup<'_>,
    scope: &Scope,
) -> Result<Identities, StepError> {
    let Some(keys) = &group.keys.identity else { return Ok(Identities::default()) };
    let mut user_assigned = Vec::new();
    for text in &keys.user_assigned {
        user_assigned.push(identity_id(group.settings(scope), text).await?);
    }
    Ok(Identities { system: keys.system.resolve(scope)?, user_assigned })
}

pub fn log_analytics(aci: &Aci, scope: &Scope) -> Result<Option<LogAnalytics>, StepError> {
    let Some(keys) = &aci.log_analytics else { return Ok(None) };
    Ok(Some(LogAnalytics {
        workspace_id: name(&keys.workspace_id, "id of a workspace", scope)?,
        workspace_key: secret(&keys.workspace_key, "the key of the workspace", scope)?,
        log_type: keys.log_type.resolve(scope)?,
    }))
}

pub fn hosting(aci: &Aci, scope: &Scope) -> Result<Hosting, StepError> {
    Ok(Hosting {
        zones: plain_list(&aci.zones, "zone", scope)?,
        priority: aci.priority.resolve(scope)?,
        sku: aci.sku.resolve(scope)?,
        cce_policy: optional_plain(aci.cce_policy.as_ref(), "policy", scope)?,
    })
}
