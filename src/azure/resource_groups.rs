//! Subscriptions, resource groups and user-assigned identities.

use super::{Arm, ArmError, ArmRequest, Verb};
use crate::http::{Retry, Retryable};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const GROUPS_API_VERSION: &str = "2021-04-01";
const SUBSCRIPTIONS_API_VERSION: &str = "2022-12-01";
const IDENTITIES_API_VERSION: &str = "2023-01-31";

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ResourceGroup {
    /// The default location of resources in the group.
    pub location: String,
}

/// Why something was not found.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error("cannot {doing}")]
    Arm {
        /// The operation, as the first line of the message.
        doing: String,
        source: Box<ArmError>,
    },
    #[error("there is no resource group `{name}` in subscription {subscription}")]
    NoGroup { name: String, subscription: String },
    #[error("there is no user-assigned identity `{name}` in the resource group `{group}`")]
    NoIdentity { name: String, group: String },
    #[error("there is no Azure subscription that the signed-in identity can see")]
    NoSubscription,
    #[error("no subscription is named, and there are {}: {}", choices.len(), choices.join(", "))]
    ManySubscriptions {
        /// Each as `name` (id).
        choices: Vec<String>,
    },
}

impl Retryable for LookupError {
    fn retry(&self) -> Retry {
        match self {
            Self::Arm { source, .. } => source.retry(),
            Self::NoGroup { .. }
            | Self::NoIdentity { .. }
            | Self::NoSubscription
            | Self::ManySubscriptions { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Arm { source, .. } => source.help(),
            Self::NoGroup { name, .. } => Some(format!(
                "make it with `az group create --name {name} --location REGION`, or check its spelling"
            )),
            Self::NoIdentity { name, group } => Some(format!(
                "make it with `az identity create --name {name} --resource-group {group}` and give it the role AcrPull, or name one by its resource id"
            )),
            Self::NoSubscription => Some(
                "sign in to the subscription's tenant, or give the identity a role there; \
                 `az account list --output table` lists those that you can see"
                    .to_owned(),
            ),
            Self::ManySubscriptions { .. } => Some(
                "set `azure.subscription` in the plan, or `AZURE_SUBSCRIPTION_ID`, to one of them"
                    .to_owned(),
            ),
        }
    }
}

/// A user-assigned identity.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The resource id.
    pub id: String,
    /// The id that role assignments name it by; empty where Azure does not tell.
    pub principal: String,
}

/// The client for resource groups. Cheap to clone. Clones share the identities that they have
/// read, so that the preflight and the deploy use the same answer.
#[derive(Clone, Debug)]
pub struct ResourceGroups {
    arm: Arm,
    /// By their paths. Absence is not cached, since a run may create one.
    identities: Arc<Mutex<BTreeMap<String, Identity>>>,
}

impl ResourceGroups {
    pub fn new(arm: Arm) -> Self {
        Self { arm, identities: Arc::default() }
    }

    /// Reads a resource group, which must exist.
    pub async fn get(&self, subscription: &str, name: &str) -> Result<ResourceGroup, LookupError> {
        let path = format!("/subscriptions/{subscription}/resourcegroups/{name}");
        let found = self.arm.find(&path, GROUPS_API_VERSION).await;
        let found =
            found.map_err(|source| failed(format!("read the resource group `{name}`"), source))?;
        found.ok_or_else(|| LookupError::NoGroup {
            name: name.to_owned(),
            subscription: subscription.to_owned(),
        })
    }

    /// Whether a resource group exists.
    pub async fn exists(&self, subscription: &str, name: &str) -> Result<bool, LookupError> {
        match self.get(subscription, name).await {
            Ok(_) => Ok(true),
            Err(LookupError::NoGroup { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates a resource group.
    pub async fn create(
        &self,
        subscription: &str,
        name: &str,
        location: &str,
    ) -> Result<(), LookupError> {
        let path = format!("/subscriptions/{subscription}/resourcegroups/{name}");
        let body = serde_json::json!({ "location": location });
        let request = ArmRequest {
            verb: Verb::Put,
            path: &path,
            api_version: GROUPS_API_VERSION,
            body: Some(&body),
        };
        let created = self.arm.call(&request).await;
        created
            .map(drop)
            .map_err(|source| failed(format!("create the resource group `{name}`"), source))
    }

    /// The id of the only subscription that can be seen.
    pub async fn only_subscription(&self) -> Result<String, LookupError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Subscription {
            subscription_id: String,
            #[serde(default)]
            display_name: String,
        }
        let doing = "list the subscriptions".to_owned();
        let mut all: Vec<Subscription> = self
            .arm
            .list("/subscriptions", SUBSCRIPTIONS_API_VERSION)
            .await
            .map_err(|source| failed(doing, source))?;
        if all.len() > 1 {
            let shown = |one: &Subscription| {
                let Subscription { subscription_id: id, display_name: name } = one;
                if name.is_empty() { id.clone() } else { format!("`{name}` ({id})") }
            };
            return Err(LookupError::ManySubscriptions {
                choices: all.iter().map(shown).collect(),
            });
        }
        all.pop().map(|only| only.subscription_id).ok_or(LookupError::NoSubscription)
    }

    /// A user-assigned identity, by its name.
    pub async fn identity(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Identity, LookupError> {
        self.identity_at(&format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/\
             Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        ))
        .await
    }

    /// A user-assigned identity, by its resource id.
    pub async fn identity_at(&self, path: &str) -> Result<Identity, LookupError> {
        #[derive(Deserialize)]
        struct Document {
            id: String,
            #[serde(default)]
            properties: Properties,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Properties {
            principal_id: String,
        }
        let cache = || self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(path).cloned() {
            return Ok(known);
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let found: Option<Document> = self
            .arm
            .find(path, IDENTITIES_API_VERSION)
            .await
            .map_err(|source| failed(format!("find the identity `{name}`"), source))?;
        let found = found.ok_or_else(|| LookupError::NoIdentity {
            name: name.to_owned(),
            group: path.split('/').nth(4).unwrap_or_default().to_owned(),
        })?;
        let found = Identity { id: found.id, principal: found.properties.principal_id };
        cache().insert(path.to_owned(), found.clone());
        Ok(found)
    }
}

fn failed(doing: String, source: ArmError) -> LookupError {
    LookupError::Arm { doing, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::ResourceGroups;
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::http::Retryable as _;

    const GROUP: &str = "GET management.azure.com/subscriptions/s/resourcegroups/demo";
    const ALL: &str = "GET management.azure.com/subscriptions";

    #[tokio::test]
    async fn a_missing_group_is_an_error_with_its_remedy() {
        let gone = r#"{"error":{"code":"ResourceGroupNotFound","message":"gone"}}"#;
        let there = r#"{"name":"demo","location":"westeurope"}"#;
        let replies = vec![Reply::new(404, gone), Reply::new(200, there)];
        let fake = FakeAzure::script(vec![(GROUP, replies)]).await;
        let groups = ResourceGroups::new(fake.arm());

        let refused = groups.get("s", "demo").await.expect_err("not there");
        assert_eq!(refused.to_string(), "there is no resource group `demo` in subscription s");
        assert_eq!(
            refused.help().expect("a remedy"),
            "make it with `az group create --name demo --location REGION`, or check its spelling"
        );
        assert_eq!(groups.get("s", "demo").await.expect("there").location, "westeurope");
    }

    #[tokio::test]
    async fn the_only_subscription_is_used_and_two_are_listed() {
        let none = r#"{"value":[]}"#;
        let one = r#"{"value":[{"subscriptionId":"s","displayName":"Production"}]}"#;
        let two = r#"{"value":[{"subscriptionId":"s","displayName":"Production"},{"subscriptionId":"t"}]}"#;
        let replies = vec![Reply::new(200, one), Reply::new(200, two), Reply::new(200, none)];
        let fake = FakeAzure::script(vec![(ALL, replies)]).await;
        let groups = ResourceGroups::new(fake.arm());

        assert_eq!(groups.only_subscription().await.expect("one"), "s");
        let refused = groups.only_subscription().await.expect_err("two");
        assert_eq!(
            refused.to_string(),
            "no subscription is named, and there are 2: `Production` (s), t"
        );
        assert_eq!(
            refused.help().expect("a remedy"),
            "set `azure.subscription` in the plan, or `AZURE_SUBSCRIPTION_ID`, to one of them"
        );
        let refused = groups.only_subscription().await.expect_err("none");
        assert_eq!(
            refused.to_string(),
            "there is no Azure subscription that the signed-in identity can see"
        );
    }
}
