//! Which subscription is used: the one rule for every command and step.

use super::names::optional_plain;
use crate::azure::resource_groups::ResourceGroups;
use crate::plan::expr::Scope;
use crate::plan::schema::Plan;
use crate::run::outcome::StepError;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Chooses the subscription of a plan. A cheap handle that lists the visible
/// subscriptions once at most.
#[derive(Clone)]
pub struct SubscriptionChoice {
    groups: ResourceGroups,
    variable: Option<String>,
    visible: Arc<OnceCell<String>>,
}

impl SubscriptionChoice {
    /// `variable` is the value of `AZURE_SUBSCRIPTION_ID`.
    pub fn new(groups: ResourceGroups, variable: Option<&str>) -> Self {
        Self { groups, variable: variable.map(str::to_owned), visible: Arc::default() }
    }

    /// The id that the plan names, else that of `AZURE_SUBSCRIPTION_ID`, else the
    /// only visible one. An empty id counts as not named.
    pub async fn id(&self, plan: &Plan, scope: &Scope) -> Result<String, StepError> {
        let text = plan.azure.as_ref().and_then(|azure| azure.subscription.as_ref());
        let named = optional_plain(text, "subscription", scope)?.filter(|id| !id.is_empty());
        if let Some(id) = named.or_else(|| self.variable.clone()) {
            return Ok(id);
        }
        Ok(self.visible.get_or_try_init(|| self.groups.only_subscription()).await?.clone())
    }
}
