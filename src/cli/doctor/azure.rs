//! Azure: who is signed in, the subscription, its resource groups, providers, quotas and
//! names.

use super::check::{Check, State};
use super::needs::{GroupNeed, Needs};
use crate::azure::providers::ProvidersAndQuotas;
use crate::azure::resource_groups::LookupError;
use crate::azure::rights::Rights;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::http::Retryable;
use crate::run::outcome::chain_of;
use crate::run::perform::AzureClients;
use crate::value::normal_region;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use std::time::Duration;

/// Who is signed in, as role assignments name it.
#[derive(Clone, Debug)]
pub struct Principal {
    pub object_id: String,
    /// `ServicePrincipal` or `User`, as `az role assignment create` takes it.
    pub kind: &'static str,
}

/// What the checks of Azure ask with.
pub struct AzureDoctor<'a> {
    pub session: &'a PlanSession,
    pub connections: &'a Connections,
    pub clients: AzureClients,
    pub providers: ProvidersAndQuotas,
    pub rights: Rights,
    pub needs: &'a Needs,
    pub subscription: String,
    pub principal: Option<Principal>,
}

/// How long a name of others may take to answer.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(5);

pub fn failed_by(id: &str, error: &(impl Retryable + 'static)) -> Check {
    Check::failed(id, chain_of(error).join(": ")).help(error.help())
}

/// Signs in; who that is, and how it was found.
pub async fn identity(
    session: &PlanSession,
    connections: &Connections,
) -> (Check, Option<Principal>) {
    let credential = &connections.credential;
    let scope = &connections.endpoints.resource_manager_scope;
    let token = match credential.token(scope).await {
        Ok(token) => token,
        Err(error) => {
            let check = failed_by("identity", &error);
            let in_actions = session.host.in_actions();
            return (if in_actions { check } else { check.fix("az login") }, None);
        }
    };
    let claims = claims(token.expose()).unwrap_or(Value::Null);
    let claim = |name: &str| claims[name].as_str().map(str::to_owned);
    let is_user = claim("idtyp").as_deref() == Some("user") || claim("upn").is_some();
    let who = claim("upn")
        .or_else(|| claim("unique_name"))
        .or_else(|| claim("appid").map(|id| format!("application {id}")))
        .unwrap_or_else(|| "an unknown identity".to_owned());
    let how = credential.method().map(|method| format!(" with {method}")).unwrap_or_default();
    let tenant = claim("tid").map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
    let kind = if is_user { "User" } else { "ServicePrincipal" };
    let principal = claim("oid").map(|object_id| Principal { object_id, kind });
    (Check::ok("identity", format!("signed in{how} as {who}{tenant}")), principal)
}

/// The claims of an access token, which only its own client may look into.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl AzureDoctor<'_> {
    /// Resource groups, providers, quotas and labels.
    pub async fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        for (name, location) in self.needs.resource_groups() {
            checks.push(self.resource_group(&name, location.as_deref()).await);
        }
        for provider in self.providers() {
            checks.push(self.provider(provider).await);
        }
        let mut regions: Vec<String> =
            self.needs.groups.iter().filter_map(|group| group.location.clone()).collect();
        regions.sort_unstable();
        regions.dedup();
        for region in regions {
            checks.push(self.quota(&region).await);
        }
        for group in &self.needs.groups {
            checks.extend(self.label(group).await);
        }
        checks
    }

    async fn resource_group(&self, name: &str, location: Option<&str>) -> Check {
        let id = format!("resource group {name}");
        match self.clients.resource_groups.get(&self.subscription, name).await {
            Ok(found) => Check::ok(id, format!("exists in {}", found.location)),
            Err(LookupError::NoGroup { .. }) => {
                let region = location.unwrap_or("westeurope");
                Check::failed(id, "does not exist").fix(format!(
                    "az group create --subscription {} --name {name} --location {region}",
                    self.subscription
                ))
            }
            Err(error) => failed_by(&id, &error),
        }
    }

    fn providers(&self) -> Vec<&'static str> {
        let Needs { groups, apps, registries, pulls, vaults, .. } = self.needs;
        let all = [
            ("Microsoft.ContainerInstance", !groups.is_empty()),
            ("Microsoft.App", !apps.is_empty()),
            ("Microsoft.ContainerRegistry", !registries.is_empty()),
            ("Microsoft.ManagedIdentity", !pulls.is_empty()),
            ("Microsoft.KeyVault", *vaults),
        ];
        all.into_iter().filter(|(_, is_needed)| *is_needed).map(|(name, _)| name).collect()
    }

    async fn provider(&self, name: &str) -> Check {
        let id = format!("provider {name}");
        match self.providers.is_registered(&self.subscription, name).await {
            Ok(true) => Check::ok(id, "is registered"),
            Ok(false) => Check::failed(id, "is not registered in the subscription").fix(format!(
                "az provider register --subscription {} --namespace {name} --wait",
                self.subscription
            )),
            Err(error) => failed_by(&id, &error),
        }
    }

    async fn quota(&self, region: &str) -> Check {
        let id = format!("quota {region}");
        let usages = match self.providers.usages(&self.subscription, &normal_region(region)).await {
            Ok(usages) => usages,
            Err(error) => return failed_by(&id, &error),
        };
        let full: Vec<String> = usages
            .iter()
            .filter(|usage| usage.limit > 0 && usage.current_value >= usage.limit)
            .map(|usage| format!("{} {} of {}", usage.name.value, usage.current_value, usage.limit))
            .collect();
        if full.is_empty() {
            let groups = usages.iter().find(|usage| usage.name.value == "ContainerGroups");
            let shown = groups.map(|usage| {
                format!("{} of {} container groups", usage.current_value, usage.limit)
            });
            return Check::ok(id, shown.unwrap_or_else(|| "is not used up".to_owned()));
        }
        let help = "remove container groups with `shipway sweep`, choose another region, or ask for \
                    a higher quota in Azure's portal";
        Check::failed(id, format!("is used up: {}", full.join(", "))).help(Some(help.to_owned()))
    }

    /// Whether a DNS label is this plan's or free. Azure has no request for that, so a name
    /// that is not of the own group is asked for by HTTP: one that does not exist cannot
    /// answer.
    async fn label(&self, group: &GroupNeed) -> Option<Check> {
        let label = group.label.as_ref()?;
        let id = format!("dns label {label}");
        let (Some(resource_group), Some(location)) = (&group.resource_group, &group.location)
        else {
            return Some(Check::not_checked(id, "the region is known only to the resource group"));
        };
        let path = format!(
            "/subscriptions/{}/resourceGroups/{resource_group}/providers/Microsoft.ContainerInstance/containerGroups/{}",
            self.subscription,
            group.name.as_deref().unwrap_or(label)
        );
        if let Ok(Some(found)) = self.clients.arm.find::<Value>(&path, "2023-05-01").await
            && found["properties"]["ipAddress"]["dnsNameLabel"] == label.as_str()
        {
            return Some(Check::ok(id, format!("is that of `{}`, which runs", group.service)));
        }
        let host = format!("{label}.{}.azurecontainer.io", normal_region(location));
        if !self.answers(&host).await {
            return Some(Check::ok(id, format!("nothing answers at {host}")));
        }
        let check =
            Check::new(id, State::Failed, format!("{host} belongs to another container group"));
        Some(check.help(Some("choose another `dns-label` in the plan".to_owned())))
    }

    async fn answers(&self, host: &str) -> bool {
        let request = self.connections.http.direct().get(format!("http://{host}/"));
        match self.connections.http.send(request.timeout(MAX_ANSWER_TIME)).await {
            // A proxy says so of a name that does not exist.
            Ok(response) => !(500..600).contains(&response.status().as_u16()),
            Err(_) => false,
        }
    }
}
