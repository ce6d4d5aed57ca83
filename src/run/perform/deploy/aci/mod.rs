//! The target `aci`: a container group of Azure Container Instances.

mod containers;
mod deployed;
mod desired;
mod early;
mod evidence;
mod group;
mod health;
mod id;
mod known;
mod live_tags;
mod probes;
mod restore;
mod settings;
mod version;
mod volumes;

pub use deployed::ContainerGroups;
use deployed::group_id;
pub use early::{check_replacement, check_texts};
pub use evidence::{broken, is_broken};
pub use group::ContainerGroup;
use group::publish;
pub use id::name_of;
pub use live_tags::{change_tags, find};

use super::evidence::ResourceEvidence;
use super::pull::check_pull;
use super::target::{DeployTarget, Stage};
use super::versions;
use crate::azure::container_instances::{DeployEvent, Desired, Group, GroupId, difference};
use crate::event::{OutputName, Outputs};
use crate::journal::{Deployed, Previous, TargetId};
use crate::plan::expr::Rendered;
use crate::plan::schema::Strategy;
use crate::run::outcome::StepError;
use crate::run::perform::create::{NewGroup, resource_group};
use crate::run::perform::deployed::KindWords;
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags, records_the_same};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;
use crate::value::{Applied, Difference};
use std::convert::Infallible;
use version::current;

impl DeployTarget for ContainerGroup<'_> {
    type Desired = Desired;
    type Live = Group;
    type Held = Infallible;

    /// Reads what is deployed, and checks that Azure could pull.
    async fn preflight(
        &self,
        registries: &[String],
        retries: &Retries,
    ) -> Result<Option<Group>, StepError> {
        let settings = self.settings(&self.performer.plan.scope);
        let Ok(group) = settings.resource_group(self.keys.resource_group.as_ref()) else {
            // It is missing, or an output of a step: the step itself will tell.
            return Ok(None);
        };
        let subscription = retries.run(|| settings.subscription()).await?;
        let live = early::read(self, &subscription, &group, retries).await?;
        let logins = live.as_ref().map(Group::pull_logins);
        for host in registries {
            retries.run(|| check_pull(settings, host, logins)).await?;
        }
        Ok(live)
    }

    fn kind(&self) -> &'static KindWords {
        &deployed::WORDS
    }

    fn name(&self, job: &Job) -> Result<String, StepError> {
        Ok(format!("container group `{}`", id::group_name(self, &job.scope)?))
    }

    async fn desired(&self, job: &Job) -> Result<Desired, StepError> {
        let desired = desired::desired(self, job).await?;
        desired.check()?;
        Ok(desired)
    }

    fn tags(&self, live: &Group) -> Option<ResourceTags> {
        ResourceTags::read(&live.tags)
    }

    fn describe(&self, desired: &Desired) -> String {
        format!("container group `{}` in {}", desired.id.name, desired.location)
    }

    fn id(&self, desired: &Desired) -> TargetId {
        desired.id.to_string().into()
    }

    async fn read(&self, target: &TargetId) -> Result<Option<Group>, StepError> {
        Ok(self.client().find(&group_id(target)?).await?)
    }

    async fn locate(&self, job: &Job) -> Option<Deployed> {
        let id = id::id(self, &job.scope).await.ok()?;
        Some(Deployed { target: id.to_string().into(), ..Deployed::default() })
    }

    fn remember(&self, desired: &mut Desired, live: &Group) {
        let takes_back = self.performer.facts.takes_back;
        versions::remember(&mut desired.tags, &live.tags, current(live), takes_back);
    }

    fn take_lease(&self, desired: &mut Desired, lease: &Lease) {
        desired.tags.insert(LEASE.to_owned(), lease.to_string());
    }

    fn verifies_first(&self, job: &Job) -> Result<bool, StepError> {
        let Some(field) = &self.keys.strategy else { return Ok(false) };
        Ok(match field.resolve(&job.scope)? {
            Strategy::VerifyFirst => true,
            Strategy::InPlace => false,
        })
    }

    async fn stage(
        &self,
        _: &Group,
        _: &mut Desired,
        job: &Job,
    ) -> Result<Stage<'_, Infallible>, StepError> {
        Ok(if self.verifies_first(job)? { Stage::Beside } else { Stage::AtOnce })
    }

    fn trial(&self, desired: &Desired) -> Desired {
        desired::trial(desired)
    }

    fn is_trial(&self, live: &Group, trial: &Desired) -> bool {
        versions::is_of_same_service(&live.tags, &trial.tags)
    }

    fn difference(&self, live: Option<&Group>, desired: &Desired) -> Difference {
        difference(live, desired)
    }

    fn is_recorded(&self, desired: &Desired, live: &Group) -> bool {
        records_the_same(&live.tags, &desired.tags)
    }

    async fn keep(
        &self,
        desired: &Desired,
        mut live: Group,
        job: &Job,
    ) -> Result<Option<Group>, StepError> {
        if !self.is_recorded(desired, &live) {
            live.tags = versions::kept_tags(&desired.tags, &live.tags);
            self.client().set_tags(&desired.id, &live.tags).await?;
            job.note("recorded this run in its tags");
        }
        let works = live.runs_since(jiff::Timestamp::now(), self.client().patience.steady);
        Ok(works.then_some(live))
    }

    async fn apply(
        &self,
        desired: &Desired,
        live: Option<Group>,
        job: &Job,
    ) -> Result<Applied, StepError> {
        let GroupId { subscription, resource_group: name, .. } = &desired.id;
        let group = NewGroup { subscription, name, location: &desired.location };
        if live.is_none() {
            resource_group(self.performer, group, job).await?;
        }
        let events = |event: DeployEvent| publish(event, job);
        Ok(self.client().apply(desired, live.as_ref(), &events).await?)
    }

    async fn watch(&self, desired: &Desired, job: &Job) -> Result<Group, StepError> {
        let events = |event: DeployEvent| publish(event, job);
        let group = self.client().watch(desired, &events).await?;
        if let Some(url) = group.urls().first().filter(|_| group.has_ended()) {
            let name = &desired.id.name;
            job.warn(format!(
                "container group `{name}` has ended, so nothing answers at {url}; a job needs no \
                 `ports`"
            ));
        }
        Ok(group)
    }

    async fn restart(&self, target: &TargetId, live: Group, job: &Job) -> Result<Group, StepError> {
        let events = |event: DeployEvent| publish(event, job);
        Ok(self.client().restart(&group_id(target)?, &live, &events).await?)
    }

    /// `image` is what runs of an image that the plan names. What the service pushed
    /// is an output of its `push`, and may be an index. A group that has ended has no
    /// URL: nothing answers there.
    fn outputs(&self, group: &Group) -> (Outputs<Rendered>, Deployed) {
        let address = group.properties.ip_address.as_ref();
        let urls = group.urls();
        let deployed = Deployed {
            target: group.id.clone().into(),
            fqdn: address.and_then(|address| address.fqdn.clone()),
            ip: address.and_then(|address| address.ip.clone()),
            url: urls.first().cloned(),
            run: ResourceTags::read(&group.tags).map(|tags| tags.run),
        };
        let urls = if group.has_ended() { Vec::new() } else { urls };
        let all = serde_json::Value::from(urls.clone()).to_string();
        let named = self.deploy.image.as_ref();
        let image = named.and_then(|_| group.properties.containers.first());
        let given = [
            (OutputName::ResourceId, Some(&group.id)),
            (OutputName::Fqdn, deployed.fqdn.as_ref()),
            (OutputName::Ip, deployed.ip.as_ref()),
            (OutputName::Url, urls.first()),
            (OutputName::Urls, Some(&all).filter(|_| !urls.is_empty())),
            (OutputName::Image, image.map(|container| &container.properties.image)),
        ];
        let mut outputs = Outputs::new();
        for (name, value) in given {
            if let Some(value) = value {
                outputs.set(name, Rendered::Plain(value.clone()));
            }
        }
        (outputs, deployed)
    }

    fn rolls_back(&self, job: &Job) -> Result<bool, StepError> {
        restore::rolls_back(self, job)
    }

    fn previous(&self, live: &Group) -> Previous {
        restore::previous(self, live)
    }

    fn obstacles(&self, desired: &Desired, live: &Group, job: &Job) -> Vec<String> {
        restore::obstacles(self, desired, live, job)
    }

    async fn restore(
        &self,
        target: &TargetId,
        previous: &Previous,
        live: Option<Group>,
        job: &Job,
    ) -> Result<Group, StepError> {
        restore::restore(self, target, previous, live, job).await
    }

    async fn remove(&self, target: &TargetId) -> Result<(), StepError> {
        Ok(self.client().delete(&group_id(target)?).await?)
    }

    async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
        evidence::evidence(performer, deployed).await
    }
}
