//! The functions of templates that need nothing but their arguments
//! (learn.microsoft.com, "ARM template functions").

use super::error::TemplateError;
use super::functions_list as lists;
use super::functions_text as texts;
use serde_json::{Value, json};

/// Functions of Azure's that are refused by name.
const NOT_SIMULATED: [&str; 21] = [
    "dataUri",
    "dataUriToString",
    "dateTimeAdd",
    "dateTimeFromEpoch",
    "dateTimeToEpoch",
    "deployer",
    "environment",
    "extensionResourceId",
    "filter",
    "fail",
    "map",
    "managementGroup",
    "managementGroupResourceId",
    "objectKeys",
    "pickZones",
    "providers",
    "reduce",
    "sort",
    "tenantResourceId",
    "toObject",
    "tryGet",
];

pub fn call(name: &str, arguments: &[Value]) -> Result<Value, TemplateError> {
    let lower = name.to_ascii_lowercase();
    if let Some(found) = logic(&lower, arguments)
        .or_else(|| numbers(&lower, arguments))
        .or_else(|| texts::call(&lower, arguments))
        .or_else(|| lists::call(&lower, arguments))
    {
        return found;
    }
    if let Some(known) = NOT_SIMULATED.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return Err(TemplateError::not_simulated(&format!("the function '{known}'")));
    }
    // Of a known function, the arguments were others.
    Err(TemplateError::invalid(format!(
        "The template function '{name}' is not valid, or not with {}. Please see \
         https://aka.ms/arm-functions for usage details.",
        counted(arguments.len())
    )))
}

fn counted(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "this argument".to_owned(),
        count => format!("these {count} arguments"),
    }
}

fn logic(name: &str, arguments: &[Value]) -> Option<Result<Value, TemplateError>> {
    let flags = || arguments.iter().map(Value::as_bool).collect::<Option<Vec<bool>>>();
    Some(Ok(match (name, arguments) {
        ("and", [_, ..]) => json!(flags()?.into_iter().all(|flag| flag)),
        ("or", [_, ..]) => json!(flags()?.into_iter().any(|flag| flag)),
        ("not", [Value::Bool(flag)]) => json!(!flag),
        ("true", []) => json!(true),
        ("false", []) => json!(false),
        ("null", []) => Value::Null,
        ("bool", [Value::Bool(flag)]) => json!(flag),
        ("bool", [Value::Number(number)]) => json!(number.as_i64() != Some(0)),
        ("bool", [Value::String(text)]) if text.eq_ignore_ascii_case("true") => json!(true),
        ("bool", [Value::String(text)]) if text.eq_ignore_ascii_case("false") => json!(false),
        ("equals", [one, other]) => json!(one == other),
        ("coalesce", [_, ..]) => {
            arguments.iter().find(|value| !value.is_null()).cloned().unwrap_or_default()
        }
        ("less" | "lessorequals" | "greater" | "greaterorequals", [one, other]) => {
            let order = match (one, other) {
                (Value::Number(one), Value::Number(other)) => one.as_i64()?.cmp(&other.as_i64()?),
                (Value::String(one), Value::String(other)) => one.cmp(other),
                _ => return None,
            };
            json!(match name {
                "less" => order.is_lt(),
                "lessorequals" => order.is_le(),
                "greater" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        _ => return None,
    }))
}

fn numbers(name: &str, arguments: &[Value]) -> Option<Result<Value, TemplateError>> {
    if let ("int", [Value::String(text)]) = (name, arguments) {
        return Some(text.trim().parse::<i64>().map(Value::from).map_err(|_| {
            TemplateError::invalid(format!("The value '{text}' cannot be converted to an integer."))
        }));
    }
    let list = match arguments {
        [Value::Array(items)] if matches!(name, "min" | "max") => items.as_slice(),
        other => other,
    };
    let all: Vec<i64> = list.iter().map(Value::as_i64).collect::<Option<_>>()?;
    let found = match (name, all.as_slice()) {
        ("int", [number]) => Some(*number),
        ("add", [one, other]) => one.checked_add(*other),
        ("sub", [one, other]) => one.checked_sub(*other),
        ("mul", [one, other]) => one.checked_mul(*other),
        ("div", [one, other]) => one.checked_div(*other),
        ("mod", [one, other]) => one.checked_rem(*other),
        ("min", [_, ..]) => all.iter().min().copied(),
        ("max", [_, ..]) => all.iter().max().copied(),
        _ => return None,
    };
    Some(found.map(Value::from).ok_or_else(|| {
        TemplateError::invalid(format!("The function '{name}' has no result for these numbers."))
    }))
}
