//! The types of a template's outputs.
//!
//! The message of a value of another type is that of reported errors.

use super::error::TemplateError;
use serde_json::Value;

/// Fails where the value of an output is not of the type that it declares.
pub fn check(name: &str, output: &Value, value: &Value) -> Result<(), TemplateError> {
    let kind = output["type"].as_str().unwrap_or_default();
    let (is_good, expected) = match kind.to_ascii_lowercase().as_str() {
        "string" | "securestring" => (value.is_string(), "String, Uri"),
        "int" => (value.is_i64(), "Integer"),
        "bool" => (value.is_boolean(), "Boolean"),
        "object" | "secureobject" => (value.is_object(), "Object"),
        "array" => (value.is_array(), "Array"),
        _ => {
            return Err(TemplateError::invalid(format!(
                "Deployment template validation failed: 'The type '{kind}' of the output '{name}' is \
                 not valid'."
            )));
        }
    };
    if is_good || (value.is_null() && output["nullable"] == true) {
        return Ok(());
    }
    let found = match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    };
    let message = format!(
        "The template output '{name}' is not valid: The provided value for the template output \
         '{name}' is not valid. Expected a value of type '{expected}', but received a value of type \
         '{found}'. Please see https://aka.ms/arm-create-parameter-file for usage details.."
    );
    Err(TemplateError { code: "DeploymentOutputEvaluationFailed", message, needs: None })
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    #[test]
    fn value_of_an_output_is_of_its_type() {
        let refused = |kind: &str, value: Value| {
            check("o", &json!({ "type": kind }), &value).expect_err("refused")
        };
        for (kind, value) in [
            ("String", json!("x")),
            ("int", json!(1)),
            ("bool", json!(true)),
            ("secureObject", json!({})),
            ("array", json!([])),
        ] {
            check("o", &json!({ "type": kind }), &value).expect(kind);
        }
        check("o", &json!({ "type": "string", "nullable": true }), &Value::Null).expect("null");
        let error = refused("string", json!(1));
        assert_eq!(error.code, "DeploymentOutputEvaluationFailed");
        assert_eq!(
            error.message,
            "The template output 'o' is not valid: The provided value for the template output 'o' \
             is not valid. Expected a value of type 'String, Uri', but received a value of type \
             'Integer'. Please see https://aka.ms/arm-create-parameter-file for usage details.."
        );
        for (kind, value, expected, found) in [
            ("int", json!(1.5), "Integer", "Float"),
            ("bool", json!("true"), "Boolean", "String"),
            ("object", json!([]), "Object", "Array"),
            ("array", json!({}), "Array", "Object"),
            ("string", Value::Null, "String, Uri", "Null"),
            ("int", json!(true), "Integer", "Boolean"),
        ] {
            let words = format!("type '{expected}', but received a value of type '{found}'");
            assert!(refused(kind, value).message.contains(&words), "{kind}");
        }
        assert_eq!(
            refused("number", json!(1)).message,
            "Deployment template validation failed: 'The type 'number' of the output 'o' is not \
             valid'."
        );
    }
}
