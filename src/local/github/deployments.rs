//! Deployments and their statuses.

use super::activity::{Deployment, DeploymentStatus, now};
use super::context::{ApiCall, RepositoryContext};
use super::error::GithubApiError;
use super::page::page;
use super::{shapes, statuses};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const STATES: [&str; 7] =
    ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];

/// The limit for the description of a status.
const MAX_DESCRIPTION_CHARS: usize = 140;

/// `/deployments`
pub fn all(context: &RepositoryContext, call: &ApiCall) -> Result<Response, GithubApiError> {
    match call.method {
        Method::GET => {
            let asked = |name: &str, is: &str| {
                call.query.get(name).is_none_or(|asked| asked == "none" || asked == is)
            };
            let record = context.record.read();
            let found = record.deployments.iter().rev().filter(|one| {
                asked("sha", &one.sha)
                    && asked("ref", &one.reference)
                    && asked("task", &one.task)
                    && asked("environment", &one.environment)
            });
            let all: Vec<Value> = found.map(|one| shapes::deployment(context, one)).collect();
            Ok(page(context, "deployments", &call.query, &all))
        }
        Method::POST => create(context, call),
        _ => Err(GithubApiError::not_found()),
    }
}

fn create(context: &RepositoryContext, call: &ApiCall) -> Result<Response, GithubApiError> {
    let reference = call.text("ref").unwrap_or_default();
    if reference.is_empty() {
        return Err(GithubApiError::new(422, "Invalid request.\n\n\"ref\" wasn't supplied."));
    }
    let sha = context.resolve(reference);
    required(context, call, &sha)?;
    let environment = call.text("environment").unwrap_or("production");
    let deployment = context.record.change::<_, GithubApiError>(|record| {
        let time = now();
        let deployment = Deployment {
            id: record.next_id(),
            sha,
            reference: reference.to_owned(),
            task: call.text("task").unwrap_or("deploy").to_owned(),
            environment: environment.to_owned(),
            payload: Some(&call.body["payload"])
                .filter(|p| !p.is_null())
                .cloned()
                .unwrap_or(json!({})),
            description: call.text("description").map(str::to_owned),
            transient: call.body["transient_environment"].as_bool().unwrap_or(false),
            production: call.body["production_environment"]
                .as_bool()
                .unwrap_or(environment == "production"),
            created_at: time.clone(),
            updated_at: time,
            statuses: Vec::new(),
        };
        record.deployments.push(deployment.clone());
        Ok(deployment)
    })?;
    Ok((StatusCode::CREATED, Json(shapes::deployment(context, &deployment))).into_response())
}

/// Fails unless the required commit statuses are successful. Without
/// `required_contexts`, every existing status is required.
fn required(context: &RepositoryContext, call: &ApiCall, sha: &str) -> Result<(), GithubApiError> {
    let named = call.body["required_contexts"].as_array();
    let latest = statuses::latest(context, sha);
    let missing = named.into_iter().flatten().filter_map(Value::as_str);
    let missing = missing.filter(|name| latest.iter().all(|one| one.context != *name));
    let mut bad: Vec<Value> =
        missing.map(|name| json!({"context": name, "state": "missing"})).collect();
    bad.extend(latest.iter().filter(|one| one.state != "success").filter_map(|one| {
        let counts = named.is_none_or(|named| named.iter().any(|name| name == &one.context));
        counts.then(|| json!({"context": one.context, "state": one.state}))
    }));
    if bad.is_empty() {
        return Ok(());
    }
    let reference = call.text("ref").unwrap_or_default();
    let message = format!("Conflict: Commit status checks failed for {reference}.");
    Err(GithubApiError::new(409, &message).with(json!([{
        "contexts": bad, "resource": "Deployment", "field": "required_contexts",
        "code": "invalid",
    }])))
}

/// `/deployments/ID`
pub fn one(
    context: &RepositoryContext,
    call: &ApiCall,
    id: &str,
) -> Result<Response, GithubApiError> {
    match call.method {
        Method::GET => {
            let found = find(context, id)?;
            Ok(Json(shapes::deployment(context, &found)).into_response())
        }
        Method::DELETE => delete(context, id),
        _ => Err(GithubApiError::not_found()),
    }
}

/// Deletes a deployment that is inactive or the only one of its environment.
fn delete(context: &RepositoryContext, id: &str) -> Result<Response, GithubApiError> {
    let found = find(context, id)?;
    context.record.change(|record| {
        let others = record
            .deployments
            .iter()
            .any(|one| one.id != found.id && one.environment == found.environment);
        let inactive = found.statuses.last().is_some_and(|status| status.state == "inactive");
        if others && !inactive {
            let text = "We cannot delete an active deployment unless it is the only deployment in \
                        a given environment.";
            return Err(GithubApiError::new(422, text));
        }
        record.deployments.retain(|one| one.id != found.id);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

/// `/deployments/ID/statuses`
pub fn statuses(
    context: &RepositoryContext,
    call: &ApiCall,
    id: &str,
) -> Result<Response, GithubApiError> {
    let found = find(context, id)?;
    match call.method {
        Method::GET => {
            let newest = found.statuses.iter().rev();
            let all: Vec<Value> =
                newest.map(|one| shapes::deployment_status(context, found.id, one)).collect();
            Ok(page(context, &format!("deployments/{id}/statuses"), &call.query, &all))
        }
        Method::POST => add(context, call, &found),
        _ => Err(GithubApiError::not_found()),
    }
}

/// `/deployments/ID/statuses/STATUS`
pub fn status(
    context: &RepositoryContext,
    id: &str,
    status: &str,
) -> Result<Response, GithubApiError> {
    let found = find(context, id)?;
    let one = found.statuses.iter().find(|one| one.id.to_string() == status);
    let one = one.ok_or_else(GithubApiError::not_found)?;
    Ok(Json(shapes::deployment_status(context, found.id, one)).into_response())
}

fn add(
    context: &RepositoryContext,
    call: &ApiCall,
    to: &Deployment,
) -> Result<Response, GithubApiError> {
    let state = call.text("state").unwrap_or_default().to_owned();
    if !STATES.contains(&state.as_str()) {
        let text = "state is not included in the list";
        return Err(GithubApiError::invalid("DeploymentStatus", "state", text));
    }
    let text = |name: &str| call.text(name).unwrap_or_default().to_owned();
    let description = text("description");
    if description.chars().count() > MAX_DESCRIPTION_CHARS {
        let text = "description is too long (maximum is 140 characters)";
        return Err(GithubApiError::invalid("DeploymentStatus", "description", text));
    }
    let log_url = call.text("log_url").or(call.text("target_url")).unwrap_or_default();
    let log_url = log_url.to_owned();
    let environment = call.text("environment").unwrap_or(&to.environment).to_owned();
    let ends_others = state == "success" && call.body["auto_inactive"].as_bool().unwrap_or(true);
    let added = context.record.change::<_, GithubApiError>(|record| {
        let status = DeploymentStatus {
            id: record.next_id(),
            state,
            description,
            environment: environment.clone(),
            log_url,
            environment_url: text("environment_url"),
            created_at: now(),
        };
        let mut ended = Vec::new();
        for one in &mut record.deployments {
            if one.id == to.id {
                one.statuses.push(status.clone());
                one.environment.clone_from(&environment);
                one.updated_at.clone_from(&status.created_at);
            } else if ends_others && is_ended_by(one, &environment) {
                ended.push(one.id);
            }
        }
        for id in ended {
            let inactive = DeploymentStatus {
                id: record.next_id(),
                state: "inactive".into(),
                ..status.clone()
            };
            let one = record.deployments.iter_mut().find(|one| one.id == id);
            if let Some(one) = one {
                one.statuses.push(inactive);
            }
        }
        Ok(status)
    })?;
    let body = shapes::deployment_status(context, to.id, &added);
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Whether a successful deployment to the same environment makes this one
/// inactive. GitHub exempts transient and production deployments.
fn is_ended_by(one: &Deployment, environment: &str) -> bool {
    let active = one.statuses.last().is_none_or(|status| status.state != "inactive");
    active && !one.transient && !one.production && one.environment == environment
}

fn find(context: &RepositoryContext, id: &str) -> Result<Deployment, GithubApiError> {
    let record = context.record.read();
    let found = record.deployments.iter().find(|one| one.id.to_string() == id);
    found.cloned().ok_or_else(GithubApiError::not_found)
}
