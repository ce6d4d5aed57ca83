//! What a plan expects of Container Apps: the environments, and the apps of which its previews
//! are revisions.

use super::initial_state::Blueprint;
use crate::local::{AppEnvironment, EarlierApp};
use crate::plan::expr::EvalError;
use crate::plan::schema::{Action, ContainerApp, Text};
use crate::value::{IngressPort, PreviewForm, default_app_name};

impl Blueprint<'_> {
    /// The environments that apps run in, without those that the plan creates.
    pub fn app_environments(
        &self,
        group: &str,
        location: &str,
    ) -> Result<Vec<AppEnvironment>, EvalError> {
        let mut all = Vec::new();
        for (_, app) in self.apps() {
            let name = self.rendered(&app.environment.name)?;
            let is_there =
                self.is_of_preview(app)? || !app.environment.create.resolve(&self.scope)?;
            if !is_there || name.starts_with('/') {
                continue;
            }
            let resource_group = self.environment_group(app, group)?;
            all.push(AppEnvironment { name, resource_group, location: location.to_owned() });
        }
        Ok(all)
    }

    /// The apps of which the previews of this run are revisions.
    pub fn apps_of_previews(&self, group: &str) -> Result<Vec<EarlierApp>, EvalError> {
        let mut all = Vec::new();
        for (service, app) in self.apps() {
            let Some(ingress) = app.ingress.as_ref() else { continue };
            if !self.is_of_preview(app)? {
                continue;
            }
            let IngressPort(target_port) = ingress.target_port.resolve(&self.scope)?;
            let own = app.resource_group.as_ref().map(|text| self.rendered(text)).transpose()?;
            all.push(EarlierApp {
                name: match &app.name {
                    Some(text) => self.rendered(text)?,
                    None => default_app_name(&self.plan.name.value, service.as_deref()),
                },
                resource_group: own.unwrap_or_else(|| group.to_owned()),
                environment: self.rendered(&app.environment.name)?,
                environment_group: self.environment_group(app, group)?,
                target_port,
            });
        }
        Ok(all)
    }

    /// The apps, each with the name of its service where the plan has several.
    fn apps(&self) -> impl Iterator<Item = (Option<String>, &ContainerApp)> {
        let services = self.plan.services.iter();
        services.flat_map(|(name, service)| {
            let is_single = self.plan.services.is_single;
            let apps = service.steps.iter().filter_map(|step| match &step.action {
                Action::Deploy(deploy) => deploy.container_app(),
                _ => None,
            });
            apps.map(move |app| ((!is_single).then(|| name.value.clone()), app))
        })
    }

    /// Whether this run deploys a preview that is a revision of the app.
    fn is_of_preview(&self, app: &ContainerApp) -> Result<bool, EvalError> {
        let Some(preview) = &app.preview else { return Ok(false) };
        let text = |context: &str, member: &str| {
            self.scope.context(context).map(|it| it.get(member).text()).unwrap_or_default()
        };
        let chosen = self.plan.environments.get(&text("environment", "name"));
        let protected = chosen.map(|chosen| chosen.protected.resolve(&self.scope)).transpose()?;
        let is_for_pull_request =
            !text("pr", "number").is_empty() && !protected.unwrap_or_default();
        Ok(is_for_pull_request && preview.resolve(&self.scope)? == PreviewForm::Revision)
    }

    fn environment_group(&self, app: &ContainerApp, group: &str) -> Result<String, EvalError> {
        let own = app.environment.resource_group.as_ref().or(app.resource_group.as_ref());
        let own = own.map(|text| self.rendered(text)).transpose()?;
        Ok(own.unwrap_or_else(|| group.to_owned()))
    }

    fn rendered(&self, text: &Text) -> Result<String, EvalError> {
        Ok(text.render(&self.scope)?.expose().to_owned())
    }
}
