//! What the specification of a job asks for.
//!
//! `batch_ai.json` has the definitions of the parameters of a job as Microsoft's description
//! of Batch AI (2018-05-01) has them, without their texts. `cluster` is not asked for: the
//! commands that made jobs of such files took it as an option.

use super::image::JobFormat;
use serde_json::Value;
use std::sync::LazyLock;

static BATCH_AI: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("batch_ai.json")).expect("the definitions are JSON")
});

/// The mistakes in a job, one sentence each.
pub fn mistakes(job: &Value, format: JobFormat) -> Vec<String> {
    let mut found = Vec::new();
    match format {
        JobFormat::BatchAi => {
            let definition = &BATCH_AI["JobBaseProperties"];
            object(&job["properties"], definition, "properties", &mut found);
        }
        JobFormat::BatchTask => {
            for name in ["id", "commandLine"] {
                match &job[name] {
                    Value::Null => found.push(format!("`{name}` is missing")),
                    Value::String(_) => {}
                    _ => found.push(format!("`{name}` is not a string")),
                }
            }
        }
    }
    found
}

fn object(value: &Value, definition: &Value, path: &str, found: &mut Vec<String>) {
    let Some(members) = value.as_object() else {
        found.push(format!("`{path}` is not an object"));
        return;
    };
    for name in definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) && (path, name) != ("properties", "cluster") {
            found.push(format!("`{path}.{name}` is missing"));
        }
    }
    for (name, value) in members {
        let expected = &definition["properties"][name];
        // The description does not forbid other members, and people keep comments in them.
        if !expected.is_null() {
            check(value, expected, &format!("{path}.{name}"), found);
        }
    }
}

fn check(value: &Value, expected: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = expected["$ref"].as_str() {
        return object(value, &BATCH_AI[name], path, found);
    }
    let is_good = match expected["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        _ => true,
    };
    if !is_good {
        let kind = expected["type"].as_str().unwrap_or_default();
        let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
        found.push(format!("`{path}` is not {article} {kind}"));
        return;
    }
    if let Some(allowed) = expected["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        found.push(format!("`{path}` is {value}, not one of {}", allowed.join(", ")));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &expected["items"], &format!("{path}[{at}]"), found);
    }
}
