//! What to do about a code. One table, each row with its test.
//!
//! Most of these are from Microsoft's support articles, not from recordings:
//! the words of a message are only relied on where nothing else tells two
//! meanings of one code apart.

use super::error::Refusal;

/// What the reader can do about a refusal, where that is known.
pub(super) fn remedy(refusal: &Refusal) -> Option<String> {
    refusal.codes().find_map(|code| by_code(code, refusal)).or_else(|| by_status(refusal))
}

fn by_code(code: &str, refusal: &Refusal) -> Option<String> {
    // The service is not known to spell it in one way only.
    if code.starts_with("DnsNameLabel") || code == "DnsRecordInUse" {
        return Some(
            "somebody in this region has the DNS label; choose another `dns-label`, or set \
             `dns-label-scope: TenantReuse`, which adds a hash that makes it yours"
                .to_owned(),
        );
    }
    let help = match code {
        "InaccessibleImage" => {
            "Azure cannot pull the image: check that it was pushed under this name, that the \
             `pull` login of its registry works, and that the registry's firewall lets Azure in"
        }
        "RegistryErrorResponse" => {
            "the registry turned Azure away, as Docker Hub does without a login; push the image to \
             a registry of your own, or give its registry a `pull` login"
        }
        "AmbiguousImageResitryCredentialType" | "AmbiguousImageRegistryCredentialType" => {
            "a registry has both a user and an identity to pull with; give its `pull` one of them"
        }
        "InvalidImageRegistryIdentity" | "InvalidImageRegistryCredentialType" => {
            "the identity in `pull` must be a user-assigned one of this tenant; \
             `az identity list --output table` lists them"
        }
        "InvalidRequestContent" => {
            "the request lacks something that Azure needs; its words above name it"
        }
        "InvalidOsType" => "Shipway deploys Linux containers; check `--platform` of the build",
        "InvalidContainerGroupUpdate" => {
            "this cannot be changed in place; allow `replace: when-required`, which deletes the \
             group and makes it anew, with a new address and a minute without service"
        }
        "ContainerGroupTransitioning" => {
            "the group is in the middle of another change; wait for it, or raise the step's `retry`"
        }
        "ServiceUnavailable" if refusal.words().contains("quota") => {
            "the subscription may not make container groups here, as after the same name was used \
             in many regions at once; ask Azure's support, or choose another `location`"
        }
        "ServiceUnavailable" => {
            "the region has no room for a group of this size just now; try again later, ask for \
             less cpu and memory, or choose another `location`"
        }
        "ContainerGroupQuotaReached" => {
            "the region's quota is used up; remove groups that are no longer needed (`shipway \
             sweep`), choose another `location`, or ask for more in the portal under Quotas"
        }
        "MissingSubscriptionRegistration" | "NoRegisteredProviderFound" => {
            return Some(registration(refusal));
        }
        "PrincipalNotFound" => "the identity is too new for Azure to know it everywhere; try again",
        "ResourceGroupNotFound" => {
            "check `azure.resource-group`; `az group create --name NAME --location REGION` makes one"
        }
        "SubscriptionNotFound" | "InvalidSubscriptionId" => {
            "check `azure.subscription`, and that we are signed in to its tenant; \
             `az account list --output table` lists those that you can see"
        }
        "AuthorizationFailed" | "LinkedAuthorizationFailed" => return Some(permission(refusal)),
        "InvalidAuthenticationTokenTenant" => {
            "the subscription belongs to another tenant; check `AZURE_TENANT_ID`"
        }
        "RequestDisallowedByPolicy" => {
            "a policy of the subscription forbids it; its words above name it"
        }
        "AlreadyInUse" => "registry names are worldwide; choose another",
        "ClassicSkuDeprecated" => "set `create.sku` to `Basic`, `Standard` or `Premium`",
        "LocationNotAvailableForResourceType" => {
            "container instances are not offered there; choose another `location`"
        }
        "InvalidResourceLocation" => {
            "the group is in another location already; keep that `location`, or give this one \
             another `name`"
        }
        "ReadOnlyDisabledSubscription" => "the subscription is disabled; see its billing",
        _ => return None,
    };
    Some(help.to_owned())
}

fn by_status(refusal: &Refusal) -> Option<String> {
    match refusal.status {
        401 => Some(
            "check the tenant we sign in to (`AZURE_TENANT_ID`) and this machine's clock"
                .to_owned(),
        ),
        403 => Some(permission(refusal)),
        _ => None,
    }
}

/// Whoever reads this knows who signs in; Azure's words name it too.
fn permission(refusal: &Refusal) -> String {
    let scope = match refusal.path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "subscriptions", subscription, group, name, ..]
            if group.eq_ignore_ascii_case("resourceGroups") =>
        {
            format!("/subscriptions/{subscription}/resourceGroups/{name}")
        }
        ["", "subscriptions", subscription, ..] => format!("/subscriptions/{subscription}"),
        _ => "/subscriptions/SUBSCRIPTION".to_owned(),
    };
    format!(
        "whom we sign in as needs a role: `az role assignment create --role Contributor \
         --assignee CLIENT_ID --scope {scope}`; a new one takes some minutes to work"
    )
}

fn registration(refusal: &Refusal) -> String {
    let provider = refusal
        .path
        .split('/')
        .skip_while(|part| !part.eq_ignore_ascii_case("providers"))
        .nth(1)
        .unwrap_or("Microsoft.ContainerInstance");
    format!(
        "the subscription does not know the service yet: `az provider register --namespace {provider}`"
    )
}

#[cfg(test)]
mod tests {
    use super::{Refusal, remedy};

    /// Built from documentation: of these, recordings hold
    /// `NoRegisteredProviderFound`, `PrincipalNotFound` and `AlreadyInUse` alone.
    const TABLE: &[(u16, &str, &str)] = &[
        (
            400,
            "DnsNameLabelAlreadyTaken",
            "somebody in this region has the DNS label; choose another `dns-label`, or set `dns-label-scope: TenantReuse`, which adds a hash that makes it yours",
        ),
        (
            409,
            "DnsNameLabelNotAvailable",
            "somebody in this region has the DNS label; choose another `dns-label`, or set `dns-label-scope: TenantReuse`, which adds a hash that makes it yours",
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
            "the request lacks something that Azure needs; its words above name it",
        ),
        (
            400,
            "InvalidContainerGroupUpdate",
            "this cannot be changed in place; allow `replace: when-required`, which deletes the group and makes it anew, with a new address and a minute without service",
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
            "the region's quota is used up; remove groups that are no longer needed (`shipway sweep`), choose another `location`, or ask for more in the portal under Quotas",
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
            "check `azure.subscription`, and that we are signed in to its tenant; `az account list --output table` lists those that you can see",
        ),
        (
            403,
            "AuthorizationFailed",
            "whom we sign in as needs a role: `az role assignment create --role Contributor --assignee CLIENT_ID --scope /subscriptions/s/resourceGroups/r`; a new one takes some minutes to work",
        ),
        (
            401,
            "InvalidAuthenticationTokenTenant",
            "the subscription belongs to another tenant; check `AZURE_TENANT_ID`",
        ),
        (
            401,
            "ExpiredAuthenticationToken",
            "check the tenant we sign in to (`AZURE_TENANT_ID`) and this machine's clock",
        ),
        (
            403,
            "RequestDisallowedByPolicy",
            "a policy of the subscription forbids it; its words above name it",
        ),
        (409, "AlreadyInUse", "registry names are worldwide; choose another"),
        (400, "ClassicSkuDeprecated", "set `create.sku` to `Basic`, `Standard` or `Premium`"),
        (400, "InvalidOsType", "Shipway deploys Linux containers; check `--platform` of the build"),
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
    fn a_barred_subscription_is_told_from_a_full_region() {
        let barred = refused(409, "ServiceUnavailable", "quota 'ContainerGroups' exceeded");
        let help = "the subscription may not make container groups here, as after the same name \
                    was used in many regions at once; ask Azure's support, or choose another \
                    `location`";
        assert_eq!(remedy(&barred).as_deref(), Some(help));
    }
}
