//! Creates or updates an app, and watches whether its new revision becomes ready.

use super::app::App;
use super::client::{API_VERSION, ContainerApps, is_busy};
use super::desired::DesiredApp;
use super::difference::difference;
use super::error::AppError;
use super::evidence::AppEvidence;
use super::id::{AppId, AppPart, AppTarget};
use super::revision::{Replica, Revision};
use crate::azure::{ArmError, ArmRequest, ArmResponse, Verb};
use crate::http::{Retry, Retryable as _};
use crate::value::{Applied, Verdict};
use serde_json::Value;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// How many transient errors in a row the watch ignores: Azure goes on with the app
/// meanwhile.
const MAX_READ_ERRORS: u32 = 5;

/// How often a container that is not ready may have been started again before it counts as
/// one that does not run.
const MAX_RESTARTS: u32 = 2;

/// How many lines of a log are evidence.
const EVIDENCE_LINES: u32 = 20;

/// Progress of a deploy, one line of the log each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AppEvent {
    /// An app of that name exists and is going to be updated.
    Found,
    /// Azure accepted the request.
    Accepted,
    /// The status of Azure's operation, such as `InProgress`.
    Progressed(String),
    /// What the watch waits for now.
    Waited(String),
    /// All requests are going to this revision, which exists.
    Moved(String),
    /// Azure accepted the restart of a revision.
    Restarted,
    /// A restart was accepted, and the replicas are shown as they were before it.
    ReplicasUnchanged,
}

impl fmt::Display for AppEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found => f.write_str("an app of that name is there: updating it"),
            Self::Accepted => f.write_str("Azure accepted the app"),
            Self::Progressed(state) => write!(f, "Azure: {state}"),
            Self::Waited(what) => write!(f, "waiting for {what}"),
            Self::Moved(revision) => write!(f, "giving the requests to revision `{revision}`"),
            Self::Restarted => f.write_str("Azure accepted the restart"),
            Self::ReplicasUnchanged => {
                f.write_str("Azure still shows the replicas as they were before the restart")
            }
        }
    }
}

pub type Listener<'a> = &'a (dyn Fn(AppEvent) + Send + Sync);

impl ContainerApps {
    /// Creates the app or updates `existing`. A revision that was held there gets the
    /// requests. Returns once Azure has finished the operation. A second call changes
    /// nothing. The caller sets the time limit.
    pub async fn apply(
        &self,
        desired: &DesiredApp,
        existing: Option<&App>,
        events: Listener<'_>,
    ) -> Result<Applied, AppError> {
        if let Some(app) = existing {
            if !desired.is_held_in(app) {
                events(AppEvent::Found);
            }
            let difference = difference(existing, desired);
            if difference.verdict == Verdict::Refuse {
                let changes = difference.replacement_reasons().join(", ");
                return Err(AppError::Mistake {
                    app: desired.id.name.clone(),
                    mistake: format!(
                        "Azure does not change {changes}; delete the app, or give it another name"
                    ),
                });
            }
        }
        if let Some(app) = existing.filter(|app| desired.is_held_in(app)) {
            return self.give_requests(desired, app, events).await;
        }
        let mut body = desired.body();
        if let Some(app) = existing.filter(|app| app.has_labels()) {
            self.keep_labels(&mut body, app).await?;
        }
        self.change(&put_request(&desired.id.to_string(), &body), &desired.id, events).await
    }

    /// Sends a change, and waits until Azure has finished it.
    pub async fn change(
        &self,
        request: &ArmRequest<'_>,
        id: &AppId,
        events: Listener<'_>,
    ) -> Result<Applied, AppError> {
        let failed = |error| AppError::of("create or update", id, error);
        match self.arm.call(request).await {
            Err(ArmError::Refused(refusal)) if is_busy(&refusal) => {
                Ok(Applied::Busy { wait: refusal.retry_after.unwrap_or(self.busy_wait) })
            }
            Ok(response) => {
                self.finish(&response, events).await.map_err(failed)?;
                Ok(Applied::Accepted)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Puts an app back as it was, with this body. `live` is what it is now.
    pub async fn restore(
        &self,
        id: &AppId,
        mut body: Value,
        live: Option<&App>,
        events: Listener<'_>,
    ) -> Result<(), AppError> {
        let failed = |error| AppError::of("put back", id, error);
        let path = id.to_string();
        if let Some(live) = live.filter(|live| live.has_labels()) {
            self.keep_labels(&mut body, live).await?;
        }
        let response = self.send_when_settled(&put_request(&path, &body)).await.map_err(failed)?;
        self.finish(&response, events).await.map_err(failed)
    }

    /// Waits for the end of an accepted change.
    pub async fn finish(
        &self,
        response: &ArmResponse,
        events: Listener<'_>,
    ) -> Result<(), ArmError> {
        events(AppEvent::Accepted);
        let last = Mutex::new(String::new());
        let progressed = |state: &str| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if *last != state {
                state.clone_into(&mut last);
                events(AppEvent::Progressed(state.to_owned()));
            }
        };
        self.arm.finish(response, progressed).await.map(drop)
    }

    /// Reads the app until the revision that is to get the requests does, and ends those
    /// that got them. A revision that does not run gives an error with its state and log.
    /// The caller sets the time limit.
    pub async fn watch(&self, id: &AppId, events: Listener<'_>) -> Result<App, AppError> {
        let app = self.until_ready(id, &Watched::Served, events).await?;
        self.end_unused(id, &app).await?;
        Ok(app)
    }

    /// Reads a revision until it could get the requests, and activates it if it is not
    /// active. Returns the app as that revision has it, at the revision's own address.
    pub async fn watch_revision(
        &self,
        id: &AppId,
        revision: &str,
        events: Listener<'_>,
    ) -> Result<App, AppError> {
        self.until_ready(id, &Watched::Revision(revision), events).await
    }

    async fn until_ready(
        &self,
        id: &AppId,
        watched: &Watched<'_>,
        events: Listener<'_>,
    ) -> Result<App, AppError> {
        let began = Instant::now();
        let mut last_reason = String::new();
        let mut errors = 0;
        loop {
            let look = match watched {
                Watched::Served => self.look(id).await,
                Watched::Revision(name) => self.look_at(id, name).await,
            };
            match look {
                Ok(Look::Ready(app)) => return Ok(*app),
                Ok(Look::Failed(error)) => return Err(*error),
                Ok(Look::Wait(why)) => {
                    errors = 0;
                    if why != last_reason {
                        events(AppEvent::Waited(why.clone()));
                        last_reason = why;
                    }
                    tokio::time::sleep(self.arm.pacing().wait(began.elapsed())).await;
                }
                Err(error) if errors < MAX_READ_ERRORS && error.retry() != Retry::Never => {
                    tokio::time::sleep(self.arm.pacing().after_error(errors)).await;
                    errors += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn look(&self, id: &AppId) -> Result<Look, AppError> {
        let app = self.find(id).await?.unwrap_or_default();
        let latest = app.latest_revision().to_owned();
        let is_changing = matches!(app.provisioning_state(), "InProgress" | "");
        if app.revision() != latest {
            let name = app.revision().to_owned();
            let revision = self.revision(id, &name).await?.unwrap_or_default();
            if !is_changing && revision.is_ready() {
                return Ok(Look::Ready(Box::new(app)));
            }
            return self.wait_or_fail(id, &app, &revision).await;
        }
        if !is_changing && app.is_ready() {
            return Ok(Look::Ready(Box::new(app)));
        }
        if latest.is_empty() {
            return Ok(match app.provisioning_state() {
                "Failed" | "Canceled" => {
                    let why = "Azure gave the app up".to_owned();
                    Look::Failed(Box::new(self.not_ready(id, &app, why).await))
                }
                _ => Look::Wait("the first revision of the app".to_owned()),
            });
        }
        let revision = self.revision(id, &latest).await?.unwrap_or_default();
        self.wait_or_fail(id, &app, &revision).await
    }

    async fn look_at(&self, id: &AppId, name: &str) -> Result<Look, AppError> {
        let waits = || Look::Wait(format!("revision `{name}` to be active"));
        let Some(revision) = self.revision(id, name).await? else { return Ok(waits()) };
        if !revision.is_active() {
            self.set_active(id, name, true).await?;
            return Ok(waits());
        }
        let app = self.read(id).await?.unwrap_or_default();
        let part = AppTarget { app: id.clone(), part: AppPart::Revision(name.to_owned()) };
        let app = app.shown_as(name, revision.template()).at(&part, revision.fqdn());
        if revision.is_ready() {
            return Ok(Look::Ready(Box::new(app)));
        }
        self.wait_or_fail(id, &app, &revision).await
    }

    /// The result of a look at a revision that is not ready.
    async fn wait_or_fail(
        &self,
        id: &AppId,
        app: &App,
        revision: &Revision,
    ) -> Result<Look, AppError> {
        let name = app.revision();
        let replicas = self.replicas(id, name).await?;
        if let Some(why) = failure(app, revision, &replicas) {
            return Ok(Look::Failed(Box::new(self.not_ready(id, app, why).await)));
        }
        let mut all = replicas.iter().flat_map(|replica| &replica.properties.containers);
        let unready = all.find(|container| !container.ready);
        let state = unready.map(|container| format!(": container {}", container.describe()));
        Ok(Look::Wait(format!("revision `{name}` to be ready{}", state.unwrap_or_default())))
    }

    pub(super) async fn not_ready(&self, id: &AppId, app: &App, why: String) -> AppError {
        AppError::NotReady {
            app: id.name.clone(),
            revision: app.revision().to_owned(),
            why,
            evidence: Box::new(self.inspect(id, app).await),
        }
    }

    /// All that an app shows of itself. What cannot be read is left out: it would hide the
    /// error that is explained.
    pub async fn inspect(&self, id: &AppId, app: &App) -> AppEvidence {
        let name = app.revision();
        let revision = self.revision(id, name).await.ok().flatten();
        let replicas = self.replicas(id, name).await.unwrap_or_default();
        let name = app.containers().next().map(|container| super::app::text(&container["name"]));
        let log = match name {
            Some(name) => self.log_of(id, app, &replicas, name, Some(EVIDENCE_LINES)).await.ok(),
            None => None,
        };
        AppEvidence::of(app, revision.as_ref(), &replicas, log.as_deref())
    }

    /// Why a container of a ready app does not stay up; `None` where all do.
    pub async fn broken(&self, id: &AppId, app: &App) -> Result<Option<AppError>, AppError> {
        let name = app.revision();
        let revision = self.revision(id, name).await?.unwrap_or_default();
        let replicas = self.replicas(id, name).await?;
        let Some(why) = failure(app, &revision, &replicas) else { return Ok(None) };
        let evidence = Box::new(self.inspect(id, app).await);
        Ok(Some(AppError::Broken { app: id.name.clone(), why, evidence }))
    }
}

/// What is watched.
enum Watched<'a> {
    /// The revision that is to get the requests of the app.
    Served,
    Revision(&'a str),
}

/// The result of one look at an app.
enum Look {
    Ready(Box<App>),
    Failed(Box<AppError>),
    Wait(String),
}

/// Why a revision will not run; `None` where it may.
pub fn failure(app: &App, revision: &Revision, replicas: &[Replica]) -> Option<String> {
    let state = revision.provisioning_state();
    if state.eq_ignore_ascii_case("Failed") {
        let why = revision.provisioning_error();
        return Some(if why.is_empty() { "it was not provisioned".to_owned() } else { why.into() });
    }
    let running = revision.running_state();
    if ["Failed", "ActivationFailed"].iter().any(|failed| running.eq_ignore_ascii_case(failed)) {
        return Some(format!("its state is {running}"));
    }
    if matches!(app.provisioning_state(), "Failed" | "Canceled") {
        return Some("Azure gave the app up".to_owned());
    }
    let mut containers = replicas.iter().flat_map(|replica| &replica.properties.containers);
    let crashed = containers.find(|it| !it.ready && it.restart_count >= MAX_RESTARTS)?;
    Some(format!("container {}", crashed.describe()))
}

pub fn put_request<'a>(path: &'a str, body: &'a Value) -> ArmRequest<'a> {
    ArmRequest { verb: Verb::Put, path, api_version: API_VERSION, body: Some(body) }
}
