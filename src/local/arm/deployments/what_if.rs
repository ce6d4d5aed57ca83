//! What a deployment would change.

use super::super::response::ArmError;
use super::apart::apart;
use super::deploy::known;
use super::evaluate::DeploymentPlace;
use super::requests::Requests;
use super::template::{Template, TemplateResource};
use super::turn::LoopTurn;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The change of each resource of a template. What can be known only once a resource is
/// deployed is shown as the expression that it is.
pub async fn changes(
    template: &Arc<Template>,
    place: &Arc<DeploymentPlace>,
    requests: &Requests,
) -> Result<Value, ArmError> {
    let mut all = Vec::new();
    for resource in &template.resources {
        if resource.is_deployed {
            all.push(change(template, place, requests, resource).await?);
        } else {
            all.push(json!({ "resourceId": resource.id, "changeType": "Ignore" }));
        }
    }
    Ok(json!({ "status": "Succeeded", "properties": { "changes": all } }))
}

async fn change(
    template: &Arc<Template>,
    place: &Arc<DeploymentPlace>,
    requests: &Requests,
    resource: &TemplateResource,
) -> Result<Value, ArmError> {
    let (id, version) = (&resource.id, &resource.version);
    let body = Value::Object(resource.body.clone());
    let (of, at, turn) = (Arc::clone(template), Arc::clone(place), resource.turn.clone());
    let mut after = apart(move || evaluated(&of, &at, turn.as_ref(), &body)).await?;
    after["id"] = json!(id);
    after["type"] = json!(resource.kind);
    after["name"] = json!(resource.name);
    after["apiVersion"] = json!(version);
    let before = match requests.get(id, version).await {
        Ok(before) => before,
        Err(refusal) if refusal.status.as_u16() == 404 => {
            return Ok(json!({ "resourceId": id, "changeType": "Create", "after": after }));
        }
        Err(refusal) => return Err(refusal),
    };
    let mut delta = Vec::new();
    for name in resource.body.keys() {
        differences(&before[name], &after[name], name, &mut delta);
    }
    let kind = if delta.is_empty() { "NoChange" } else { "Modify" };
    Ok(json!({
        "resourceId": id, "changeType": kind, "before": before, "after": after, "delta": delta,
    }))
}

/// A body as far as it can be evaluated: each value that needs a resource stays an
/// expression.
fn evaluated(
    template: &Template,
    place: &DeploymentPlace,
    turn: Option<&LoopTurn>,
    value: &Value,
) -> Result<Value, ArmError> {
    Ok(match value {
        // A loop of members is evaluated as a whole.
        Value::Object(members) if !members.contains_key("copy") => {
            let member = |(name, value): (&String, &Value)| {
                Ok((name.clone(), evaluated(template, place, turn, value)?))
            };
            Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, ArmError>>()?)
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| evaluated(template, place, turn, item));
            Value::Array(items.collect::<Result<_, ArmError>>()?)
        }
        other => {
            let runtime = known(template);
            match template.evaluation(place).with_turn(turn).with_runtime(&runtime).value(other) {
                Ok(value) => value,
                Err(error) if error.needs.is_some() => other.clone(),
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// What the resource has other than the template says. What the template does not say is no
/// difference: services add much of their own, and return no secrets.
fn differences(before: &Value, after: &Value, path: &str, delta: &mut Vec<Value>) {
    let change = |kind: &str| json!({ "path": path, "propertyChangeType": kind, "before": before, "after": after });
    match (before, after) {
        (Value::Object(known), Value::Object(wanted)) => {
            for (name, value) in wanted {
                let own = known.get(name).unwrap_or(&Value::Null);
                differences(own, value, &format!("{path}.{name}"), delta);
            }
        }
        (Value::Array(known), Value::Array(wanted)) if known.len() == wanted.len() => {
            for (at, (own, value)) in known.iter().zip(wanted).enumerate() {
                differences(own, value, &format!("{path}.{at}"), delta);
            }
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        (Value::String(one), Value::String(other)) if path == "location" => {
            let same = crate::value::normal_region(one) == crate::value::normal_region(other);
            if !same {
                delta.push(change("Modify"));
            }
        }
        (Value::Null, Value::Null) => {}
        (Value::Null, _) => delta.push(change("Create")),
        (one, other) if one == other => {}
        _ => delta.push(change("Modify")),
    }
}
