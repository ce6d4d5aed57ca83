//! Who may read a vault: gives an identity that right, as the vault wants it, by a role or by
//! an access policy.

use super::{Arm, ArmError, ArmRequest, Verb};
use crate::http::{Retry, Retryable};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const VAULTS_API_VERSION: &str = "2023-07-01";
const ROLES_API_VERSION: &str = "2022-04-01";
const IDENTITIES_API_VERSION: &str = "2023-01-31";

/// "Key Vault Secrets User" (learn.microsoft.com, "Azure built-in roles").
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";

/// How long a principal that was made just now may be unknown to the directory: recorded
/// cases took up to 269 seconds.
const MAX_DIRECTORY_DELAY: Duration = Duration::from_mins(5);
const DIRECTORY_WAIT: Duration = Duration::from_secs(10);

/// Why an identity could not be given access.
#[derive(Debug, thiserror::Error)]
pub enum VaultAccessError {
    #[error("cannot {doing}")]
    Arm {
        /// The operation, in words that fit after "cannot".
        doing: String,
        source: Box<ArmError>,
    },
    #[error("there is no vault `{name}` in subscription {subscription}")]
    NoVault { name: String, subscription: String },
}

impl Retryable for VaultAccessError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::NoVault { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Arm { source, .. } => source.help(),
            Self::NoVault { name, .. } => Some(format!(
                "make it with `az keyvault create --name {name} --resource-group GROUP`, or check \
                 its spelling and the subscription"
            )),
        }
    }
}

/// A vault, as Resource Manager knows it.
#[derive(Clone, Debug)]
pub struct Vault {
    /// Its resource id.
    pub id: String,
    /// Whether roles decide who may read it, and not its access policies.
    pub uses_roles: bool,
    tenant: String,
}

/// How an identity was given access.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Granted {
    /// By the role Key Vault Secrets User at the vault.
    Role,
    /// By an access policy of the vault.
    Policy,
    /// It had the role.
    Already,
}

/// The client for the access to vaults. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VaultAccess(Arm);

impl VaultAccess {
    pub fn new(arm: Arm) -> Self {
        Self(arm)
    }

    /// Finds a vault of the subscription by its name.
    pub async fn find(&self, subscription: &str, name: &str) -> Result<Vault, VaultAccessError> {
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.KeyVault/vaults");
        let listed: Result<Vec<Value>, ArmError> = self.0.list(&path, VAULTS_API_VERSION).await;
        let listed = listed.map_err(|source| failed("list the vaults".to_owned(), source))?;
        let is_it =
            |vault: &&Value| vault["name"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name));
        let found = listed.iter().find(is_it).ok_or_else(|| VaultAccessError::NoVault {
            name: name.to_owned(),
            subscription: subscription.to_owned(),
        })?;
        let properties = &found["properties"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Vault {
            id: text(&found["id"]),
            uses_roles: properties["enableRbacAuthorization"] == true,
            tenant: text(&properties["tenantId"]),
        })
    }

    /// The id that the directory has for a user-assigned identity.
    pub async fn principal(&self, identity: &str) -> Result<String, VaultAccessError> {
        let doing = || format!("read the identity `{}`", identity.rsplit('/').next().unwrap_or(""));
        let found: Result<Value, ArmError> = self.0.get(identity, IDENTITIES_API_VERSION).await;
        let found = found.map_err(|source| failed(doing(), source))?;
        match found["properties"]["principalId"].as_str() {
            Some(principal) => Ok(principal.to_owned()),
            None => Err(failed(doing(), self.0.unreadable(identity, &"it has no principal"))),
        }
    }

    /// Lets a principal read the secrets of a vault.
    pub async fn grant(&self, vault: &Vault, principal: &str) -> Result<Granted, VaultAccessError> {
        let name = vault.id.rsplit('/').next().unwrap_or_default();
        let sent = if vault.uses_roles {
            self.role(vault, principal).await
        } else {
            self.policy(vault, principal).await
        };
        sent.map_err(|source| failed(format!("give access to the vault `{name}`"), source))
    }

    async fn role(&self, vault: &Vault, principal: &str) -> Result<Granted, ArmError> {
        let scope = &vault.id;
        // The same assignment has the same id, so that a second one changes nothing.
        let id = uuid(&format!("{scope}/{SECRETS_USER}/{principal}").to_ascii_lowercase());
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{id}");
        let subscription = scope.split('/').nth(2).unwrap_or_default();
        let role = format!(
            "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/\
             {SECRETS_USER}"
        );
        let body = json!({ "properties": {
            "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal",
        } });
        let request = ArmRequest {
            verb: Verb::Put,
            path: &path,
            api_version: ROLES_API_VERSION,
            body: Some(&body),
        };
        let began = Instant::now();
        loop {
            match self.0.call(&request).await {
                Err(ArmError::Refused(refusal)) if refusal.has("RoleAssignmentExists") => {
                    return Ok(Granted::Already);
                }
                Err(ArmError::Refused(refusal))
                    if refusal.has("PrincipalNotFound")
                        && began.elapsed() < MAX_DIRECTORY_DELAY =>
                {
                    tokio::time::sleep(DIRECTORY_WAIT).await;
                }
                // Azure answers 200 to a PUT that changes nothing.
                Ok(response) if response.status == 200 => return Ok(Granted::Already),
                other => return other.map(|_| Granted::Role),
            }
        }
    }

    async fn policy(&self, vault: &Vault, principal: &str) -> Result<Granted, ArmError> {
        let path = format!("{}/accessPolicies/add", vault.id);
        let body = json!({ "properties": { "accessPolicies": [{
            "tenantId": vault.tenant, "objectId": principal,
            "permissions": { "secrets": ["get"] },
        }] } });
        let request = ArmRequest {
            verb: Verb::Put,
            path: &path,
            api_version: VAULTS_API_VERSION,
            body: Some(&body),
        };
        self.0.call(&request).await.map(|_| Granted::Policy)
    }
}

fn failed(doing: String, source: ArmError) -> VaultAccessError {
    VaultAccessError::Arm { doing, source: Box::new(source) }
}

/// A UUID made of a text: always the same one.
fn uuid(text: &str) -> String {
    let hash = hex::encode(digest(&SHA256, text.as_bytes()).as_ref());
    // Version 8 and the variant of RFC 9562.
    format!(
        "{}-{}-8{}-8{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[13..16],
        &hash[17..20],
        &hash[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::{Granted, Vault, VaultAccess, uuid};
    use crate::azure::fake::{FakeAzure, Reply};
    use serde_json::json;

    const VAULT: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/shop";

    fn vault(uses_roles: bool) -> Vault {
        Vault { id: VAULT.to_owned(), uses_roles, tenant: "t".to_owned() }
    }

    #[test]
    fn assignment_has_the_same_id_each_time() {
        assert_eq!(uuid("a"), uuid("a"));
        assert_ne!(uuid("a"), uuid("b"));
        assert_eq!(uuid("a"), "ca978112-ca1b-8dca-8ac2-31b39a23dc4d");
    }

    #[tokio::test]
    async fn vault_with_access_policies_gets_one() {
        let path = format!("PUT management.azure.com{VAULT}/accessPolicies/add");
        let fake = FakeAzure::script(vec![(&path, vec![Reply::new(200, "{}")])]).await;
        let access = VaultAccess::new(fake.arm());
        assert_eq!(access.grant(&vault(false), "p").await.expect("given"), Granted::Policy);
        let sent = fake.requests().into_iter().find(|it| it.method == "PUT").expect("a request");
        assert_eq!(
            sent.body,
            r#"{"properties":{"accessPolicies":[{"tenantId":"t","objectId":"p","permissions":{"secrets":["get"]}}]}}"#
        );
    }

    #[tokio::test]
    async fn role_that_is_there_already_is_no_failure() {
        let exists = json!({ "error": { "code": "RoleAssignmentExists", "message": "The role assignment already exists." } });
        let fake = FakeAzure::start(move |request| {
            if request.to.ends_with("/oauth2/v2.0/token") {
                return Reply::json(
                    200,
                    &json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 3600 }),
                );
            }
            Reply::json(409, &exists)
        })
        .await;
        let access = VaultAccess::new(fake.arm());
        assert_eq!(access.grant(&vault(true), "p").await.expect("there"), Granted::Already);
    }
}
