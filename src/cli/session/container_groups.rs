//! Lists the container groups of the plan's subscription.

use super::PlanSession;
use crate::azure::ArmError;
use crate::azure::container_instances::{ContainerInstances, Group};
use crate::http::Retryable as _;
use crate::plan::schema::{Action, Text};
use crate::run::outcome::{StepError, chain_of};
use std::collections::BTreeSet;

pub struct ContainerGroups<'a> {
    pub session: &'a PlanSession,
    pub instances: &'a ContainerInstances,
}

impl ContainerGroups<'_> {
    /// All groups of the subscription, or only those of the plan's resource groups
    /// if the credential may not list all.
    pub async fn all(&self, subscription: &str) -> Result<Vec<Group>, StepError> {
        let whole = match self.instances.list_all(subscription).await {
            Ok(groups) => return Ok(groups),
            Err(error) => error,
        };
        let named = self.resource_groups();
        if named.is_empty() || !is_forbidden(&whole) {
            return Err(failed(&whole));
        }
        self.of(subscription, &named).await
    }

    /// The groups of these resource groups.
    pub async fn of(
        &self,
        subscription: &str,
        resource_groups: &BTreeSet<String>,
    ) -> Result<Vec<Group>, StepError> {
        let mut found = Vec::new();
        for group in resource_groups {
            let listed = self.instances.list(subscription, group).await;
            found.extend(listed.map_err(|error| failed(&error))?);
        }
        Ok(found)
    }

    /// The resource groups that the plan names, if they are known before a run.
    fn resource_groups(&self) -> BTreeSet<String> {
        let plan = &self.session.plan;
        let own = plan.azure.iter().filter_map(|azure| azure.resource_group.as_ref());
        let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
        let deploys = steps.filter_map(|step| match &step.action {
            Action::Deploy(deploy) => deploy.resource_group(),
            _ => None,
        });
        own.chain(deploys).filter_map(|text| self.rendered(text)).collect()
    }

    fn rendered(&self, text: &Text) -> Option<String> {
        let text = text.render(&self.session.scope).ok()?.expose().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

fn is_forbidden(error: &ArmError) -> bool {
    matches!(error, ArmError::Refused(refusal) if refusal.status == 403)
}

fn failed(error: &ArmError) -> StepError {
    let mut shown = StepError::new("cannot list the container groups").retry(error.retry());
    shown.failure.chain.extend(chain_of(error));
    shown.failure.help = error.help();
    shown
}
