//! The limit on the number of previews, `max-previews` of an environment.

use super::Preflight;
use crate::plan::schema::Action;
use crate::plan::span::Span;
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::deployed::{DeployedResource, ResourceKind};
use std::collections::BTreeSet;

impl Preflight<'_> {
    /// Refuses a preview of one more pull request than the environment allows. Two runs
    /// that begin at the same moment do not see each other's preview.
    pub(super) async fn check_previews(&self) -> Result<(), StepError> {
        let facts = &self.performer.facts;
        let Some(limit) = facts.previews else { return Ok(()) };
        let plan = &self.performer.plan.parsed.name.value;
        let is_own = |tags: &ResourceTags| {
            tags.plan == *plan
                && tags.environment == facts.environment_name
                && tags.repository.as_ref().map(|name| name.to_lowercase())
                    == facts.repository.as_ref().map(|name| name.to_lowercase())
        };
        let mut numbers = BTreeSet::new();
        for resource in self.deployed().await? {
            let Some(tags) = resource.tags.filter(is_own) else { continue };
            numbers.extend(tags.pull_request.and_then(|number| number.parse::<u64>().ok()));
        }
        let is_full = numbers.len() >= usize::try_from(limit.max).unwrap_or(usize::MAX);
        if !is_full || numbers.contains(&limit.pull_request) {
            return Ok(());
        }
        let environment = facts.environment_name.as_deref().unwrap_or_default();
        let listed: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let error = StepError::new(format!(
            "cannot deploy a preview of pull request {}: `max-previews` of `{environment}` is {}",
            limit.pull_request, limit.max
        ))
        .because(format!("these pull requests have one: {}", listed.join(", ")))
        .help(
            "close one of them, remove a preview with `shipway down --pr N`, or raise \
             `max-previews`",
        );
        Err(match self.max_previews_span() {
            Some(span) => error.at(&span),
            None => error,
        })
    }

    fn max_previews_span(&self) -> Option<Span> {
        let name = self.performer.facts.environment_name.as_ref()?;
        let environment = self.performer.plan.parsed.environments.get(name)?;
        environment.max_previews.as_ref().map(|max| max.text.span.clone())
    }

    /// What is deployed in the subscription, or in the resource groups of the chosen
    /// deploys where the credential may not list all of it.
    async fn deployed(&self) -> Result<Vec<DeployedResource>, StepError> {
        let azure = &self.performer.services.clients.azure;
        let plan = &self.performer.plan;
        let subscription = azure.subscription.id(&plan.parsed, &plan.scope).await?;
        let mut all = Vec::new();
        let is_deployed_to = |kind: &dyn ResourceKind| {
            let key = kind.words().key;
            self.may_run().any(|(_, _, step)| match &step.action {
                Action::Deploy(deploy) => deploy.key() == key,
                _ => false,
            })
        };
        for kind in azure.deployed.kinds().filter(|kind| is_deployed_to(*kind)) {
            match self.listed(kind, &subscription).await? {
                Some(listed) => all.extend(listed),
                None => {
                    for group in self.resource_groups()? {
                        all.extend(self.listed_in(kind, &subscription, &group).await?);
                    }
                }
            }
        }
        Ok(all)
    }

    /// The resources of one kind; `None` where the credential may not list all of them.
    async fn listed(
        &self,
        kind: &dyn ResourceKind,
        subscription: &str,
    ) -> Result<Option<Vec<DeployedResource>>, StepError> {
        let listed = self.retries.run(|| async {
            match kind.list(subscription, None).await {
                Ok(listed) => Ok(Some(listed)),
                Err(error) if error.is_forbidden() => Ok(None),
                Err(error) => Err(error),
            }
        });
        listed.await.map_err(|error| failed(kind, error))
    }

    /// The same in one resource group, which may not exist yet.
    async fn listed_in(
        &self,
        kind: &dyn ResourceKind,
        subscription: &str,
        group: &str,
    ) -> Result<Vec<DeployedResource>, StepError> {
        let listed = self.retries.run(|| async {
            match kind.list(subscription, Some(group)).await {
                Err(error) if error.is_not_found() => Ok(Vec::new()),
                listed => listed,
            }
        });
        listed.await.map_err(|error| failed(kind, error))
    }

    fn resource_groups(&self) -> Result<BTreeSet<String>, StepError> {
        let performer = self.performer;
        let settings = AzureSettings { performer, scope: &performer.plan.scope };
        let deploys = self.may_run().filter_map(|(_, _, step)| step.action.azure_deploy());
        deploys.map(|deploy| settings.resource_group(deploy.resource_group())).collect()
    }
}

fn failed(kind: &dyn ResourceKind, error: StepError) -> StepError {
    error.while_doing(format!("cannot count the previews: cannot list the {}s", kind.words().name))
}
