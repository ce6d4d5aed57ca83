//! Reads, lists and deletes apps.

use super::app::App;
use super::error::AppError;
use super::id::{AppId, AppPart, AppTarget};
use super::revision::{Replica, Revision};
use crate::azure::{Arm, ArmError, ArmRequest, ArmResponse, Busy, Refusal, Verb};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The newest version that recorded answers of the service are known of.
pub const API_VERSION: &str = "2025-01-01";

/// How often a request is repeated while another change of the app is in progress: for about
/// a minute and a half with the default wait.
const MAX_BUSY_RETRIES: u32 = 6;

/// The client for apps. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ContainerApps {
    pub arm: Arm,
    /// Between two attempts while another change of the app is in progress.
    pub busy_wait: Duration,
}

impl ContainerApps {
    pub fn new(arm: Arm) -> Self {
        Self { arm, busy_wait: Duration::from_secs(15) }
    }

    /// The same client with another wait while the app is busy.
    #[must_use]
    pub fn waiting(self, busy_wait: Duration) -> Self {
        Self { busy_wait, ..self }
    }

    /// Reads an app as the revision has it that gets its requests; `None` where it does not
    /// exist.
    pub async fn find(&self, id: &AppId) -> Result<Option<App>, AppError> {
        let Some(app) = self.read(id).await? else { return Ok(None) };
        let served = self.as_served(&id.to_string(), app).await;
        served.map(Some).map_err(|source| AppError::of("read a revision of", id, source))
    }

    /// Reads an app as Azure reports it, with what its newest revision runs.
    pub async fn read(&self, id: &AppId) -> Result<Option<App>, AppError> {
        let found = self.arm.find(&id.to_string(), API_VERSION).await;
        found.map_err(|source| AppError::of("read", id, source))
    }

    /// Reads an app, or a part of it; `None` where that does not exist.
    pub async fn find_part(&self, target: &AppTarget) -> Result<Option<App>, AppError> {
        let AppTarget { app: id, part } = target;
        match part {
            AppPart::Whole => self.find(id).await,
            AppPart::Revision(name) => {
                let Some(app) = self.read(id).await? else { return Ok(None) };
                let revision = self.revision(id, name).await?;
                let shown = |revision: Revision| {
                    app.shown_as(name, revision.template()).at(target, revision.fqdn())
                };
                Ok(revision.map(shown))
            }
            AppPart::Label(label) => {
                let Some(app) = self.read(id).await? else { return Ok(None) };
                self.with_label(id, &app, label).await
            }
        }
    }

    /// The app as the revision has it that gets its requests: one that is not the newest is
    /// read.
    async fn as_served(&self, path: &str, app: App) -> Result<App, ArmError> {
        let named = app.pinned().filter(|name| *name != app.latest_revision());
        let Some(name) = named.map(str::to_owned) else { return Ok(app) };
        let path = format!("{path}/revisions/{name}");
        let found: Option<Revision> = self.arm.find(&path, API_VERSION).await?;
        Ok(match found {
            Some(revision) => app.shown_as(&name, revision.template()),
            None => app,
        })
    }

    /// All apps of a subscription, or of one of its resource groups, and their labels that
    /// Shipway gave.
    pub async fn list(
        &self,
        subscription: &str,
        resource_group: Option<&str>,
    ) -> Result<Vec<App>, ArmError> {
        let group = resource_group.map(|name| format!("/resourceGroups/{name}"));
        let group = group.unwrap_or_default();
        let path =
            format!("/subscriptions/{subscription}{group}/providers/Microsoft.App/containerApps");
        let listed: Vec<App> = match self.arm.list(&path, API_VERSION).await {
            // A subscription that never used Container Apps has none.
            Err(ArmError::Refused(refusal)) if refusal.has("MissingSubscriptionRegistration") => {
                Vec::new()
            }
            other => other?,
        };
        let mut all = Vec::new();
        for app in listed {
            if let Some(id) = AppId::parse(app.id()) {
                all.extend(self.labels_of(&id, &app).await?);
            }
            let path = app.id().to_owned();
            all.push(self.as_served(&path, app).await?);
        }
        Ok(all)
    }

    /// All revisions of an app, also those that are not active. None where it does not exist.
    pub async fn revisions(&self, id: &AppId) -> Result<Vec<Revision>, AppError> {
        match self.arm.list(&format!("{id}/revisions"), API_VERSION).await {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            other => other.map_err(|source| AppError::of("read the revisions of", id, source)),
        }
    }

    /// Reads a revision of an app; `None` where it does not exist.
    pub async fn revision(&self, id: &AppId, revision: &str) -> Result<Option<Revision>, AppError> {
        let found = self.arm.find(&format!("{id}/revisions/{revision}"), API_VERSION).await;
        found.map_err(|source| AppError::of("read a revision of", id, source))
    }

    /// What runs of a revision; empty where it is scaled to nothing.
    pub async fn replicas(&self, id: &AppId, revision: &str) -> Result<Vec<Replica>, AppError> {
        if revision.is_empty() {
            return Ok(Vec::new());
        }
        let path = format!("{id}/revisions/{revision}/replicas");
        let found: Result<Option<Value>, ArmError> = self.arm.find(&path, API_VERSION).await;
        let failed = |source| AppError::of("read the replicas of", id, source);
        let Some(mut found) = found.map_err(failed)? else { return Ok(Vec::new()) };
        let read = serde_json::from_value(found["value"].take());
        read.map_err(|error| failed(self.arm.unreadable(&path, &error)))
    }

    /// Changes the tags of an app. Its containers go on running.
    pub async fn set_tags(
        &self,
        id: &AppId,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> Result<(), AppError> {
        let (path, body) = (id.to_string(), json!({ "tags": tags_patch(before, after) }));
        let request = ArmRequest {
            verb: Verb::Patch,
            path: &path,
            api_version: API_VERSION,
            body: Some(&body),
        };
        let failed = |source| AppError::of("set the tags of", id, source);
        let response = self.send_when_settled(&request).await.map_err(failed)?;
        self.arm.finish(&response, |_| {}).await.map(drop).map_err(failed)
    }

    /// The same of an app or of a label. A revision has no tags.
    pub async fn set_tags_of(
        &self,
        target: &AppTarget,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> Result<(), AppError> {
        match &target.part {
            AppPart::Whole => self.set_tags(&target.app, before, after).await,
            AppPart::Revision(_) => Ok(()),
            AppPart::Label(label) => self.set_tags_of_label(&target.app, label, after).await,
        }
    }

    /// Asks Azure to delete an app, and does not wait for it. `None` if it does not exist.
    pub async fn start_delete(&self, id: &AppId) -> Result<Option<ArmResponse>, AppError> {
        let path = id.to_string();
        let request =
            ArmRequest { verb: Verb::Delete, path: &path, api_version: API_VERSION, body: None };
        match self.send_when_settled(&request).await {
            Err(error) if error.is_not_found() => Ok(None),
            Ok(response) if response.status == 204 => Ok(None),
            other => other.map(Some).map_err(|source| AppError::of("delete", id, source)),
        }
    }

    /// Deletes an app and waits until it no longer exists. Deleting an app that does not
    /// exist succeeds. The caller sets the time limit.
    pub async fn delete(&self, id: &AppId) -> Result<(), AppError> {
        let Some(response) = self.start_delete(id).await? else { return Ok(()) };
        let finished = self.arm.finish(&response, |_| {}).await;
        finished.map_err(|source| AppError::of("delete", id, source))?;
        let began = Instant::now();
        while self.find(id).await?.is_some() {
            tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await;
        }
        Ok(())
    }

    /// Deletes an app, or takes a label off.
    pub async fn delete_part(&self, target: &AppTarget) -> Result<(), AppError> {
        match &target.part {
            AppPart::Label(label) => self.remove_label(&target.app, label).await.map(drop),
            AppPart::Whole => self.delete(&target.app).await,
            AppPart::Revision(name) => self.set_active(&target.app, name, false).await,
        }
    }

    /// Sends a request, and again a few times while Azure refuses it because another change
    /// of the same app is in progress.
    pub async fn send_when_settled(
        &self,
        request: &ArmRequest<'_>,
    ) -> Result<ArmResponse, ArmError> {
        let busy = Busy { is_busy, wait: self.busy_wait, retries: MAX_BUSY_RETRIES };
        self.arm.call_when_settled(request, busy).await
    }
}

/// What makes tags `after` of those `before`: a JSON merge patch keeps what is not named
/// (RFC 7396).
pub fn tags_patch(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Value {
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    let removed = removed.map(|name| (name.clone(), Value::Null));
    let set = after.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
    removed.chain(set).collect::<Map<String, Value>>().into()
}

/// Whether a request was refused because another change of the app is in progress.
pub fn is_busy(refusal: &Refusal) -> bool {
    refusal.has("ContainerAppOperationInProgress")
}
