//! What the evaluation and the functions of templates have in common.

use super::error::TemplateError;
use serde_json::Value;

pub fn wrong_count(name: &str, wanted: &str, found: usize) -> TemplateError {
    TemplateError::invalid(format!(
        "The template language function '{name}' expects {wanted} arguments, not {found}."
    ))
}

/// A value as `string` and `concat` write it.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `of.name` and `of[index]`.
pub fn member(of: &Value, name: &Value) -> Result<Value, TemplateError> {
    let found = match (of, name) {
        (Value::Object(members), Value::String(name)) => members
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone()),
        (Value::Array(items), Value::Number(index)) => {
            index.as_u64().and_then(|index| items.get(usize::try_from(index).ok()?).cloned())
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let known = match of {
            Value::Object(members) => members.keys().cloned().collect::<Vec<_>>().join(", "),
            Value::Array(items) => format!("{} items", items.len()),
            _ => "none".to_owned(),
        };
        TemplateError::invalid(format!(
            "The language expression property '{}' doesn't exist, available properties are \
             '{known}'.",
            text_of(name)
        ))
    })
}

/// `ROOT/providers/A.B/c/NAME/d/NAME`, of a type and the names of its parts.
pub fn resource_path(root: &str, parts: &[Value]) -> Result<String, TemplateError> {
    let texts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
    let texts = texts.unwrap_or_default();
    let [kind, names @ ..] = texts.as_slice() else {
        return Err(TemplateError::invalid("The function 'resourceId' names no resource type."));
    };
    let names: Vec<&str> = names.iter().flat_map(|name| name.split('/')).collect();
    path_of(root, kind, &names).ok_or_else(|| {
        TemplateError::invalid(format!(
            "Unable to evaluate template language function 'resourceId': the type '{kind}' requires \
             '{}' resource name argument(s).",
            kind.split('/').count().saturating_sub(1)
        ))
    })
}

/// The path of a resource of a type with these names, one for each part of the type.
pub fn path_of(root: &str, kind: &str, names: &[&str]) -> Option<String> {
    let (provider, types) = kind.split_once('/')?;
    let types: Vec<&str> = types.split('/').collect();
    if types.len() != names.len() || names.contains(&"") {
        return None;
    }
    let rest = types.iter().zip(names).map(|(kind, name)| format!("/{kind}/{name}"));
    Some(format!("{root}/providers/{provider}{}", rest.collect::<String>()))
}
