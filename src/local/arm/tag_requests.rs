//! The tags of any resource (Microsoft.Resources/tags), as `az tag` reads and changes them.

use super::deployments::Requests;
use super::request::ArmRequest;
use super::response::{ArmError, ArmResponse};
use http::Method;
use serde_json::{Map, Value, json};

const ROUTE: &str = "/providers/microsoft.resources/tags/default";

/// The resource whose tags a request is about.
pub fn resource_of(raw_path: &str) -> Option<&str> {
    let path = raw_path.trim_end_matches('/');
    let at = path.len().checked_sub(ROUTE.len())?;
    let (resource, route) = (path.get(..at)?, path.get(at..)?);
    route.eq_ignore_ascii_case(ROUTE).then_some(resource)
}

pub async fn handle(
    request: &ArmRequest,
    resource: &str,
    requests: &Requests,
) -> Result<ArmResponse, ArmError> {
    let version = request.api_version()?;
    let before = requests.get(resource, version).await?;
    let known = before["tags"].as_object().cloned().unwrap_or_default();
    let change = match request.method {
        Method::GET => return Ok(shown(resource, &known)),
        Method::PUT => "Replace".to_owned(),
        Method::DELETE => "Delete".to_owned(),
        Method::PATCH => request.json()?["operation"].as_str().unwrap_or_default().to_owned(),
        _ => return Err(request.no_such_route()),
    };
    let given = match request.method {
        Method::DELETE => known.clone(),
        _ => request.json()?["properties"]["tags"].as_object().cloned().unwrap_or_default(),
    };
    let changed = changed(known.clone(), given, &change)?;
    let mut patch = changed.clone();
    // An app is changed by a merge patch, in which null removes a member.
    if before["type"].as_str().is_some_and(|kind| kind.ends_with("/containerApps")) {
        for name in known.keys() {
            patch.entry(name).or_insert(Value::Null);
        }
    }
    requests.patch(resource, version, &json!({ "tags": patch })).await?;
    Ok(shown(resource, &changed))
}

/// The names of tags are compared ignoring case.
fn changed(
    known: Map<String, Value>,
    given: Map<String, Value>,
    change: &str,
) -> Result<Map<String, Value>, ArmError> {
    let is_given = |name: &String| given.keys().any(|own| own.eq_ignore_ascii_case(name));
    let others = known.into_iter().filter(|(name, _)| !is_given(name));
    match change {
        "Merge" => Ok(others.chain(given.clone()).collect()),
        "Replace" => Ok(given),
        "Delete" => Ok(others.collect()),
        other => {
            let message = format!(
                "The tags patch operation '{other}' is not valid. It is one of 'Merge', 'Replace' \
                 and 'Delete'."
            );
            Err(ArmError::bad("InvalidTagsPatchOperation", message))
        }
    }
}

fn shown(resource: &str, tags: &Map<String, Value>) -> ArmResponse {
    ArmResponse::ok(json!({
        "id": format!("{resource}/providers/Microsoft.Resources/tags/default"),
        "name": "default", "type": "Microsoft.Resources/tags", "properties": { "tags": tags },
    }))
}

#[cfg(test)]
mod tests {
    use super::{changed, resource_of};
    use serde_json::{Map, Value, json};

    fn tags(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn resource_stands_before_the_route() {
        let path = "/subscriptions/s/resourceGroups/g";
        let asked = format!("{path}/providers/Microsoft.Resources/tags/default");
        assert_eq!(resource_of(&asked), Some(path));
        assert_eq!(resource_of(path), None);
        assert_eq!(resource_of("/subscriptions"), None);
    }

    #[test]
    fn tags_are_merged_replaced_and_deleted() {
        let after = |change: &str| {
            let (known, given) = (json!({ "a": "1", "b": "2" }), json!({ "A": "3" }));
            changed(tags(known), tags(given), change).map(Value::Object).map_err(|it| it.message)
        };
        assert_eq!(after("Merge"), Ok(json!({ "b": "2", "A": "3" })));
        assert_eq!(after("Replace"), Ok(json!({ "A": "3" })));
        assert_eq!(after("Delete"), Ok(json!({ "b": "2" })));
        assert_eq!(
            after("Add"),
            Err(
                "The tags patch operation 'Add' is not valid. It is one of 'Merge', 'Replace' and \
                 'Delete'."
                    .to_owned()
            )
        );
    }
}
