//! The remedy for a refusal, from the table of failures.

use super::refusal::Refusal;
use crate::azure::failures::{Service, find};

const SUBSCRIPTION_BARRED: &str = "the subscription may not make container groups here, as after the \
     same name was used in many regions at once; ask Azure's support, or choose another `location`";

/// What the reader can do about a refusal, if that is known.
pub fn remedy(refusal: &Refusal) -> Option<String> {
    refusal.codes().find_map(|code| by_code(code, refusal)).or_else(|| by_status(refusal))
}

fn by_code(code: &str, refusal: &Refusal) -> Option<String> {
    if code == "ServiceUnavailable" && refusal.messages().contains("quota") {
        return Some(SUBSCRIPTION_BARRED.to_owned());
    }
    // Microsoft documents several spellings of this code.
    let code = if code.starts_with("DnsNameLabel") { "DnsNameLabelAlreadyTaken" } else { code };
    find(Service::ResourceManager, code)
        .map(|row| row.remedy(&[("scope", &scope(refusal)), ("provider", provider(refusal))]))
}

/// For a code that is not known.
fn by_status(refusal: &Refusal) -> Option<String> {
    let code = match refusal.status {
        401 => "InvalidAuthenticationToken",
        403 => "AuthorizationFailed",
        _ => return None,
    };
    by_code(code, refusal)
}

/// The resource group or subscription that a role has to be at. Azure's message names the
/// identity.
fn scope(refusal: &Refusal) -> String {
    match refusal.path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "subscriptions", subscription, group, name, ..]
            if group.eq_ignore_ascii_case("resourceGroups") =>
        {
            format!("/subscriptions/{subscription}/resourceGroups/{name}")
        }
        ["", "subscriptions", subscription, ..] => format!("/subscriptions/{subscription}"),
        _ => "/subscriptions/SUBSCRIPTION".to_owned(),
    }
}

fn provider(refusal: &Refusal) -> &str {
    refusal
        .path
        .split('/')
        .skip_while(|part| !part.eq_ignore_ascii_case("providers"))
        .nth(1)
        .unwrap_or("Microsoft.ContainerInstance")
}

#[cfg(test)]
mod tests {
    use super::{Refusal, remedy};

    /// From documentation. Recordings hold only
    /// `NoRegisteredProviderFound`, `PrincipalNotFound` and `AlreadyInUse`.
    const TABLE: &[(u16, &str, &str)] = &[
        (
            400,
            "DnsNameLabelAlreadyTaken",
            "the DNS label is taken in this region; choose another `dns-label`, or set `dns-label-scope: TenantReuse`, which adds a hash that makes it yours",
        ),
        (
            409,
            "DnsNameLabelNotAvailable",
            "the DNS label is taken in this region; choose another `dns-label`, or set `dns-label-scope: TenantReuse`, which adds a hash that makes it yours",
        ),
        (
            400,
            "InaccessibleImage",
            "Azure cannot pull the image: check that it was pushed under this name, that the `pull` login of its registry works, and that the registry's firewall lets Azure in",
        ),
        (
            400,
            "RegistryErrorResponse",
            "the registry turned Azure away, as Docker Hub does without a login; push the image to a registry of your own, or give its registry a `pull` login",
        ),
        (
            400,
            "AmbiguousImageResitryCredentialType",
            "a registry has both a user and an identity to pull with; give its `pull` one of them",
        ),
        (
            400,
            "InvalidImageRegistryIdentity",
            "the identity in `pull` must be a user-assigned one of this tenant; `az identity list --output table` lists them",
        ),
        (
            400,
            "InvalidImageRegistryCredentialType",
            "the identity in `pull` must be a user-assigned one of this tenant; `az identity list --output table` lists them",
        ),
        (
            400,
            "InvalidRequestContent",
            "the request lacks something that Azure needs; its message above names it",
        ),
        (
            400,
            "InvalidContainerGroupUpdate",
            "this cannot be changed in place; allow `replace: when-required`, which deletes the group and creates it again, with a new address and a minute without service",
        ),
        (
            409,
            "ContainerGroupTransitioning",
            "the group is in the middle of another change; wait for it, or raise the step's `retry`",
        ),
        (
            409,
            "ServiceUnavailable",
            "the region has no room for a group of this size just now; try again later, ask for less cpu and memory, or choose another `location`",
        ),
        (
            409,
            "ContainerGroupQuotaReached",
            "the region's quota is used up; remove groups that are no longer needed with `az container delete`, choose another `location`, or ask for more in the portal under Quotas",
        ),
        (
            400,
            "PrincipalNotFound",
            "the identity is too new for Azure to know it everywhere; try again",
        ),
        (
            409,
            "MissingSubscriptionRegistration",
            "the subscription does not know the service yet: `az provider register --namespace Microsoft.X`",
        ),
        (
            400,
            "NoRegisteredProviderFound",
            "the subscription does not know the service yet: `az provider register --namespace Microsoft.X`",
        ),
        (
            404,
            "ResourceGroupNotFound",
            "check `azure.resource-group`; `az group create --name NAME --location REGION` makes one",
        ),
        (
            404,
            "SubscriptionNotFound",
            "check `azure.subscription`, and that Shipway is signed in to its tenant; `az account list --output table` lists those that you can see",
        ),
        (
            403,
            "AuthorizationFailed",
            "the signed-in identity needs a role: `az role assignment create --role Contributor --assignee CLIENT_ID --scope /subscriptions/s/resourceGroups/r`; a new one takes some minutes to work",
        ),
        (
            401,
            "InvalidAuthenticationTokenTenant",
            "the subscription belongs to another tenant; check `AZURE_TENANT_ID`",
        ),
        (
            401,
            "ExpiredAuthenticationToken",
            "check the tenant of the sign-in (`AZURE_TENANT_ID`) and this machine's clock",
        ),
        (
            403,
            "RequestDisallowedByPolicy",
            "a policy of the subscription forbids it; its message above names it",
        ),
        (409, "AlreadyInUse", "registry names are worldwide; choose another"),
        (400, "ClassicSkuDeprecated", "set `create.sku` to `Basic`, `Standard` or `Premium`"),
        (400, "InvalidOsType", "Shipway deploys Linux containers; check `platform` of the build"),
        (
            400,
            "LocationNotAvailableForResourceType",
            "container instances are not offered there; choose another `location`",
        ),
        (
            409,
            "InvalidResourceLocation",
            "the group is in another location already; keep that `location`, or give this one another `name`",
        ),
        (409, "ReadOnlyDisabledSubscription", "the subscription is disabled; see its billing"),
    ];

    fn refused(status: u16, code: &str, message: &str) -> Refusal {
        let path = "/subscriptions/s/resourceGroups/r/providers/Microsoft.X/things/t".to_owned();
        let (code, message) = (code.to_owned(), message.to_owned());
        Refusal { path, status, code, message, ..Refusal::default() }
    }

    #[test]
    fn each_code_has_its_remedy() {
        for &(status, code, help) in TABLE {
            assert_eq!(remedy(&refused(status, code, "")).as_deref(), Some(help), "{code}");
        }
        assert_eq!(remedy(&refused(400, "Unheard", "")), None);
    }

    #[test]
    fn a_barred_subscription_differs_from_a_full_region() {
        let barred = refused(409, "ServiceUnavailable", "quota 'ContainerGroups' exceeded");
        let help = "the subscription may not make container groups here, as after the same name \
                was used in many regions at once; ask Azure's support, or choose another \
                `location`";
        assert_eq!(remedy(&barred).as_deref(), Some(help));
    }
}
