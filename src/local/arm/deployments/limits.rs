//! How large the values of a template may become.
//!
//! A template of a kilobyte can name values of any size, by variables that are each the one
//! before twice. Azure bounds templates and what they give by 4 MB ("Template limits"). The words
//! of these refusals follow those of its limit of expressions, which are the only ones known.

use super::error::TemplateError;
use serde_json::Value;
use std::cell::Cell;

/// The largest value, as JSON has it, in bytes.
const MAX_VALUE_BYTES: usize = 4 * 1024 * 1024;
/// What all values of one evaluation have together.
const MAX_EVALUATED_BYTES: usize = 256 * 1024 * 1024;
/// How deep arrays and objects are within each other.
const MAX_VALUE_DEPTH: usize = 100;
/// How deep expressions and the variables that they name are within each other.
const MAX_EXPRESSION_DEPTH: usize = 100;
/// How many pairs of items functions compare with each other.
const MAX_COMPARISONS: usize = 4_000_000;
// What a template has at most ("Template limits").
pub const MAX_PARAMETERS: usize = 256;
pub const MAX_VARIABLES: usize = 256;
pub const MAX_RESOURCES: usize = 800;
pub const MAX_OUTPUTS: usize = 64;

/// What is left of the limits in one evaluation.
#[derive(Debug)]
pub struct EvaluationBudget {
    bytes: Cell<usize>,
    depth: Cell<usize>,
}

impl Default for EvaluationBudget {
    fn default() -> Self {
        Self { bytes: Cell::new(MAX_EVALUATED_BYTES), depth: Cell::new(0) }
    }
}

impl EvaluationBudget {
    /// Enters an expression. It is left by [`leave`](Self::leave).
    pub fn enter(&self) -> Result<(), TemplateError> {
        self.depth.set(self.depth.get() + 1);
        if self.depth.get() <= MAX_EXPRESSION_DEPTH {
            return Ok(());
        }
        Err(exceeded("language expression nesting", MAX_EXPRESSION_DEPTH, self.depth.get()))
    }

    pub fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }

    /// Counts a value, and refuses one that is too large.
    pub fn take(&self, value: Value) -> Result<Value, TemplateError> {
        let bytes = size(&value, 0)?;
        checked(bytes)?;
        let Some(left) = self.bytes.get().checked_sub(bytes) else {
            let all = MAX_EVALUATED_BYTES - self.bytes.get() + bytes;
            return Err(exceeded("language expression evaluation size", MAX_EVALUATED_BYTES, all));
        };
        self.bytes.set(left);
        Ok(value)
    }
}

/// Refuses a call whose result would be far larger than its arguments, or would be found by
/// comparing all items with each other.
pub fn check_call(name: &str, arguments: &[Value]) -> Result<(), TemplateError> {
    let texts = || arguments.iter().map(|one| size(one, 0).unwrap_or(MAX_VALUE_BYTES));
    match (name, arguments) {
        ("replace", [Value::String(text), Value::String(from), Value::String(to)]) => {
            let count = text.matches(from.as_str()).count();
            checked(text.len().saturating_add(count.saturating_mul(to.len())))
        }
        ("format", [Value::String(format), ..]) => {
            let largest = texts().skip(1).max().unwrap_or_default();
            checked(format.matches('{').count().saturating_mul(largest))
        }
        ("join", [Value::Array(items), Value::String(between)]) => {
            checked(items.len().saturating_mul(between.len()))
        }
        ("union" | "intersection", [Value::Array(_), ..]) => {
            let counts = arguments.iter().map(|one| one.as_array().map_or(0, Vec::len));
            let all: usize = counts.sum();
            let pairs = all.saturating_mul(all);
            if pairs <= MAX_COMPARISONS {
                return Ok(());
            }
            Err(exceeded(&format!("function '{name}' comparison"), MAX_COMPARISONS, pairs))
        }
        _ => Ok(()),
    }
}

/// Refuses a template with more of something than Azure takes.
pub fn check_count(what: &str, limit: usize, count: usize) -> Result<(), TemplateError> {
    if count <= limit {
        return Ok(());
    }
    Err(TemplateError::invalid(format!(
        "Deployment template validation failed: 'The number of template {what} limit exceeded. \
         Limit: '{limit}' and actual: '{count}'. Please see https://aka.ms/arm-deploy for usage \
         details.'."
    )))
}

fn checked(bytes: usize) -> Result<(), TemplateError> {
    if bytes <= MAX_VALUE_BYTES {
        return Ok(());
    }
    Err(exceeded("language expression value size", MAX_VALUE_BYTES, bytes))
}

fn exceeded(what: &str, limit: usize, actual: usize) -> TemplateError {
    TemplateError::invalid(format!(
        "The {what} limit exceeded. Limit: '{limit}' and actual: '{actual}'."
    ))
}

/// About the length of the JSON of a value. Fails where it is too deep.
fn size(value: &Value, depth: usize) -> Result<usize, TemplateError> {
    if depth > MAX_VALUE_DEPTH {
        return Err(exceeded("language expression value nesting", MAX_VALUE_DEPTH, depth));
    }
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => {
            let mut all = 2_usize;
            for item in items {
                all = all.saturating_add(size(item, depth + 1)? + 1);
            }
            all
        }
        Value::Object(members) => {
            let mut all = 2_usize;
            for (name, value) in members {
                all = all.saturating_add(name.len() + 4 + size(value, depth + 1)?);
            }
            all
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::{DeploymentPlace, Evaluation};
    use super::check_count;
    use serde_json::{Map, Value, json};

    fn evaluated(variables: &Value, expression: &str) -> Result<Value, String> {
        let place = DeploymentPlace {
            subscription: "s".to_owned(),
            tenant: "t".to_owned(),
            deployment: "d".to_owned(),
            resource_group: json!({}),
        };
        let variables = variables.as_object().cloned().expect("an object");
        let parameters = Map::new();
        let evaluation = Evaluation::new(&parameters, &variables, &place);
        evaluation.value(&json!(expression)).map_err(|error| error.message)
    }

    /// `v0`, and so many that are each made of the one before.
    fn chain(first: &str, count: usize, next: impl Fn(&str) -> String) -> Value {
        let mut all = json!({ "v0": first });
        for at in 1..=count {
            all[format!("v{at}")] =
                json!(format!("[{}]", next(&format!("variables('v{}')", at - 1))));
        }
        all
    }

    fn twice(of: &str) -> String {
        format!("concat({of}, {of})")
    }

    #[test]
    fn variable_is_evaluated_once() {
        // Evaluated each time, this would take 2^40 steps.
        let variables = chain("", 40, twice);
        assert_eq!(evaluated(&variables, "[length(variables('v40'))]"), Ok(json!(0)));
    }

    #[test]
    fn counts_are_bounded() {
        check_count("outputs", 64, 64).expect("as many as Azure takes");
        assert_eq!(
            check_count("outputs", 64, 65).expect_err("refused").message,
            "Deployment template validation failed: 'The number of template outputs limit exceeded. \
             Limit: '64' and actual: '65'. Please see https://aka.ms/arm-deploy for usage details.'."
        );
    }

    #[test]
    fn values_are_bounded() {
        let doubled = chain("a", 24, twice);
        assert_eq!(evaluated(&doubled, "[length(variables('v21'))]"), Ok(json!(2_097_152)));
        let refused = |variables: &Value, expression: &str, what: &str| {
            let words = format!("The language expression {what} limit exceeded. Limit: ");
            let refused = evaluated(variables, expression).expect_err(expression);
            assert!(refused.starts_with(&words), "{refused}");
        };
        assert_eq!(
            evaluated(&doubled, "[length(variables('v24'))]").expect_err("refused"),
            "The language expression value size limit exceeded. Limit: '4194304' and actual: \
             '4194306'."
        );
        refused(&doubled, "[replace(variables('v20'), 'a', 'bbbbb')]", "value size");
        refused(&doubled, "[replace(variables('v20'), '', 'bbbbb')]", "value size");
        refused(&doubled, "[format('{0}{0}{0}{0}{0}', variables('v20'))]", "value size");
        refused(&doubled, "[join(range(0, 9), variables('v20'))]", "value size");
        let many = format!("[createArray({}1)]", "empty(variables('v21')), ".repeat(140));
        refused(&doubled, &many, "evaluation size");
        let nested = chain("a", 120, |of| format!("createArray({of})"));
        refused(&nested, "[variables('v120')]", "nesting");
        // Each is made of eight arrays around the one before.
        let mut around = json!({ "v0": [] });
        for at in 1..=30 {
            let of = json!(format!("[variables('v{}')]", at - 1));
            around[format!("v{at}")] = (0..8).fold(of, |inner, _| json!([inner]));
        }
        refused(&around, "[variables('v30')]", "nesting");
        let deep = format!("[json('{}{}')]", "[".repeat(110), "]".repeat(110));
        refused(&json!({}), &deep, "value nesting");
        assert_eq!(
            evaluated(&json!({}), "[union(range(0, 2000), range(0, 2000))]").expect_err("refused"),
            "The function 'union' comparison limit exceeded. Limit: '4000000' and actual: \
             '16000000'."
        );
        assert_eq!(
            evaluated(&json!({}), "[length(union(range(0, 500), range(0, 500)))]"),
            Ok(json!(500))
        );
    }
}
