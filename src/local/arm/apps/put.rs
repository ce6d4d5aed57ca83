//! PUT and PATCH of an app: a new revision if what runs has changed.

use super::super::handle::Arm;
use super::super::identities;
use super::super::path::ResourceId;
use super::super::request::ArmRequest;
use super::super::resource_groups;
use super::super::response::{ASYNC_OPERATION, ArmError, ArmResponse};
use super::super::store::{App, AppRevision};
use super::super::tags;
use super::environments;
use super::group::group_of;
use super::records::{KIND, keep, key, launch};
use super::show;
use super::traffic;
use super::validate;
use crate::local::arm::containers;
use crate::local::identity::random_uuid;
use http::StatusCode;
use serde_json::{Map, Value};

/// Older revisions are forgotten, as the service does with inactive ones.
const MAX_REVISIONS: usize = 100;

pub async fn put(
    arm: &Arm,
    request: &ArmRequest,
    group: &str,
    name: &str,
) -> Result<ArmResponse, ArmError> {
    let group = resource_groups::find(arm, group)?.name;
    let is_there = arm.store.read().apps.contains_key(&key(&group, name));
    let status = if is_there { StatusCode::OK } else { StatusCode::CREATED };
    let app = change(arm, &group, name, request.json()?).await?;
    let shown = show::changing(arm, &app);
    Ok(accepted(arm, &request.host, &app, status, Some(shown)))
}

/// Changes an app by a merge patch (RFC 7396) of what was put, secrets included.
pub async fn patch(arm: &Arm, request: &ArmRequest, app: &App) -> Result<ArmResponse, ArmError> {
    let mut body = app.body.clone();
    let mut patch = request.json()?;
    // The names of tags are compared ignoring case.
    let tags = patch.as_object_mut().and_then(|patch| patch.remove("tags"));
    body["tags"] = merged_tags(&body["tags"], &tags.unwrap_or_default());
    let app = if patch["properties"].is_null() {
        tags::of(&body)?;
        let app = App { body, ..app.clone() };
        keep(arm, &app)?;
        app
    } else {
        merge(&mut body, &patch);
        change(arm, &app.resource_group, &app.name, body).await?
    };
    Ok(accepted(arm, &request.host, &app, StatusCode::ACCEPTED, None))
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in members {
        if value.is_null() {
            target.as_object_mut().and_then(|target| target.shift_remove(name));
        } else {
            merge(&mut target[name], value);
        }
    }
}

fn merged_tags(before: &Value, patch: &Value) -> Value {
    let mut merged = before.as_object().cloned().unwrap_or_default();
    for (name, value) in patch.as_object().into_iter().flatten() {
        merged.retain(|known, _| !known.eq_ignore_ascii_case(name));
        if !value.is_null() {
            merged.insert(name.clone(), value.clone());
        }
    }
    Value::Object(merged)
}

/// Makes an app what a body says.
async fn change(arm: &Arm, group: &str, name: &str, body: Value) -> Result<App, ArmError> {
    validate::body(&body, name)?;
    tags::of(&body)?;
    let before = arm.store.read().apps.get(&key(group, name)).cloned();
    let properties = &body["properties"];
    let environment = ["environmentId", "managedEnvironmentId"]
        .iter()
        .find_map(|member| properties[*member].as_str())
        .unwrap_or_default();
    let Some(environment) = environments::by_id(arm, environment) else {
        let message = format!("The environment '{environment}' does not exist.");
        return Err(ArmError::bad("ManagedEnvironmentNotFound", message));
    };
    if before.as_ref().is_some_and(|before| before.environment != environment.id) {
        let message = "The environment of a container app cannot be changed.";
        return Err(ArmError::bad("ContainerAppEnvironmentCannotBeChanged", message));
    }
    let subscription = arm.identity().subscription_id.as_str();
    let id = ResourceId { subscription, resource_group: group, kind: KIND, name }.to_string();
    identities::check_assigned(arm, &body, &id)?;
    let template = properties["template"].clone();
    let known = before.iter().flat_map(|before| &before.revisions);
    let suffix = template["revisionSuffix"].as_str().unwrap_or_default();
    // A request may name the revision that it makes (blue-green deployment of the service).
    let new = format!("{name}--{suffix}");
    let known = known.map(|revision| revision.name.as_str()).chain(std::iter::once(new.as_str()));
    traffic::check(&body, &known.collect::<Vec<_>>())?;
    let mut app = App {
        id,
        name: name.to_owned(),
        resource_group: group.to_owned(),
        location: environment.location.clone(),
        environment: environment.id.clone(),
        domain: environment.domain.clone(),
        body,
        ready: before.as_ref().and_then(|before| before.ready.clone()),
        stopped: false,
        revisions: before.map(|before| before.revisions).unwrap_or_default(),
    };
    let is_new = app.revisions.last().is_none_or(|latest| latest.template != template);
    let revision = if is_new {
        let revision = new_revision(&app, template)?;
        app.revisions.push(revision.clone());
        let excess = app.revisions.len().saturating_sub(MAX_REVISIONS);
        app.revisions.drain(..excess);
        Some(revision)
    } else {
        None
    };
    if let Some(revision) = &revision {
        check_images(arm, &app, revision).await?;
        keep(arm, &app)?;
        launch(arm, &app, revision).await?;
    } else {
        keep(arm, &app)?;
    }
    Ok(app)
}

fn new_revision(app: &App, template: Value) -> Result<AppRevision, ArmError> {
    let suffix = match template["revisionSuffix"].as_str().filter(|suffix| !suffix.is_empty()) {
        Some(suffix) => suffix.to_owned(),
        None => random_uuid().replace('-', "")[..7].to_owned(),
    };
    let name = format!("{}--{suffix}", app.name);
    if app.revisions.iter().any(|known| known.name == name) {
        let message = format!(
            "Field 'template.revisionsuffix' is invalid with details: 'Invalid value: \
             \"{suffix}\": a revision with suffix {suffix} already exists.'."
        );
        return Err(ArmError::bad("InvalidParameterValueInContainerTemplate", message));
    }
    let created = jiff::Timestamp::now().to_string();
    Ok(AppRevision { name, created, template, active: true, ready: false })
}

/// Fails with the first image that cannot be pulled, before anything is changed.
async fn check_images(arm: &Arm, app: &App, revision: &AppRevision) -> Result<(), ArmError> {
    let group = group_of(arm, app, revision)?;
    let refused = |why: &str| {
        let containers = super::group::list(&revision.template["containers"]);
        let first = containers.first().unwrap_or(&Value::Null);
        let (name, image) = (first["name"].as_str(), first["image"].as_str());
        let message = format!(
            "Field 'template.containers.{}.image' is invalid with details: 'Invalid value: \
             \"{}\": {why}';..",
            name.unwrap_or_default(),
            image.unwrap_or_default()
        );
        ArmError::bad("InvalidParameterValueInContainerTemplate", message)
    };
    containers::fetch_images(arm, &group.body).await.map_err(|it| refused(&it.message))?;
    containers::check_images(arm, &group.body, &app.name)
        .map_err(|_| refused("UNAUTHORIZED or MANIFEST_UNKNOWN: the image cannot be pulled"))
}

/// The answer to a change: its operation, which has ended already.
pub fn accepted(
    arm: &Arm,
    host: &str,
    app: &App,
    status: StatusCode,
    body: Option<Value>,
) -> ArmResponse {
    let subscription = &arm.identity().subscription_id;
    let operation = format!(
        "https://{host}/subscriptions/{subscription}/providers/Microsoft.App/locations/{}/\
         containerappOperationStatuses/{}?api-version=2025-01-01&azureAsyncOperation=true",
        app.location,
        random_uuid()
    );
    let answer = match body {
        Some(body) => ArmResponse::new(status, body),
        None => ArmResponse::empty(status),
    };
    answer.with(ASYNC_OPERATION, &operation)
}

#[cfg(test)]
mod tests {
    use super::{merge, merged_tags};
    use serde_json::json;

    #[test]
    fn patches_are_merged() {
        let mut body = json!({ "properties": {
            "configuration": { "secrets": [{ "name": "a", "value": "1" }], "ingress": { "targetPort": 80 } },
            "template": { "containers": [{ "name": "web" }, { "name": "side" }] },
        }});
        merge(
            &mut body,
            &json!({ "properties": {
                "configuration": { "ingress": null },
                "template": { "containers": [{ "name": "web", "image": "new" }] },
            }}),
        );
        assert_eq!(
            body,
            json!({ "properties": {
                "configuration": { "secrets": [{ "name": "a", "value": "1" }] },
                "template": { "containers": [{ "name": "web", "image": "new" }] },
            }})
        );
        let tags =
            merged_tags(&json!({ "Team": "a", "old": "b" }), &json!({ "team": "c", "old": null }));
        assert_eq!(tags, json!({ "team": "c" }));
    }
}
