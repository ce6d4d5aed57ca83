//! The provider `Microsoft.App`: environments, apps and their revisions.
//!
//! Bodies follow the specification (2025-01-01) and what is recorded of the service. Each
//! active revision is a group of the runtime. As at the service, an app is "Succeeded" and
//! "Running" while its newest revision is not ready yet and the one before it has the
//! requests. One replica runs of each revision, whatever `scale` says.

mod environments;
mod group;
mod ingress;
mod initial;
mod put;
mod records;
mod show;
mod streams;
mod traffic;
mod validate;

pub use group::runtime_id;
pub use initial::add_initial;
pub use records::{KIND, delete_all, restart_all, settled};

use super::handle::Arm;
use super::request::ArmRequest;
use super::resource_groups;
use super::response::{ArmError, ArmResponse};
use super::store::App;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use records::find;
use serde_json::{Value, json};
use std::sync::Arc;

/// The domain of apps, and that of their logs and terminals.
const APP_DOMAIN: &str = ".azurecontainerapps.io";
const STREAM_DOMAIN: &str = ".azurecontainerapps.dev";

pub async fn handle(arm: &Arm, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let path = &request.path;
    let words = path.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (get, post) = (request.method == Method::GET, request.method == Method::POST);
    match (path.resource_group.as_deref(), words.as_slice()) {
        (
            None,
            [
                "locations",
                _,
                "containerappoperationstatuses" | "managedenvironmentoperationstatuses",
                id,
            ],
        ) if get => Ok(ArmResponse::ok(json!({ "name": id, "status": "Succeeded" }))),
        (group, ["managedenvironments"]) if get => environments::list(arm, group),
        (Some(group), ["managedenvironments", _]) => environments::one(arm, request, group),
        (group, ["containerapps"]) if get => list(arm, group).await,
        (Some(group), ["containerapps", _]) => one(arm, request, group).await,
        (Some(group), ["containerapps", _, action]) if post => {
            let app = find(arm, group, &path.rest[1])?;
            act(arm, &app, action, request).await
        }
        (Some(group), ["containerapps", _, "revisions", rest @ ..]) => {
            let app = records::settled(arm, find(arm, group, &path.rest[1])?).await?;
            revisions(arm, request, &app, rest).await
        }
        _ => Err(request.no_such_route()),
    }
}

async fn one(arm: &Arm, request: &ArmRequest, group: &str) -> Result<ArmResponse, ArmError> {
    let name = &request.path.rest[1];
    match request.method {
        Method::GET => {
            let app = records::settled(arm, find(arm, group, name)?).await?;
            Ok(ArmResponse::ok(show::app(arm, &app)))
        }
        Method::PUT => put::put(arm, request, group, name).await,
        Method::PATCH => put::patch(arm, request, &find(arm, group, name)?).await,
        Method::DELETE => records::delete(arm, group, name),
        _ => Err(request.no_such_route()),
    }
}

async fn list(arm: &Arm, group: Option<&str>) -> Result<ArmResponse, ArmError> {
    let group = group.map(|group| resource_groups::find(arm, group)).transpose()?;
    let all: Vec<App> = arm.store.read().apps.values().cloned().collect();
    let mut shown = Vec::new();
    for app in all {
        if group.as_ref().is_none_or(|it| it.name.eq_ignore_ascii_case(&app.resource_group)) {
            shown.push(show::app(arm, &records::settled(arm, app).await?));
        }
    }
    Ok(ArmResponse::list(shown))
}

async fn act(
    arm: &Arm,
    app: &App,
    action: &str,
    request: &ArmRequest,
) -> Result<ArmResponse, ArmError> {
    match action {
        "listsecrets" => Ok(ArmResponse::ok(json!({ "value": show::secrets(app) }))),
        "getauthtoken" => {
            let token = arm.stream_tokens.issue()?;
            let expires = jiff::Timestamp::now() + std::time::Duration::from_hours(1);
            Ok(ArmResponse::ok(json!({
                "id": app.id, "name": app.name, "location": app.location,
                "properties": { "token": token, "expires": expires.to_string() },
            })))
        }
        "stop" | "start" => {
            records::set_stopped(arm, app, action == "stop").await?;
            Ok(put::accepted(arm, &request.host, app, StatusCode::ACCEPTED, None))
        }
        _ => Err(request.no_such_route()),
    }
}

async fn revisions(
    arm: &Arm,
    request: &ArmRequest,
    app: &App,
    rest: &[&str],
) -> Result<ArmResponse, ArmError> {
    let get = request.method == Method::GET;
    let missing = |name: &str| {
        let message =
            format!("The revision '{name}' of container app '{}' was not found.", app.name);
        ArmError::missing("RevisionNotFound", message)
    };
    let found = |name: &str| {
        let found = app.revisions.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| missing(name))
    };
    match *rest {
        [] if get => {
            Ok(ArmResponse::list(app.revisions.iter().map(|it| show::revision(arm, app, it))))
        }
        [name] if get => Ok(ArmResponse::ok(show::revision(arm, app, found(name)?))),
        [name, "replicas"] if get => {
            let revision = found(name)?;
            let mismatch = records::port_mismatch(arm, app, revision).await;
            Ok(ArmResponse::list(show::replica(arm, app, revision, mismatch)))
        }
        [name, "replicas", replica] if get => {
            let revision = found(name)?;
            let mismatch = records::port_mismatch(arm, app, revision).await;
            let found = show::replica(arm, app, revision, mismatch);
            let found = found.filter(|it| {
                it["name"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(replica))
            });
            found.map(ArmResponse::ok).ok_or_else(|| {
                let message =
                    format!("The replica '{replica}' of revision '{name}' was not found.");
                ArmError::missing("ReplicaNotFound", message)
            })
        }
        [name, "restart"] if request.method == Method::POST => {
            records::launch(arm, app, found(name)?).await?;
            Ok(ArmResponse::ok(Value::from("Restart succeeded")))
        }
        [name, change @ ("activate" | "deactivate")] if request.method == Method::POST => {
            let (is_start, name) = (change == "activate", &found(name)?.name);
            records::set_active(arm, app, name, is_start).await?;
            let word = if is_start { "Activate" } else { "Deactivate" };
            Ok(ArmResponse::ok(Value::from(format!("{word} succeeded"))))
        }
        _ => Err(request.no_such_route()),
    }
}

/// Answers for the hosts of apps and of their streams; gives the request back if its host is
/// neither.
pub async fn answer(
    arm: &Arc<Arm>,
    host: &str,
    request: Request<Body>,
) -> Result<Response<Body>, Request<Body>> {
    if host.ends_with(APP_DOMAIN) {
        return Ok(ingress::answer(arm, host, request).await);
    }
    if host.ends_with(STREAM_DOMAIN) {
        return Ok(streams::answer(arm, request));
    }
    Err(request)
}
