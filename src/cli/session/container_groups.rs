//! Lists the container groups of the plan's subscription.

use super::PlanSession;
use crate::azure::ArmError;
use crate::azure::container_instances::{ContainerInstances, Group};
use crate::cli::say;
use crate::plan::schema::{Action, Text};
use crate::run::outcome::StepError;
use crate::secret::Redactor;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;

const MAX_PARALLEL_LISTS: usize = 8;

pub struct ContainerGroups<'a> {
    pub session: &'a PlanSession,
    pub instances: &'a ContainerInstances,
}

/// Container groups of a subscription.
pub struct ListedGroups {
    pub groups: Vec<Group>,
    /// Why only the groups of the plan's resource groups are there, if it is so.
    pub others: Option<StepError>,
}

impl ListedGroups {
    /// The groups. Where others may exist, a note says why they are not known.
    pub fn with_note(self, redactor: &Redactor) -> Vec<Group> {
        if let Some(error) = self.others {
            // It belongs to no step, so it has no place in the plan.
            let why = error.shown(redactor, None).chain.join(": ");
            say::tell(&format!(
                "note: only the resource groups of the plan were searched, because Azure refused \
                 to list the others: {why}"
            ));
        }
        self.groups
    }
}

impl ContainerGroups<'_> {
    /// All groups of the subscription, or only those of the plan's resource groups
    /// if the credential may not list all.
    pub async fn listed(&self, subscription: &str) -> Result<ListedGroups, StepError> {
        let error = match self.instances.list_all(subscription).await {
            Ok(groups) => return Ok(ListedGroups { groups, others: None }),
            Err(error) => error,
        };
        // A role on a single resource group does not permit to list the subscription.
        let named = self.resource_groups()?;
        if named.is_empty() || !is_forbidden(&error) {
            return Err(listing_failed(error));
        }
        let groups = self.of(subscription, &named).await?;
        Ok(ListedGroups { groups, others: Some(listing_failed(error)) })
    }

    /// The groups of the plan's resource groups, or all of the subscription if none of
    /// their names is known before a run.
    pub async fn of_plan(&self, subscription: &str) -> Result<Vec<Group>, StepError> {
        match self.resource_groups() {
            Ok(named) if !named.is_empty() => self.of(subscription, &named).await,
            // A name may be an output of a step.
            Ok(_) | Err(_) => Ok(self.listed(subscription).await?.groups),
        }
    }

    /// The groups of these resource groups. One that does not exist has none.
    pub async fn of(
        &self,
        subscription: &str,
        resource_groups: &BTreeSet<String>,
    ) -> Result<Vec<Group>, StepError> {
        let lists = resource_groups.iter().map(|group| async move {
            match self.instances.list(subscription, group).await {
                Err(error) if error.is_not_found() => Ok(Vec::new()),
                listed => listed.map_err(listing_failed),
            }
        });
        let lists: Vec<Vec<Group>> =
            futures::stream::iter(lists).buffered(MAX_PARALLEL_LISTS).try_collect().await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// The resource groups that the plan names.
    fn resource_groups(&self) -> Result<BTreeSet<String>, StepError> {
        let plan = &self.session.plan;
        let own = plan.azure.iter().filter_map(|azure| azure.resource_group.as_ref());
        let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
        let deploys = steps.filter_map(|step| match &step.action {
            Action::Deploy(deploy) => deploy.resource_group(),
            _ => None,
        });
        own.chain(deploys).map(|text| self.name(text)).collect()
    }

    fn name(&self, text: &Text) -> Result<String, StepError> {
        Ok(text.render_name(&self.session.scope)?.expose().to_owned())
    }
}

fn is_forbidden(error: &ArmError) -> bool {
    matches!(error, ArmError::Refused(refusal) if refusal.status == 403)
}

fn listing_failed(error: ArmError) -> StepError {
    StepError::from(error).while_doing("cannot list the container groups")
}
