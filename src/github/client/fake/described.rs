//! Compares the requests of the tests with GitHub's own description of its API.

use super::Seen;
use serde_json::{Map, Value};
use std::sync::LazyLock;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/github-api/requests.json");
    let text = std::fs::read_to_string(path).expect("the description is there");
    serde_json::from_str(&text).expect("JSON")
});

/// The endpoints that the description leaves out.
const UNDESCRIBED: [&str; 3] = [
    "GET /repos/{owner}/{repo}/branches/{branch}",
    "GET /repos/{owner}/{repo}/git/matching-refs/{ref}",
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
];

/// What of a request GitHub would not accept, by its description.
pub fn mistakes(seen: &Seen) -> Vec<String> {
    let (method, target) = seen.line.split_once(' ').expect("a request line");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix("/api/v3").unwrap_or(path);
    if UNDESCRIBED.iter().any(|known| fits(known.trim_start_matches("GET "), path, true)) {
        return headers(seen);
    }
    let paths = DESCRIPTION["paths"].as_object().expect("an object");
    let found = paths.iter().find(|(template, methods)| {
        fits(template, path, false) && methods.get(method.to_lowercase()).is_some()
    });
    let Some((_, methods)) = found else { return vec![format!("GitHub has no {method} {path}")] };
    let operation = &methods[method.to_lowercase()];
    let mut mistakes = headers(seen);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        match parameters.clone().find(|one| one["in"] == "query" && one["name"] == *name) {
            Some(known) => {
                check(&spelled(&value, &known["schema"]), &known["schema"], &name, &mut mistakes);
            }
            None => mistakes.push(format!("{method} {path} has no parameter `{name}`")),
        }
    }
    match (seen.body.is_empty(), operation.get("body")) {
        (true, Some(body)) if body["required"] == true => {
            mistakes.push("it has no body".to_owned());
        }
        (false, None) => mistakes.push(format!("{method} {path} takes no body")),
        (false, Some(body)) => match serde_json::from_str(&seen.body) {
            Ok(sent) => check(&sent, &body["schema"], "body", &mut mistakes),
            Err(error) => mistakes.push(format!("the body is no JSON: {error}")),
        },
        (true, _) => {}
    }
    mistakes
}

/// GitHub refuses a request without a name of the program, and its answers depend on the
/// others.
fn headers(seen: &Seen) -> Vec<String> {
    let told = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok());
    let expected = [
        ("accept", Some("application/vnd.github+json")),
        ("x-github-api-version", Some("2022-11-28")),
        ("content-type", (!seen.body.is_empty()).then_some("application/json")),
    ];
    let wrong = expected.iter().filter(|(name, value)| told(name) != *value);
    let mut mistakes: Vec<String> =
        wrong.map(|(name, _)| format!("the header `{name}` is {:?}", told(name))).collect();
    if told("user-agent").is_none() {
        mistakes.push("there is no `user-agent`".to_owned());
    }
    mistakes
}

/// Whether a path is of this form. Links to further pages name the repository by its number.
fn fits(template: &str, path: &str, has_rest: bool) -> bool {
    let numbered = path.strip_prefix("/repositories/").and_then(|rest| rest.split_once('/'));
    let path = numbered.map_or_else(|| path.to_owned(), |(_, rest)| format!("/repos/o/r/{rest}"));
    let (mut parts, mut names) = (path.split('/'), template.split('/'));
    loop {
        match (names.next(), parts.next()) {
            (None, None) => return true,
            (Some(name), Some(part)) if name == part => {}
            (Some(name), Some(part)) if name.starts_with('{') && !part.is_empty() => {
                if has_rest && names.clone().next().is_none() {
                    return true;
                }
            }
            _ => return false,
        }
    }
}

/// A parameter as the type that its schema has.
fn spelled(value: &str, schema: &Value) -> Value {
    let number = value.parse::<i64>().ok().filter(|_| schema["type"] == "integer");
    number.map_or_else(|| Value::from(value), Value::from)
}

/// Adds what of a value a schema of `OpenAPI` 3.0 does not allow.
fn check(value: &Value, schema: &Value, at: &str, mistakes: &mut Vec<String>) {
    if let Some(ways) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        let tried = ways.iter().map(|way| {
            let mut found = Vec::new();
            check(value, way, at, &mut found);
            found
        });
        let fewest = tried.min_by_key(Vec::len).unwrap_or_default();
        mistakes.extend(fewest);
    }
    let is = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some(other) => panic!("the type `{other}` is not known here"),
    };
    let is_allowed = is || (value.is_null() && schema["nullable"] == true);
    if !is_allowed {
        mistakes.push(format!("{at} is no {}: {value}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        mistakes.push(format!("{at} is none of {}: {value}", schema["enum"]));
    }
    let length = |most: &str| schema[most].as_u64().unwrap_or(u64::MAX);
    if value.as_str().is_some_and(|text| text.chars().count() as u64 > length("maxLength")) {
        mistakes.push(format!("{at} has over {} characters", schema["maxLength"]));
    }
    if let Some(items) = value.as_array() {
        if items.len() as u64 > length("maxItems") {
            mistakes.push(format!("{at} has over {} items", schema["maxItems"]));
        }
        for item in items {
            check(item, &schema["items"], &format!("{at}[]"), mistakes);
        }
    }
    if let Some(members) = value.as_object() {
        check_members(members, schema, at, mistakes);
    }
}

fn check_members(
    members: &Map<String, Value>,
    schema: &Value,
    at: &str,
    mistakes: &mut Vec<String>,
) {
    let Some(known) = schema["properties"].as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            mistakes.push(format!("{at} has no `{name}`"));
        }
    }
    for (name, value) in members {
        match known.get(name) {
            Some(schema) => check(value, schema, &format!("{at}.{name}"), mistakes),
            // GitHub ignores it, so it is misspelled.
            None => mistakes.push(format!("{at} takes no `{name}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, mistakes};
    use ::http::{HeaderMap, HeaderValue};

    fn of(line: &str, body: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/vnd.github+json"));
        headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
        headers.insert("user-agent", HeaderValue::from_static("x"));
        if !body.is_empty() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        mistakes(&Seen { line: line.to_owned(), headers, body: body.to_owned() })
    }

    #[test]
    fn each_kind_of_mistake_is_found() {
        let status = "POST /repos/o/r/statuses/abc";
        assert_eq!(of(status, r#"{"state":"success","context":"x"}"#), [""; 0]);
        assert_eq!(
            of(status, r#"{"state":"good","contexts":"x"}"#),
            [
                "body.state is none of [\"error\",\"failure\",\"pending\",\"success\"]: \"good\"",
                "body takes no `contexts`",
            ]
        );
        assert_eq!(of(status, "{}"), ["body has no `state`"]);
        assert_eq!(of(status, ""), ["it has no body"]);
        assert_eq!(of(status, r#"{"state":1}"#).len(), 2);
        assert_eq!(
            of("PUT /repos/o/r/statuses/abc", ""),
            ["GitHub has no PUT /repos/o/r/statuses/abc"]
        );
        let list = "GET /repositories/5/issues/7/comments";
        assert_eq!(of(&format!("{list}?per_page=100&page=2"), ""), [""; 0]);
        assert_eq!(
            of(&format!("{list}?per_page=all&pages=2"), ""),
            [
                "per_page is no \"integer\": \"all\"",
                "GET /repositories/5/issues/7/comments has no parameter `pages`",
            ]
        );
        assert_eq!(of(list, "{}"), ["GET /repositories/5/issues/7/comments takes no body"]);
        assert_eq!(of("GET /repos/o/r/branches/a/b", ""), [""; 0]);
        let seen = Seen { line: list.to_owned(), headers: HeaderMap::new(), body: String::new() };
        assert_eq!(mistakes(&seen).len(), 3);
    }
}
