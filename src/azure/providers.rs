//! What a subscription lets run: its registered resource providers, and the quotas of
//! Container Instances.

use super::{Arm, ArmError};
use serde::Deserialize;

const PROVIDERS_API_VERSION: &str = "2021-04-01";
const INSTANCES_API_VERSION: &str = "2023-05-01";

/// How much of a quota is in use.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub name: UsageName,
    pub current_value: i64,
    pub limit: i64,
}

/// The name as Azure sends it, beside one for people.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct UsageName {
    pub value: String,
}

/// The client for providers and quotas. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProvidersAndQuotas(Arm);

impl ProvidersAndQuotas {
    pub fn new(arm: Arm) -> Self {
        Self(arm)
    }

    /// Whether a resource provider, such as `Microsoft.ContainerInstance`, is registered. One
    /// that is being registered takes requests already.
    pub async fn is_registered(
        &self,
        subscription: &str,
        provider: &str,
    ) -> Result<bool, ArmError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Provider {
            registration_state: String,
        }
        let path = format!("/subscriptions/{subscription}/providers/{provider}");
        let found: Provider = self.0.get(&path, PROVIDERS_API_VERSION).await?;
        Ok(["Registered", "Registering"].contains(&found.registration_state.as_str()))
    }

    /// The quotas of Container Instances in a region.
    pub async fn usages(&self, subscription: &str, region: &str) -> Result<Vec<Usage>, ArmError> {
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.ContainerInstance/locations/{region}/usages"
        );
        self.0.list(&path, INSTANCES_API_VERSION).await
    }
}
