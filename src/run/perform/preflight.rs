//! What can be found out before anything is changed: whether the registries let
//! us in, whether Azure does, whether the service could pull.

use super::deploy::Target;
use super::deploy::pull::pull_login;
use super::performer::Performer;
use super::tag;
use crate::http::Retryable as _;
use crate::oci::Reference;
use crate::plan::schema::{Action, Deploy, DeployKind, Step, Tag, Text};
use crate::registry::Failure;
use crate::run::outcome::StepError;
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// Of the steps that are going to be run.
pub struct Preflight<'a> {
    /// Who performs them.
    pub performer: &'a Performer,
}

impl Preflight<'_> {
    /// Tries every login that the steps need. What cannot be known before a
    /// step has run is left to that step.
    pub async fn check(&self) -> Result<(), StepError> {
        if self.has(|action| matches!(action, Action::Push(_))) {
            let mut repositories = self.repositories();
            // What is seen now a program of the plan may have changed by then.
            let programs = self.has(|action| matches!(action, Action::Run(_)));
            // One that is to be created may not be there yet.
            repositories.retain(|host, _| !self.performer.is_created(host));
            // Each of them, so that no push waits for a token any more.
            let each = repositories.iter().flat_map(|(host, repositories)| {
                repositories.iter().map(move |(repository, names)| (host, repository, names))
            });
            try_join_all(each.map(|(host, repository, names)| async move {
                let registry = &self.performer.clients.registry;
                let names = if programs { &[][..] } else { names.as_slice() };
                let checked = registry.check_push(host, repository, names).await;
                checked.map_err(|error| {
                    let trouble = StepError::from_error(&error);
                    match &error {
                        Failure::Login(login) => {
                            login.help().into_iter().fold(trouble, StepError::help)
                        }
                        _ => trouble.while_doing(format!("sign in to `{host}`")),
                    }
                })
            }))
            .await?;
        }
        for (service, deploy) in self.deploys() {
            self.deploy(service, deploy).await?;
        }
        Ok(())
    }

    fn has(&self, is: impl Fn(&Action) -> bool) -> bool {
        self.chosen().any(|(_, step)| is(&step.action))
    }

    fn chosen(&self) -> impl Iterator<Item = (usize, &Step)> {
        let step =
            |&(service, place): &(usize, usize)| (service, self.performer.step(service, place));
        self.performer.chosen.iter().map(step)
    }

    fn deploys(&self) -> impl Iterator<Item = (usize, &Deploy)> {
        self.chosen().filter_map(|(service, step)| match &step.action {
            Action::Deploy(deploy) => Some((service, deploy)),
            _ => None,
        })
    }

    /// What is pushed to: host → repositories → names, as far as they can be told.
    fn repositories(&self) -> BTreeMap<String, BTreeMap<String, Vec<Reference>>> {
        let mut repositories: BTreeMap<String, BTreeMap<String, Vec<Reference>>> = BTreeMap::new();
        for (_, step) in self.chosen() {
            let Action::Tag(tag) = &step.action else { continue };
            let names = tag::references(tag, &self.performer.scope).unwrap_or_default();
            for reference in self.references(tag).into_iter().chain(names) {
                let of_host = repositories.entry(reference.host.clone()).or_default();
                let names = of_host.entry(reference.repository.clone()).or_default();
                if reference.tag.is_some() && !names.contains(&reference) {
                    names.push(reference);
                }
            }
        }
        repositories
    }

    fn references(&self, tag: &Tag) -> Vec<Reference> {
        tag.targets.iter().filter_map(|target| self.reference(&target.image)).collect()
    }

    /// A reference that can be told already.
    fn reference(&self, text: &Text) -> Option<Reference> {
        let rendered = text.render_name(&self.performer.scope).ok()?;
        rendered.plain()?.parse().ok()
    }

    /// Asks Azure for the resource group, which shows that we may be there, and
    /// finds out how the group would pull.
    async fn deploy(&self, service: usize, deploy: &Deploy) -> Result<(), StepError> {
        let DeployKind::Aci(aci) = &deploy.kind;
        let target = Target { performer: self.performer, service, scope: &self.performer.scope };
        let Ok(group) = target.resource_group(aci.resource_group.as_ref()) else {
            return Ok(());
        };
        let subscription = target.subscription().await?;
        let found = self.performer.clients.resource_groups.get(&subscription, &group).await;
        found.map_err(|error| StepError::from_error(&error))?;
        for host in
            self.hosts_of(service, deploy).iter().filter(|host| !self.performer.is_created(host))
        {
            pull_login(&target, host).await?;
        }
        Ok(())
    }

    /// The registry that a deploy pulls from: of the image that it names, else
    /// of the first reference of the service's last `tag`.
    fn hosts_of(&self, service: usize, deploy: &Deploy) -> Vec<String> {
        let own = deploy.image.as_ref().and_then(|text| self.reference(text));
        let steps = &self.performer.plan.services.0[service].1.steps;
        let last = steps.iter().rev().find_map(|step| match &step.action {
            Action::Tag(tag) => Some(tag),
            _ => None,
        });
        let tagged = last.and_then(|tag| self.references(tag).into_iter().next());
        own.or(tagged).map(|reference| reference.host).into_iter().collect()
    }
}
