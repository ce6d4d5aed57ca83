//! What is checked before the first effect: texts of expressions, whether the
//! registries and Azure grant access, and whether what is deployed could run.
//!
//! Every request is made again where its error may pass. What depends on outputs of
//! steps cannot be checked yet and is left to the step.

mod images;
mod previews;
mod signatures;
mod tags;
mod texts;

use super::azure_settings::AzureSettings;
use super::build;
use super::deploy::{self, DeployStep};
use super::performer::Performer;
use super::references::references;
use super::retry::Retries;
use crate::http::Retry;
use crate::oci::Reference;
use crate::plan::schema::{Action, Condition, Deploy, Step, Tag, Text};
use crate::registry::{Failure, is_azure_registry};
use crate::run::outcome::StepError;
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// Host → repository → references with a tag.
type Repositories = BTreeMap<String, BTreeMap<String, Vec<Reference>>>;

/// What is checked before the steps that were chosen for this run.
pub struct Preflight<'a> {
    pub performer: &'a Performer,
    pub retries: &'a Retries,
}

impl Preflight<'_> {
    /// Checks what needs no request, the keys of signatures among it, then the registries that build and those that are pushed to, then for each
    /// deploy what it needs of Azure and the images that it names.
    pub async fn check(&self) -> Result<(), StepError> {
        self.check_texts()?;
        self.check_platforms()?;
        for (service, place, step) in self.may_run() {
            let checked = build::preflight(self.performer, service, place, self.retries).await;
            checked.map_err(|error| error.at(&step.span))?;
        }
        self.check_keys().await?;
        if self.has(|action| matches!(action, Action::Push(_))) {
            self.check_pushes().await?;
        }
        if self.has(|action| action.azure_deploy().is_some()) {
            self.check_previews().await?;
        }
        for (service, place, step) in self.may_run() {
            if let Action::Deploy(deploy) = &step.action {
                let hosts = self.hosts_of(service, place, deploy);
                let is_certain = self.holds(step.condition.as_ref()) == Some(true);
                let is_known = self.is_known(service, place);
                let of_plan = DeployStep { service, place, deploy, is_certain, is_known };
                let checked = self.check_deploy(of_plan, &hosts).await;
                checked.map_err(|error| error.at(&step.span))?;
            }
        }
        Ok(())
    }

    async fn check_deploy(&self, step: DeployStep<'_>, hosts: &[String]) -> Result<(), StepError> {
        deploy::preflight(self.performer, step, self.retries, hosts).await?;
        self.check_images(step.deploy).await?;
        self.check_required(step).await
    }

    /// Signs in to every repository, so that no push has to wait for a token.
    async fn check_pushes(&self) -> Result<(), StepError> {
        let mut repositories = self.repositories();
        repositories.retain(|host, _| !self.performer.plan.creates_registry(host));
        // A `run` step may change a tag before the push, so that what the registry
        // says of tags now must not be used then.
        let has_run = self.has(|action| matches!(action, Action::Run(_)));
        let each = repositories.iter().flat_map(|(host, repositories)| {
            repositories.iter().map(move |(repository, names)| (host, repository, names))
        });
        try_join_all(each.map(|(host, repository, names)| {
            let names = if has_run { &[][..] } else { names.as_slice() };
            self.retries.run(move || self.check_push(host, repository, names))
        }))
        .await?;
        Ok(())
    }

    async fn check_push(
        &self,
        host: &str,
        repository: &str,
        names: &[Reference],
    ) -> Result<(), StepError> {
        let registry = &self.performer.services.clients.registry;
        let Err(error) = registry.check_push(host, repository, names).await else {
            return Ok(());
        };
        let shown = StepError::from_error(&error).help_if(error.help_for(host, "push"));
        let shown = match &error {
            // It says itself what was being done.
            Failure::Login(_) | Failure::Host(_) => shown,
            Failure::Http(_) | Failure::Stalled { .. } => {
                shown.while_doing(format!("cannot sign in to `{host}`"))
            }
            Failure::Read { .. }
            | Failure::Source { .. }
            | Failure::Write { .. }
            | Failure::Elsewhere { .. }
            | Failure::NotStored { .. }
            | Failure::Loop { .. }
            | Failure::Digest { .. }
            | Failure::Signatures { .. }
            | Failure::Unexpected(_) => {
                shown.while_doing(format!("cannot check what `{host}/{repository}` holds"))
            }
        };
        Err(self.of_missing(host, shown).await)
    }

    /// The error of a registry of Azure that was not reached. Behind a proxy one that does not
    /// exist looks like one that does not answer for a moment.
    async fn of_missing(&self, host: &str, error: StepError) -> StepError {
        if error.retry == Retry::Never || !is_azure_registry(host) {
            return error;
        }
        let performer = self.performer;
        let settings = AzureSettings { performer, scope: &performer.plan.scope };
        let Ok(subscription) = settings.subscription().await else { return error };
        match performer.services.clients.azure_registries.find(&subscription, host).await {
            Ok(None) => StepError::new(format!("`{host}` does not answer"))
                .because(format!("it is not a registry of subscription {subscription}"))
                .help("`shipway doctor` names the commands that make what is missing"),
            Ok(Some(_)) | Err(_) => error,
        }
    }

    fn has(&self, matches: impl Fn(&Action) -> bool) -> bool {
        self.may_run().any(|(_, _, step)| matches(&step.action))
    }

    /// The chosen steps whose condition may hold, and the indices of service and step. Where
    /// what runs is only started again, nothing that a deploy says is used.
    fn may_run(&self) -> impl Iterator<Item = (usize, usize, &Step)> {
        let plan = &self.performer.plan;
        let step = |&(service, place): &(usize, usize)| (service, place, plan.step(service, place));
        let restarts = self.performer.facts.restarts.is_some();
        let is_used = move |step: &Step| !(restarts && matches!(step.action, Action::Deploy(_)));
        let chosen = plan.chosen.iter().map(step).filter(move |(_, _, step)| is_used(step));
        chosen.filter(|(_, _, step)| self.holds(step.condition.as_ref()) != Some(false))
    }

    /// The chosen steps that run unless a step fails.
    fn will_run(&self) -> impl Iterator<Item = (usize, usize, &Step)> {
        self.may_run().filter(|(_, _, step)| self.holds(step.condition.as_ref()) == Some(true))
    }

    /// Whether a condition holds; `None` where only the run can tell, or it cannot be
    /// evaluated.
    fn holds(&self, condition: Option<&Condition>) -> Option<bool> {
        let Some(condition) = condition else { return Some(true) };
        if !condition.is_known_early() {
            return None;
        }
        condition.holds(&self.performer.plan.scope).ok()
    }

    /// The repositories that are pushed to, as far as they are known already.
    fn repositories(&self) -> Repositories {
        let mut repositories = Repositories::new();
        for tag in self.pushed_tags() {
            let tagged = references(tag, &self.performer.plan.scope).unwrap_or_default();
            for reference in self.image_references(tag).into_iter().chain(tagged) {
                let of_host = repositories.entry(reference.host.clone()).or_default();
                let names = of_host.entry(reference.repository.clone()).or_default();
                if reference.tag.is_some() && !names.contains(&reference) {
                    names.push(reference);
                }
            }
        }
        repositories
    }

    /// The `image` of each target: its repository may be known where a tag is not.
    fn image_references(&self, tag: &Tag) -> Vec<Reference> {
        tag.targets.iter().filter_map(|target| self.reference(&target.image)).collect()
    }

    /// The reference, unless it depends on a step's output.
    fn reference(&self, text: &Text) -> Option<Reference> {
        let rendered = text.render_name(&self.performer.plan.scope).ok()?;
        rendered.plain()?.parse().ok()
    }

    /// The registries that a deploy pulls from: those of the images that it names, and that
    /// of the first reference that its service has pushed when it begins. Where several may
    /// be that, it is left to the step.
    fn hosts_of(&self, service: usize, place: usize, deploy: &Deploy) -> Vec<String> {
        let host = |reference: Reference| reference.host;
        let of_tag = |tag: &Tag| self.image_references(tag).into_iter().next().map(host);
        let pushed = || {
            let mut hosts = self.tags_of_image(service, place).into_iter().map(of_tag);
            let first = hosts.next()??;
            hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
        };
        let images = deploy.images().into_iter();
        let mut hosts: Vec<String> = images
            .filter_map(|image| match image {
                Some(text) => self.reference(text).map(host),
                None => pushed(),
            })
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }
}
