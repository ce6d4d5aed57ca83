//! Lists what is deployed in the plan's subscription, of every kind.

use super::PlanSession;
use crate::azure::ArmError;
use crate::cli::say;
use crate::plan::schema::{Action, Text};
use crate::run::outcome::StepError;
use crate::run::perform::{DeployedResource, DeployedResources, ResourceKind};
use crate::secret::Redactor;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;

const MAX_PARALLEL_LISTS: usize = 8;

pub struct Listing<'a> {
    pub session: &'a PlanSession,
    pub resources: &'a DeployedResources,
}

/// What is deployed in a subscription.
#[derive(Default)]
pub struct ListedResources {
    pub resources: Vec<DeployedResource>,
    /// Why only what is in the plan's resource groups is there, if it is so.
    pub others: Option<StepError>,
}

impl ListedResources {
    /// The resources. Where others may exist, a note says why they are not known.
    pub fn with_note(self, redactor: &Redactor) -> Vec<DeployedResource> {
        if let Some(error) = self.others {
            // It belongs to no step, so it has no place in the plan.
            let why = error.shown(redactor, None).chain.join(": ");
            say::tell(&format!(
                "note: only the resource groups of the plan were searched, because Azure refused \
                 to list the others: {why}"
            ));
        }
        self.resources
    }
}

impl Listing<'_> {
    /// All that is deployed in the subscription, or only in the plan's resource groups if
    /// the credential may not list all.
    pub async fn listed(&self, subscription: &str) -> Result<ListedResources, StepError> {
        let mut listed = ListedResources::default();
        for kind in self.resources.kinds() {
            match kind.list(subscription, None).await {
                Ok(resources) => listed.resources.extend(resources),
                // A role for what the plan deploys to need not be one for the rest.
                Err(error) if !self.is_deployed_to(kind) && error.is_forbidden() => {}
                Err(error) => {
                    // A role on a single resource group does not permit to list the
                    // subscription.
                    let named = self.resource_groups()?;
                    if named.is_empty() || !error.is_forbidden() {
                        return Err(listing_failed(kind, error));
                    }
                    listed.resources.extend(of_kind(kind, subscription, &named).await?);
                    listed.others.get_or_insert_with(|| listing_failed(kind, error));
                }
            }
        }
        Ok(listed)
    }

    /// What is deployed in the plan's resource groups, or in all of the subscription if
    /// none of their names is known before a run.
    pub async fn of_plan(&self, subscription: &str) -> Result<Vec<DeployedResource>, StepError> {
        match self.resource_groups() {
            Ok(named) if !named.is_empty() => self.of(subscription, &named).await,
            // A name may be an output of a step.
            Ok(_) | Err(_) => Ok(self.listed(subscription).await?.resources),
        }
    }

    /// What is deployed in these resource groups. One that does not exist has nothing.
    pub async fn of(
        &self,
        subscription: &str,
        resource_groups: &BTreeSet<String>,
    ) -> Result<Vec<DeployedResource>, StepError> {
        let mut found = Vec::new();
        for kind in self.resources.kinds().filter(|kind| self.is_deployed_to(*kind)) {
            found.extend(of_kind(kind, subscription, resource_groups).await?);
        }
        Ok(found)
    }

    /// Whether the plan deploys to resources of this kind. A plan without any deploy may once
    /// have had one of the first kind.
    fn is_deployed_to(&self, kind: &dyn ResourceKind) -> bool {
        let key = kind.words().key;
        let is_first = self.resources.kinds().next().is_some_and(|it| it.words().key == key);
        let steps = self.session.plan.services.iter().flat_map(|(_, service)| &service.steps);
        let mut deploys = steps.filter_map(|step| match &step.action {
            Action::Deploy(deploy) => Some(deploy),
            _ => None,
        });
        is_first || deploys.any(|deploy| deploy.key() == key)
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

async fn of_kind(
    kind: &dyn ResourceKind,
    subscription: &str,
    resource_groups: &BTreeSet<String>,
) -> Result<Vec<DeployedResource>, StepError> {
    let lists = resource_groups.iter().map(|group| async move {
        match kind.list(subscription, Some(group)).await {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            listed => listed.map_err(|error| listing_failed(kind, error)),
        }
    });
    let lists: Vec<Vec<DeployedResource>> =
        futures::stream::iter(lists).buffered(MAX_PARALLEL_LISTS).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

fn listing_failed(kind: &dyn ResourceKind, error: ArmError) -> StepError {
    StepError::from(error).while_doing(format!("cannot list the {}s", kind.words().name))
}
