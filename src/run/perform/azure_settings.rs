//! Where in Azure something goes: subscription, resource group and location.

use super::names::name;
use super::performer::Performer;
use crate::plan::expr::Scope;
use crate::plan::schema::Text;
use crate::run::outcome::StepError;

/// The plan's `azure`, seen from one step.
#[derive(Clone, Copy)]
pub struct AzureSettings<'a> {
    pub performer: &'a Performer,
    pub scope: &'a Scope,
}

impl AzureSettings<'_> {
    /// The subscription's id, by the rule in `subscription`.
    pub async fn subscription(&self) -> Result<String, StepError> {
        let Performer { services, plan, .. } = self.performer;
        services.clients.azure.subscription.id(&plan.parsed, self.scope).await
    }

    /// The resource group: `own` of the step, else the plan's.
    pub fn resource_group(&self, own: Option<&Text>) -> Result<String, StepError> {
        let plans = self.performer.plan.azure().and_then(|azure| azure.resource_group.as_ref());
        let text = own.or(plans).ok_or_else(|| {
            StepError::new("no resource group is named").help("set `azure.resource-group`")
        })?;
        name(text, "resource group", self.scope)
    }

    /// Whether the resource group is created where it is not there.
    pub fn creates_group(&self) -> Result<bool, StepError> {
        let azure = self.performer.plan.azure();
        let creates = azure.map(|azure| azure.create.resolve(self.scope)).transpose()?;
        Ok(creates.unwrap_or(false))
    }

    /// The plan's location.
    pub fn plans_location(&self) -> Option<&Text> {
        self.performer.plan.azure().and_then(|azure| azure.location.as_ref())
    }

    /// The location: `own` of the step, else the plan's, else the resource group's.
    pub async fn location(
        &self,
        own: Option<&Text>,
        subscription: &str,
        resource_group: &str,
    ) -> Result<String, StepError> {
        if let Some(text) = own.or(self.plans_location()) {
            return name(text, "location", self.scope);
        }
        let groups = &self.performer.services.clients.azure.resource_groups;
        Ok(groups.get(subscription, resource_group).await?.location)
    }
}
