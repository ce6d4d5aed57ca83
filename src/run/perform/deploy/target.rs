//! Where in Azure a group goes.

use crate::azure::container_instances::GroupId;
use crate::plan::expr::Scope;
use crate::plan::schema::{Aci, Azure};
use crate::run::outcome::StepError;
use crate::run::perform::names::name;
use crate::run::perform::performer::Performer;

/// Subscription, resource group and name.
pub(in crate::run::perform) struct Target<'a> {
    /// The performer.
    pub(in crate::run::perform) performer: &'a Performer,
    /// The service's place in the plan.
    pub(in crate::run::perform) service: usize,
    /// What its expressions see.
    pub(in crate::run::perform) scope: &'a Scope,
}

impl Target<'_> {
    fn azure(&self) -> Option<&Azure> {
        self.performer.plan.azure.as_ref()
    }

    /// The subscription, see [`SubscriptionChoice::id`].
    ///
    /// [`SubscriptionChoice::id`]: crate::run::perform::subscription::SubscriptionChoice::id
    pub(in crate::run::perform) async fn subscription(&self) -> Result<String, StepError> {
        self.performer.clients.subscription.id(&self.performer.plan, self.scope).await
    }

    /// The resource group: the step's, else the plan's.
    pub(in crate::run::perform) fn resource_group(
        &self,
        own: Option<&crate::plan::schema::Text>,
    ) -> Result<String, StepError> {
        let given = own.or_else(|| self.azure().and_then(|azure| azure.resource_group.as_ref()));
        given.map(|text| name(text, "resource group", self.scope)).transpose()?.ok_or_else(|| {
            StepError::new("no resource group is named").help("set `azure.resource-group`")
        })
    }

    /// The region: the step's, else the plan's, else the resource group's.
    pub(super) async fn location(&self, aci: &Aci, id: &GroupId) -> Result<String, StepError> {
        let given = aci.location.as_ref();
        let given = given.or_else(|| self.azure().and_then(|azure| azure.location.as_ref()));
        let given = given.map(|text| name(text, "location", self.scope)).transpose()?;
        if let Some(location) = given {
            return Ok(location);
        }
        let groups = &self.performer.clients.resource_groups;
        let group = groups.get(&id.subscription, &id.resource_group).await;
        Ok(group.map_err(|error| StepError::from_error(&error))?.location)
    }

    /// Which group: its own name, else the DNS label, else plan and service.
    pub(super) async fn id(&self, aci: &Aci) -> Result<GroupId, StepError> {
        let given = aci.name.as_ref().or(aci.dns_label.as_ref());
        let given = given.map(|text| name(text, "container group's name", self.scope));
        Ok(GroupId {
            subscription: self.subscription().await?,
            resource_group: self.resource_group(aci.resource_group.as_ref())?,
            name: given.transpose()?.unwrap_or_else(|| self.default_name()),
        })
    }

    fn default_name(&self) -> String {
        let plan = crate::resolve::slug(&self.performer.plan.name.value);
        if self.performer.plan.single {
            return plan;
        }
        let service = crate::resolve::slug(&self.performer.service_name(self.service));
        format!("{plan}-{service}")
    }
}
