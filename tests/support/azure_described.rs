//! Compares requests to Azure, and answers of it, with Microsoft's own descriptions.

use serde_json::{Map, Value};
use std::sync::LazyLock;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/azure-api/operations.json");
    let text = std::fs::read_to_string(path).expect("the description is there");
    serde_json::from_str(&text).expect("JSON")
});

/// A request to a service, with its host.
#[derive(Clone, Copy)]
pub struct DescribedRequest<'a> {
    pub method: &'a str,
    /// Host and path, such as `management.azure.com/subscriptions/s`.
    pub to: &'a str,
    pub query: &'a str,
    pub body: &'a str,
}

/// What is known of an operation.
#[derive(Clone, Copy)]
pub struct Operation(&'static Value);

/// Which side of a conversation a value is from: what one may not send, the other does not show.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Request,
    Answer,
}

/// The ids of all operations that are described.
pub fn operations() -> impl Iterator<Item = &'static str> {
    let all = DESCRIPTION["operations"].as_array().expect("a list");
    all.iter().map(|one| one["id"].as_str().expect("an id"))
}

impl Operation {
    /// The operation that a request asks for.
    pub fn of(request: DescribedRequest<'_>) -> Option<Self> {
        let (host, path) = request.to.split_at(request.to.find('/')?);
        let in_vault = host.contains(".vault.");
        let all = DESCRIPTION["operations"].as_array().expect("a list");
        let found = all.iter().map(Self).filter(|one| {
            let template = one.text("path");
            one.text("method") == request.method
                && in_vault != template.starts_with("/subscriptions")
                && fits(template, path)
        });
        // `/secrets/x/versions` is a list, and no version of that name.
        found.min_by_key(|one| one.text("path").matches('{').count())
    }

    pub fn id(self) -> &'static str {
        self.text("id")
    }

    fn text(self, name: &str) -> &'static str {
        self.0[name].as_str().expect("text")
    }

    /// What of the request the service does not describe.
    pub fn mistakes(self, request: DescribedRequest<'_>) -> Vec<String> {
        let mut mistakes = Vec::new();
        let described = |name: &str| {
            let known = self.0["query"].as_array().into_iter().flatten();
            known.into_iter().any(|known| known == name)
        };
        let query: Vec<_> = url::form_urlencoded::parse(request.query.as_bytes()).collect();
        for (name, value) in &query {
            // Added by the service to the links that it makes itself.
            let is_link = matches!(&**name, "$skiptoken" | "$skipToken");
            if name == "api-version" && value != self.text("version") {
                mistakes.push(format!("api-version is {value}"));
            } else if !described(name) && !is_link {
                mistakes.push(format!("there is no parameter `{name}`"));
            }
        }
        if !query.iter().any(|(name, _)| name == "api-version") {
            mistakes.push("there is no api-version".to_owned());
        }
        match (request.body.is_empty(), self.0.get("body")) {
            (true, None) => {}
            (true, Some(_)) => mistakes.push("it has no body".to_owned()),
            (false, None) => mistakes.push("it takes no body".to_owned()),
            (false, Some(schema)) => match serde_json::from_str(request.body) {
                Ok(body) => check(&body, schema, &Place::root(Side::Request), &mut mistakes),
                Err(error) => mistakes.push(format!("the body is no JSON: {error}")),
            },
        }
        self.named(mistakes)
    }

    /// What of an answer the service does not describe. Errors have one form for all.
    pub fn answer_mistakes(self, status: u16, body: &Value) -> Vec<String> {
        let mut mistakes = Vec::new();
        let answers = &self.0["answers"];
        match answers.get(status.to_string()) {
            None if status >= 400 => check_error(body, &mut mistakes),
            None => mistakes.push(format!("it does not answer {status}")),
            Some(Value::Null) => {}
            // A body of 202 and 204 is that of the operation, which may be empty.
            Some(_) if body.is_null() && status != 200 => {}
            Some(schema) => check(body, schema, &Place::root(Side::Answer), &mut mistakes),
        }
        self.named(mistakes)
    }

    fn named(self, mistakes: Vec<String>) -> Vec<String> {
        mistakes.into_iter().map(|mistake| format!("{}: {mistake}", self.id())).collect()
    }
}

/// `{"error": {"code", "message"}}`, as Resource Manager and Key Vault answer.
fn check_error(body: &Value, mistakes: &mut Vec<String>) {
    for name in ["code", "message"] {
        if !body["error"][name].is_string() {
            mistakes.push(format!("the error has no {name}"));
        }
    }
}

/// Whether a path is of this form; Azure's paths do not tell case apart.
fn fits(template: &str, path: &str) -> bool {
    // The version of a secret may be left out.
    let path = path.trim_end_matches('/');
    let template = match template.strip_suffix("/{secret-version}") {
        Some(without) if template.split('/').count() > path.split('/').count() => without,
        _ => template,
    };
    let (mut parts, mut names) = (path.split('/'), template.split('/'));
    loop {
        match (names.next(), parts.next()) {
            (None, None) => return true,
            (Some(name), Some(part)) if name.eq_ignore_ascii_case(part) => {}
            (Some(name), Some(part)) if name.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

/// Where in a body a value is, and of which side.
struct Place {
    side: Side,
    path: String,
}

impl Place {
    fn root(side: Side) -> Self {
        let path = match side {
            Side::Request => "body",
            Side::Answer => "answer",
        };
        Self { side, path: path.to_owned() }
    }

    fn below(&self, name: &str) -> Self {
        Self { side: self.side, path: format!("{}{name}", self.path) }
    }
}

/// The schema that a reference or a discriminator leads to.
fn resolved<'a>(schema: &'a Value, value: &Value) -> &'a Value {
    let definitions = &DESCRIPTION["definitions"];
    let Some(name) = schema["ref"].as_str() else { return schema };
    let found = &definitions[name];
    let kind = found["discriminator"].as_str().and_then(|name| value[name].as_str());
    let kind = kind.and_then(|kind| found["kinds"][kind].as_str());
    kind.map_or(found, |name| &definitions[name])
}

fn check(value: &Value, schema: &Value, place: &Place, mistakes: &mut Vec<String>) {
    if place.side == Side::Answer && schema["x-ms-secret"] == true && !value.is_null() {
        mistakes.push(format!("{} is a secret", place.path));
    }
    let schema = resolved(schema, value);
    // Azure answers null for what is not there.
    if value.is_null() && (place.side == Side::Answer || schema["x-nullable"] == true) {
        return;
    }
    let is = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("the type `{other}` is not known here"),
    };
    let at = &place.path;
    if !is {
        mistakes.push(format!("{at} is no {}: {value}", schema["type"]));
        return;
    }
    check_text(value, schema, at, mistakes);
    for item in value.as_array().into_iter().flatten() {
        check(item, &schema["items"], &place.below("[]"), mistakes);
    }
    if let Some(members) = value.as_object() {
        check_members(members, schema, place, mistakes);
    }
}

fn check_text(value: &Value, schema: &Value, at: &str, mistakes: &mut Vec<String>) {
    // Resource Manager takes the words of a list in any case, and answers with its own.
    let is_same = |known: &Value| match (known.as_str(), value.as_str()) {
        (Some(known), Some(value)) => known.eq_ignore_ascii_case(value),
        _ => known == value,
    };
    if schema["enum"].as_array().is_some_and(|known| !known.iter().any(is_same)) {
        mistakes.push(format!("{at} is not one of {}: {value}", schema["enum"]));
    }
    let Some(text) = value.as_str() else { return };
    let length = text.chars().count() as u64;
    let bounds = [
        schema["minLength"].as_u64().unwrap_or(0),
        schema["maxLength"].as_u64().unwrap_or(u64::MAX),
    ];
    if !(bounds[0]..=bounds[1]).contains(&length) {
        mistakes.push(format!("{at} has {length} characters"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let pattern = regex::Regex::new(pattern).expect("a pattern");
        if !pattern.is_match(text) {
            mistakes.push(format!("{at} does not match {pattern}: {text}"));
        }
    }
}

fn check_members(
    members: &Map<String, Value>,
    schema: &Value,
    place: &Place,
    mistakes: &mut Vec<String>,
) {
    let known = schema["properties"].as_object();
    let others = &schema["additionalProperties"];
    // A schema without properties is a mapping of anything.
    if known.is_none() && others.is_null() {
        return;
    }
    for (name, value) in members {
        let below = place.below(&format!(".{name}"));
        match known.and_then(|known| known.get(name)) {
            Some(schema) => {
                if place.side == Side::Request && schema["readOnly"] == true {
                    mistakes.push(format!("{} is read-only", below.path));
                }
                check(value, schema, &below, mistakes);
            }
            None if others.is_object() => check(value, others, &below, mistakes),
            None => mistakes.push(format!("{} is not described", below.path)),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let is_secret = known.is_some_and(|known| known[name]["x-ms-secret"] == true);
        let is_kept_back = is_secret && place.side == Side::Answer;
        if !members.contains_key(name) && !is_kept_back {
            mistakes.push(format!("{}.{name} is missing", place.path));
        }
    }
}
