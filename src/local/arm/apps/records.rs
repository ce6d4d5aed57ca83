//! Finding, storing and starting apps.

use super::super::handle::Arm;
use super::super::resource_groups;
use super::super::response::{ArmError, ArmResponse};
use super::super::store::{App, AppRevision};
use super::group::{group_of, runtime_id};
use super::traffic;
use crate::local::arm::containers;
use crate::local::arm::held::write_published;
use crate::local::runtime::ConnectError;
use http::StatusCode;
use std::time::Duration;

pub const KIND: &str = "Microsoft.App/containerApps";

/// How long the program of a revision may take to accept a connection that asks whether it
/// listens.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The key of an app in the store.
pub fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}").to_ascii_lowercase()
}

pub fn find(arm: &Arm, group: &str, name: &str) -> Result<App, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let found = arm.store.read().apps.get(&key(&group, name)).cloned();
    found.ok_or_else(|| {
        let message = format!(
            "The Resource 'Microsoft.App/containerApps/{name}' under resource group '{group}' was \
             not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        );
        ArmError::missing("ResourceNotFound", message)
    })
}

pub fn keep(arm: &Arm, app: &App) -> Result<(), ArmError> {
    let key = key(&app.resource_group, &app.name);
    let kept = arm.store.change(|content| drop(content.apps.insert(key, app.clone())));
    kept.map_err(|error| ArmError::broken(&error))
}

/// The app, once it was seen which of its revisions are ready: the newest that is gets the
/// requests, and those before it end unless several may be active.
pub async fn settled(arm: &Arm, app: App) -> Result<App, ArmError> {
    if app.stopped {
        return Ok(app);
    }
    let mut ready = Vec::new();
    for revision in app.revisions.iter().filter(|it| it.active && !it.ready) {
        if is_ready(arm, &app, revision).await {
            ready.push(revision.name.clone());
        }
    }
    let Some(latest) = app.revisions.last().map(|latest| latest.name.clone()) else {
        return Ok(app);
    };
    let is_latest_ready = ready.contains(&latest) || app.ready.as_ref() == Some(&latest);
    let others_end = is_latest_ready && !traffic::is_multiple(&app);
    let has_others = app.revisions.iter().any(|it| it.active && it.name != latest);
    if ready.is_empty() && !(others_end && has_others) {
        return Ok(app);
    }
    let mut ended = Vec::new();
    let settled = change(arm, &app, |stored| {
        for revision in &mut stored.revisions {
            revision.ready |= ready.contains(&revision.name);
            if others_end && revision.active && revision.name != latest {
                revision.active = false;
                revision.ready = false;
                ended.push(revision.name.clone());
            }
        }
        if is_latest_ready {
            stored.ready = Some(latest.clone());
        }
    })?;
    for name in ended {
        tokio::spawn(arm.runtime.remove(&runtime_id(&app, &name)));
    }
    write_published(arm);
    Ok(settled)
}

/// Changes an app as it is stored now: another request may have changed it since it was
/// read. Returns the changed app; an app that was deleted meanwhile is returned as it was.
fn change(arm: &Arm, app: &App, change: impl FnOnce(&mut App)) -> Result<App, ArmError> {
    let key = key(&app.resource_group, &app.name);
    let mut changed = app.clone();
    let kept = arm.store.change(|content| {
        if let Some(stored) = content.apps.get_mut(&key) {
            change(stored);
            changed = stored.clone();
        }
    });
    kept.map_err(|error| ArmError::broken(&error))?;
    Ok(changed)
}

/// Whether all containers of a revision run, and one listens on the port of the app.
async fn is_ready(arm: &Arm, app: &App, revision: &AppRevision) -> bool {
    let Some(view) = arm.runtime.view(&runtime_id(app, &revision.name)) else { return false };
    if !view.runs() {
        return false;
    }
    match app.target_port() {
        Some(port) => {
            let host = app.host_of(&revision.name);
            let connect = arm.runtime.connect(&host, port);
            tokio::time::timeout(CONNECT_TIMEOUT, connect).await.is_ok_and(|it| it.is_ok())
        }
        None => true,
    }
}

/// What the service says of a revision whose program listens on another port than that of
/// the app; `None` where it does not, or is ready.
pub async fn port_mismatch(arm: &Arm, app: &App, revision: &AppRevision) -> Option<String> {
    if revision.ready || !revision.active {
        return None;
    }
    let port = app.target_port()?;
    let host = app.host_of(&revision.name);
    let connect = arm.runtime.connect(&host, port);
    let refused = tokio::time::timeout(CONNECT_TIMEOUT, connect).await.ok()?.err()?;
    let ConnectError::Refused { listening, .. } = refused else { return None };
    let other = listening.iter().find(|address| !address.ip().is_loopback())?.port();
    Some(format!("The TargetPort {port} does not match the listening port {other}."))
}

/// Starts a revision, replacing it where it runs.
pub async fn launch(arm: &Arm, app: &App, revision: &AppRevision) -> Result<(), ArmError> {
    containers::launch(arm, &group_of(arm, app, revision)?).await
}

/// Starts the revisions again that ran when an earlier process of this cloud ended.
pub async fn restart_all(arm: &Arm) {
    let all: Vec<App> = arm.store.read().apps.values().cloned().collect();
    for app in all.iter().filter(|app| !app.stopped) {
        for revision in app.revisions.iter().filter(|revision| revision.active) {
            if let Err(refusal) = launch(arm, app, revision).await {
                let reason = refusal.message;
                tracing::warn!(app = app.name, reason, "cannot restart a revision");
            }
        }
    }
}

/// Starts or ends one revision.
pub async fn set_active(arm: &Arm, app: &App, name: &str, active: bool) -> Result<(), ArmError> {
    for revision in app.revisions.iter().filter(|revision| revision.name == name) {
        if !active {
            arm.runtime.remove(&runtime_id(app, name)).await;
        } else if !revision.active {
            launch(arm, app, revision).await?;
        }
    }
    change(arm, app, |stored| {
        for revision in stored.revisions.iter_mut().filter(|revision| revision.name == name) {
            revision.ready &= active && revision.active;
            revision.active = active;
        }
    })
    .map(drop)
}

pub async fn set_stopped(arm: &Arm, app: &App, stopped: bool) -> Result<(), ArmError> {
    keep(arm, &App { stopped, ..app.clone() })?;
    for revision in app.revisions.iter().filter(|revision| revision.active) {
        if stopped {
            arm.runtime.stop(&runtime_id(app, &revision.name)).await;
        } else {
            launch(arm, app, revision).await?;
        }
    }
    Ok(())
}

/// Answers at once and ends the app in the background.
pub fn delete(arm: &Arm, group: &str, name: &str) -> Result<ArmResponse, ArmError> {
    match find(arm, group, name) {
        Ok(app) => {
            forget(arm, &app)?;
            Ok(ArmResponse::empty(StatusCode::OK))
        }
        Err(refusal) if refusal.code == "ResourceNotFound" => {
            Ok(ArmResponse::empty(StatusCode::NO_CONTENT))
        }
        Err(refusal) => Err(refusal),
    }
}

fn forget(arm: &Arm, app: &App) -> Result<(), ArmError> {
    let key = key(&app.resource_group, &app.name);
    let removed = arm.store.change(|content| drop(content.apps.remove(&key)));
    removed.map_err(|error| ArmError::broken(&error))?;
    for revision in &app.revisions {
        tokio::spawn(arm.runtime.remove(&runtime_id(app, &revision.name)));
    }
    write_published(arm);
    Ok(())
}

/// Deletes the apps and environments of a resource group.
pub fn delete_all(arm: &Arm, group: &str) -> Result<(), ArmError> {
    let all: Vec<App> = arm.store.read().apps.values().cloned().collect();
    for app in all.iter().filter(|app| app.resource_group.eq_ignore_ascii_case(group)) {
        forget(arm, app)?;
    }
    let removed = arm.store.change(|content| {
        content.app_environments.retain(|_, it| !it.resource_group.eq_ignore_ascii_case(group));
    });
    removed.map_err(|error| ArmError::broken(&error))
}
