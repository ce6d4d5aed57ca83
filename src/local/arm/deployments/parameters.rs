//! The values of a template's parameters: those that are given, or their defaults.

use super::error::TemplateError;
use super::evaluate::{DeploymentPlace, Evaluation};
use serde_json::{Map, Value, json};

/// The values of all parameters.
pub struct ParameterValues {
    /// Secure ones included.
    pub values: Map<String, Value>,
    /// What Azure shows of them.
    pub shown: Map<String, Value>,
}

pub fn values(
    defined: &Map<String, Value>,
    given: &Value,
    place: &DeploymentPlace,
) -> Result<ParameterValues, TemplateError> {
    let given = given.as_object().cloned().unwrap_or_default();
    let is_defined = |name: &String| defined.keys().any(|known| known.eq_ignore_ascii_case(name));
    let unknown: Vec<&str> =
        given.keys().filter(|name| !is_defined(name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let known: Vec<&str> = defined.keys().map(String::as_str).collect();
        return Err(failed(&format!(
            "The following parameters were supplied, but do not correspond to any parameters \
             defined in the template: '{}'. The parameters defined in the template are: '{}'. \
             Please see https://aka.ms/arm-pass-parameter-values for usage details.",
            unknown.join(", "),
            known.join(", ")
        )));
    }
    let (mut values, mut shown) = (Map::new(), Map::new());
    for (name, definition) in defined {
        let own = given.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = match (own, definition.get("defaultValue")) {
            (Some((_, own)), _) if own.get("value").is_some() => own["value"].clone(),
            (_, Some(default)) => Evaluation::new(&values, &Map::new(), place).value(default)?,
            (_, None) => {
                return Err(failed(&format!(
                    "The value for the template parameter '{name}' is not provided. Please see \
                     https://aka.ms/arm-create-parameter-file for usage details."
                )));
            }
        };
        let kind = definition["type"].as_str().unwrap_or_default();
        let value = checked(name, kind, definition, value)?;
        shown.insert(name.clone(), described(kind, &value));
        values.insert(name.clone(), value);
    }
    Ok(ParameterValues { values, shown })
}

fn failed(reason: &str) -> TemplateError {
    TemplateError::invalid(format!("Deployment template validation failed: '{reason}'."))
}

/// Secure values are never shown.
fn described(kind: &str, value: &Value) -> Value {
    let name = match kind.to_ascii_lowercase().as_str() {
        "securestring" => return json!({ "type": "SecureString" }),
        "secureobject" => return json!({ "type": "SecureObject" }),
        "int" => "Int",
        "bool" => "Bool",
        "object" => "Object",
        "array" => "Array",
        _ => "String",
    };
    json!({ "type": name, "value": value })
}

fn checked(
    name: &str,
    kind: &str,
    definition: &Value,
    value: Value,
) -> Result<Value, TemplateError> {
    let is_good = match kind.to_ascii_lowercase().as_str() {
        "string" | "securestring" => value.is_string(),
        "int" => value.is_i64(),
        "bool" => value.is_boolean(),
        "object" | "secureobject" => value.is_object(),
        "array" => value.is_array(),
        _ => {
            return Err(failed(&format!(
                "The type '{kind}' of the parameter '{name}' is not valid"
            )));
        }
    };
    if !is_good {
        return Err(failed(&format!(
            "Template parameter JToken type is not valid. Expected '{kind}' for the parameter \
             '{name}'. Please see https://aka.ms/arm-create-parameter-file for usage details."
        )));
    }
    let allowed = definition["allowedValues"].as_array();
    if allowed.is_some_and(|allowed| !allowed.contains(&value)) {
        let all: Vec<String> = allowed.into_iter().flatten().map(ToString::to_string).collect();
        return Err(failed(&format!(
            "The provided value for the template parameter '{name}' is not valid. The value is not \
             part of the allowed value(s): '{}'.",
            all.join(",")
        )));
    }
    let size = match &value {
        Value::String(text) => i64::try_from(text.chars().count()).ok(),
        Value::Array(items) => i64::try_from(items.len()).ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    for (least, most) in [("minLength", "maxLength"), ("minValue", "maxValue")] {
        let limit = |name: &str| definition[name].as_i64();
        let is_below = limit(least).zip(size).is_some_and(|(least, size)| size < least);
        let is_above = limit(most).zip(size).is_some_and(|(most, size)| size > most);
        if is_below || is_above {
            return Err(failed(&format!(
                "The provided value for the template parameter '{name}' is not valid: it breaks its \
                 '{}'.",
                if is_below { least } else { most }
            )));
        }
    }
    Ok(value)
}
