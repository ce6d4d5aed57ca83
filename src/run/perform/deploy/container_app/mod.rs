//! The target `container-app`: an app of Azure Container Apps.

mod app;
mod deployed;
mod desired;
mod early;
mod environment;
mod held;
mod label;
mod live;
mod restore;
mod version;

pub use app::AppStep;
pub use deployed::Apps;
pub use early::check_texts;
pub use environment::check_same as check_environment;
pub use live::{broken, change_tags, find, is_app, name_of};

use super::evidence::ResourceEvidence;
use super::pull::check_pull;
use super::target::{DeployTarget, Stage};
use super::versions;
use crate::azure::container_apps::{
    App, AppEvent, AppId, AppPart, AppTarget, DesiredApp, difference,
};
use crate::event::{OutputName, Outputs};
use crate::journal::{Deployed, Previous, TargetId};
use crate::plan::expr::Rendered;
use crate::plan::schema::{OnFailure, Strategy};
use crate::run::outcome::StepError;
use crate::run::perform::create::{NewGroup, resource_group};
use crate::run::perform::deployed::KindWords;
use crate::run::perform::deployed::lease::Lease;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags, records_the_same};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::Retries;
use crate::value::{Applied, Difference};
use app::publish;
use deployed::part_of;
use live::label_name;
use version::current;

impl DeployTarget for AppStep<'_> {
    type Desired = DesiredApp;
    type Live = App;
    type Held = Self;

    /// Reads what is deployed, and checks that Azure could pull.
    async fn preflight(
        &self,
        registries: &[String],
        retries: &Retries,
    ) -> Result<Option<App>, StepError> {
        let scope = &self.performer.plan.scope;
        let settings = self.settings(scope);
        let Ok(group) = settings.resource_group(self.keys.resource_group.as_ref()) else {
            // It is missing, or an output of a step: the step itself will tell.
            return Ok(None);
        };
        let subscription = retries.run(|| settings.subscription()).await?;
        let groups = &self.performer.services.clients.azure.resource_groups;
        if !settings.creates_group()? {
            retries.run(|| groups.get(&subscription, &group)).await?;
        }
        let live = early::read(self, retries).await?;
        let logins = live.as_ref().map(App::pull_logins);
        for host in registries {
            retries.run(|| check_pull(settings, host, logins)).await?;
        }
        Ok(live)
    }

    fn kind(&self) -> &'static KindWords {
        &deployed::WORDS
    }

    fn name(&self, job: &Job) -> Result<String, StepError> {
        let app = self.app_name(&job.scope)?;
        Ok(match self.label(&job.scope)? {
            Some(label) => label_name(&app, &label),
            None => format!("app `{app}`"),
        })
    }

    async fn desired(&self, job: &Job) -> Result<DesiredApp, StepError> {
        let desired = desired::desired(self, job).await?;
        desired.check()?;
        Ok(desired)
    }

    fn tags(&self, live: &App) -> Option<ResourceTags> {
        ResourceTags::read(&live.tags())
    }

    fn describe(&self, desired: &DesiredApp) -> String {
        if let Some(label) = &desired.label {
            return label_name(&desired.id.name, label);
        }
        let environment = desired.environment.rsplit('/').next().unwrap_or_default();
        format!("app `{}` in the environment `{environment}`", desired.id.name)
    }

    fn id(&self, desired: &DesiredApp) -> TargetId {
        let part = desired.label.clone().map_or(AppPart::Whole, AppPart::Label);
        AppTarget { app: desired.id.clone(), part }.to_string().into()
    }

    async fn read(&self, target: &TargetId) -> Result<Option<App>, StepError> {
        Ok(self.client().find_part(&part_of(target)?).await?)
    }

    async fn locate(&self, job: &Job) -> Option<Deployed> {
        let target = self.target(&job.scope).await.ok()?;
        Some(Deployed { target: target.to_string().into(), ..Deployed::default() })
    }

    fn remember(&self, desired: &mut DesiredApp, live: &App) {
        // The versions before do not fit into the tags of a label.
        if desired.label.is_some() {
            return;
        }
        let takes_back = self.performer.facts.takes_back;
        versions::remember(&mut desired.tags, &live.tags(), current(live), takes_back);
    }

    fn take_lease(&self, desired: &mut DesiredApp, lease: &Lease) {
        desired.tags.insert(LEASE.to_owned(), lease.to_string());
    }

    fn verifies_first(&self, job: &Job) -> Result<bool, StepError> {
        // What gets no requests has nothing to be verified before.
        let Some(field) = &self.keys.strategy else { return Ok(false) };
        if self.label(&job.scope)?.is_some() {
            return Ok(false);
        }
        Ok(match field.resolve(&job.scope)? {
            Strategy::VerifyFirst => true,
            Strategy::InPlace => false,
        })
    }

    async fn stage(
        &self,
        live: &App,
        desired: &mut DesiredApp,
        job: &Job,
    ) -> Result<Stage<'_, Self>, StepError> {
        held::stage(self, live, desired, job).await
    }

    fn trial(&self, desired: &DesiredApp) -> DesiredApp {
        desired::trial(desired)
    }

    fn is_trial(&self, live: &App, trial: &DesiredApp) -> bool {
        versions::is_of_same_service(&live.tags(), &trial.tags)
    }

    fn difference(&self, live: Option<&App>, desired: &DesiredApp) -> Difference {
        difference(live, desired)
    }

    fn is_recorded(&self, desired: &DesiredApp, live: &App) -> bool {
        records_the_same(&live.tags(), &desired.tags)
    }

    async fn keep(
        &self,
        desired: &DesiredApp,
        mut live: App,
        job: &Job,
    ) -> Result<Option<App>, StepError> {
        if !self.is_recorded(desired, &live) {
            let before = live.tags();
            let tags = versions::kept_tags(&desired.tags, &before);
            let target = part_of(&DeployTarget::id(self, desired))?;
            self.client().set_tags_of(&target, &before, &tags).await?;
            live.document["tags"] = serde_json::json!(tags);
            job.note("recorded this run in its tags");
        }
        // The revision that gets the requests was ready; whether it is still is seen by the
        // checks.
        // A process that ended may have left the revision before it active.
        let may_have_left = job.in_doubt && live.has_several_revisions();
        Ok((live.is_ready() && !may_have_left).then_some(live))
    }

    async fn apply(
        &self,
        desired: &DesiredApp,
        live: Option<App>,
        job: &Job,
    ) -> Result<Applied, StepError> {
        if let Some(label) = &desired.label {
            return label::apply(self, desired, label, job).await;
        }
        let AppId { subscription, resource_group: name, .. } = &desired.id;
        if live.is_none() {
            let group = NewGroup { subscription, name, location: &desired.location };
            resource_group(self.performer, group, job).await?;
            environment::create(self, &desired.id, job).await?;
        }
        let events = |event: AppEvent| publish(event, job);
        Ok(self.client().apply(desired, live.as_ref(), &events).await?)
    }

    async fn watch(&self, desired: &DesiredApp, job: &Job) -> Result<App, StepError> {
        if let Some(label) = &desired.label {
            return label::watch(self, desired, label, job).await;
        }
        let events = |event: AppEvent| publish(event, job);
        Ok(self.client().watch(&desired.id, &events).await?)
    }

    async fn restart(&self, target: &TargetId, live: App, job: &Job) -> Result<App, StepError> {
        let events = |event: AppEvent| publish(event, job);
        self.client().restart(&part_of(target)?.app, &live, &events).await?;
        Ok(live)
    }

    /// `image` is what runs of an image that the plan names. What the service pushed is an
    /// output of its `push`.
    fn outputs(&self, app: &App) -> (Outputs<Rendered>, Deployed) {
        let url = app.url();
        let deployed = Deployed {
            target: app.id().to_owned().into(),
            fqdn: app.fqdn().map(str::to_owned),
            ip: None,
            url: url.clone(),
            run: ResourceTags::read(&app.tags()).map(|tags| tags.run),
        };
        let all = serde_json::Value::from(url.iter().cloned().collect::<Vec<_>>()).to_string();
        let named = self.deploy.image.as_ref();
        let image = named.and_then(|_| app.images().next());
        let given = [
            (OutputName::ResourceId, Some(app.id())),
            (OutputName::Fqdn, app.fqdn()),
            (OutputName::Url, url.as_deref()),
            (OutputName::Urls, url.as_ref().map(|_| all.as_str())),
            (OutputName::Image, image),
        ];
        let mut outputs = Outputs::new();
        for (name, value) in given {
            if let Some(value) = value {
                outputs.set(name, Rendered::Plain(value.to_owned()));
            }
        }
        (outputs, deployed)
    }

    fn rolls_back(&self, job: &Job) -> Result<bool, StepError> {
        let Some(field) = &self.keys.on_failure else { return Ok(false) };
        Ok(match field.resolve(&job.scope)? {
            OnFailure::Rollback => true,
            OnFailure::Keep => false,
        })
    }

    fn previous(&self, live: &App) -> Previous {
        restore::previous(self, live)
    }

    fn obstacles(&self, desired: &DesiredApp, live: &App, job: &Job) -> Vec<String> {
        // While both versions are up, the app keeps the secrets of both.
        if desired.label.is_some() {
            return Vec::new();
        }
        if self.verifies_first(job).unwrap_or_default() && desired.has_ingress_of(live) {
            return Vec::new();
        }
        restore::obstacles(self, desired, live)
    }

    async fn restore(
        &self,
        target: &TargetId,
        previous: &Previous,
        live: Option<App>,
        job: &Job,
    ) -> Result<App, StepError> {
        restore::restore(self, target, previous, live, job).await
    }

    async fn remove(&self, target: &TargetId) -> Result<(), StepError> {
        Ok(self.client().delete_part(&part_of(target)?).await?)
    }

    async fn evidence(performer: &Performer, deployed: &Deployed) -> Option<ResourceEvidence> {
        live::evidence(performer, deployed).await
    }
}
