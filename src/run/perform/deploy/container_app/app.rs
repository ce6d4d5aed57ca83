//! A `deploy` step with `container-app`, and what its operations share.

use crate::azure::container_apps::{AppEvent, AppId, AppPart, AppTarget, ContainerApps};
use crate::plan::expr::Scope;
use crate::plan::schema::{ContainerApp, Deploy};
use crate::run::outcome::StepError;
use crate::run::perform::azure_settings::AzureSettings;
use crate::run::perform::deploy::preview::is_preview;
use crate::run::perform::names::name;
use crate::run::perform::performer::{Job, Performer};
use crate::value::{PreviewForm, default_app_name};

/// The service of Azure that runs apps.
pub const RUNS_ON: &str = "Container Apps";

/// A `deploy` step with `container-app`.
pub struct AppStep<'a> {
    pub performer: &'a Performer,
    /// Index of the service in the plan.
    pub service: usize,
    pub deploy: &'a Deploy,
    /// The keys below `container-app`.
    pub keys: &'a ContainerApp,
}

impl<'a> AppStep<'a> {
    pub fn client(&self) -> &'a ContainerApps {
        &self.performer.services.clients.azure.container_apps
    }

    pub fn settings<'s>(&'s self, scope: &'s Scope) -> AzureSettings<'s> {
        AzureSettings { performer: self.performer, scope }
    }

    /// The app's id.
    pub async fn id(&self, scope: &Scope) -> Result<AppId, StepError> {
        let settings = self.settings(scope);
        Ok(AppId {
            name: self.app_name(scope)?,
            subscription: settings.subscription().await?,
            resource_group: settings.resource_group(self.keys.resource_group.as_ref())?,
        })
    }

    /// The label of the revision that is deployed; `None` where it is the app itself.
    pub fn label(&self, scope: &Scope) -> Result<Option<String>, StepError> {
        let Some(field) = &self.keys.preview else { return Ok(None) };
        let form = match field.resolve(scope)? {
            PreviewForm::App => return Ok(None),
            PreviewForm::Revision => scope.context("pr").map(|pr| pr.get("slug").text()),
        };
        Ok(form.filter(|_| is_preview(self.performer)))
    }

    /// The app, or the part of it that is deployed.
    pub async fn target(&self, scope: &Scope) -> Result<AppTarget, StepError> {
        let part = self.label(scope)?.map_or(AppPart::Whole, AppPart::Label);
        Ok(AppTarget { app: self.id(scope).await?, part })
    }

    /// The app's name: `name`, else plan and service.
    pub fn app_name(&self, scope: &Scope) -> Result<String, StepError> {
        match &self.keys.name {
            Some(text) => name(text, "app's name", scope),
            None => Ok(self.default_name()),
        }
    }

    /// The name of an app for which the plan gives none.
    pub fn default_name(&self) -> String {
        let plan = &self.performer.plan;
        let service = plan.service_name(self.service);
        let is_single = plan.parsed.services.is_single;
        default_app_name(&plan.parsed.name.value, (!is_single).then_some(&*service))
    }
}

pub fn publish(event: AppEvent, job: &Job) {
    match event {
        AppEvent::Waited(what) => job.waits_for(what),
        other => job.note(other.to_string()),
    }
}
