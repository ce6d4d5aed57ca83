//! Evaluates the values of a template.

use super::error::TemplateError;
use super::expression::{Expression, parse, unescaped};
use super::functions;
use super::limits::{EvaluationBudget, check_call};
use super::runtime::RuntimeValues;
use super::turn::{LoopTurn, copy_index};
use super::values::{member, resource_path, text_of, wrong_count};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;

/// What the expressions of one deployment are evaluated with.
pub struct Evaluation<'a> {
    pub parameters: &'a Map<String, Value>,
    /// As the template has them: they are evaluated when they are used.
    pub variables: &'a Map<String, Value>,
    pub place: &'a DeploymentPlace,
    /// What resources answer; `None` where a function that asks them is a mistake.
    pub runtime: Option<&'a RuntimeValues>,
    /// The variables that are being evaluated.
    open: RefCell<Vec<String>>,
    /// The variables that have been, by their names in lower case.
    done: RefCell<HashMap<String, Value>>,
    budget: EvaluationBudget,
    /// The turns of loops, the innermost last.
    turns: RefCell<Vec<LoopTurn>>,
}

/// Where a deployment goes.
#[derive(Clone, Debug)]
pub struct DeploymentPlace {
    pub subscription: String,
    pub tenant: String,
    pub deployment: String,
    /// What `resourceGroup()` gives.
    pub resource_group: Value,
}

impl<'a> Evaluation<'a> {
    pub fn new(
        parameters: &'a Map<String, Value>,
        variables: &'a Map<String, Value>,
        place: &'a DeploymentPlace,
    ) -> Self {
        Self {
            parameters,
            variables,
            place,
            runtime: None,
            open: RefCell::default(),
            done: RefCell::default(),
            budget: EvaluationBudget::default(),
            turns: RefCell::default(),
        }
    }

    /// In a turn of the loop of a resource.
    pub fn with_turn(self, turn: Option<&LoopTurn>) -> Self {
        self.turns.borrow_mut().extend(turn.cloned());
        self
    }

    /// Evaluates something in a turn of a loop.
    pub fn in_turn<T>(&self, turn: LoopTurn, evaluate: impl FnOnce() -> T) -> T {
        self.turns.borrow_mut().push(turn);
        let value = evaluate();
        self.turns.borrow_mut().pop();
        value
    }

    pub fn with_runtime(self, runtime: &'a RuntimeValues) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// A value with all of its expressions evaluated.
    pub fn value(&self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::String(text) => match parse(text)? {
                Some(expression) => self.expression(&expression),
                None => Ok(Value::String(unescaped(text).to_owned())),
            },
            Value::Array(_) | Value::Object(_) => {
                self.budget.enter()?;
                let whole = self.container(value)?;
                self.budget.leave();
                Ok(whole)
            }
            other => Ok(other.clone()),
        }
    }

    /// An array or object with all of its expressions evaluated.
    fn container(&self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| self.value(item))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Value::Object(members) => {
                let made = match members.get("copy") {
                    Some(copies) => self.members_of(copies)?,
                    None => Map::new(),
                };
                let member = |(name, value): (&String, &Value)| {
                    let name = self.value(&Value::String(name.clone()))?;
                    Ok((text_of(&name), self.value(value)?))
                };
                let own = members.iter().filter(|(name, _)| *name != "copy").map(member);
                let mut all: Map<String, Value> = own.collect::<Result<_, _>>()?;
                all.extend(made);
                Ok(Value::Object(all))
            }
            other => Ok(other.clone()),
        }
    }

    /// A value that must be text.
    pub fn text(&self, value: &Value, what: &str) -> Result<String, TemplateError> {
        match self.value(value)? {
            Value::String(text) => Ok(text),
            other => Err(TemplateError::invalid(format!("The {what} is {other}, not a string."))),
        }
    }

    fn expression(&self, expression: &Expression) -> Result<Value, TemplateError> {
        self.budget.enter()?;
        let value = self.unbounded(expression)?;
        self.budget.leave();
        self.budget.take(value)
    }

    fn unbounded(&self, expression: &Expression) -> Result<Value, TemplateError> {
        match expression {
            Expression::Text(text) => Ok(Value::String(text.clone())),
            Expression::Integer(number) => Ok((*number).into()),
            Expression::Member { of, name } => {
                let (of, name) = (self.expression(of)?, self.expression(name)?);
                member(&of, &name)
            }
            Expression::Call { name, arguments } => self.call(name, arguments),
        }
    }

    fn call(&self, name: &str, arguments: &[Expression]) -> Result<Value, TemplateError> {
        let lower = name.to_ascii_lowercase();
        // Only the branch that is taken is evaluated.
        if lower == "if" {
            let [condition, yes, no] = arguments else {
                return Err(wrong_count(name, "3", arguments.len()));
            };
            let chosen = match self.expression(condition)? {
                Value::Bool(true) => yes,
                Value::Bool(false) => no,
                other => {
                    let message = format!("The function 'if' expects a boolean, not {other}.");
                    return Err(TemplateError::invalid(message));
                }
            };
            return self.expression(chosen);
        }
        let values: Vec<Value> =
            arguments.iter().map(|argument| self.expression(argument)).collect::<Result<_, _>>()?;
        match (lower.as_str(), values.as_slice()) {
            ("parameters", [Value::String(name)]) => self.parameter(name),
            ("variables", [Value::String(name)]) => self.variable(name),
            ("copyindex", arguments) => copy_index(arguments, &self.turns.borrow()),
            ("resourcegroup", []) => Ok(self.place.resource_group.clone()),
            ("subscription", []) => Ok(self.subscription()),
            ("tenant", []) => Ok(serde_json::json!({ "tenantId": self.place.tenant })),
            ("deployment", []) => Ok(serde_json::json!({ "name": self.place.deployment })),
            ("resourceid", parts) => self.resource_id(parts),
            ("subscriptionresourceid", parts) => {
                let root = format!("/subscriptions/{}", self.place.subscription);
                resource_path(&root, parts).map(Value::String)
            }
            ("reference", parts) => self.runtime(name)?.reference(parts),
            (list, parts) if list.starts_with("list") && list.len() > 4 => {
                self.runtime(name)?.list(name, parts)
            }
            (_, values) => {
                check_call(&lower, values)?;
                functions::call(name, values)
            }
        }
    }

    fn runtime(&self, name: &str) -> Result<&RuntimeValues, TemplateError> {
        self.runtime.ok_or_else(|| {
            TemplateError::invalid(format!(
                "The template function '{name}' is not expected at this location."
            ))
        })
    }

    fn parameter(&self, name: &str) -> Result<Value, TemplateError> {
        find(self.parameters, name).cloned().ok_or_else(|| {
            TemplateError::invalid(format!("The template parameter '{name}' is not found."))
        })
    }

    fn variable(&self, name: &str) -> Result<Value, TemplateError> {
        let copies = self.variables.get("copy").and_then(Value::as_array).into_iter().flatten();
        let copy = copies.into_iter().find(|copy| {
            copy["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        if let Some(copy) = copy {
            return self.list_of(copy);
        }
        let found = find(self.variables, name).ok_or_else(|| {
            TemplateError::invalid(format!("The template variable '{name}' is not found."))
        })?;
        let key = name.to_ascii_lowercase();
        if let Some(value) = self.done.borrow().get(&key) {
            return Ok(value.clone());
        }
        if self.open.borrow().contains(&key) {
            let message = format!("Circular reference detected in the variable '{name}'.");
            return Err(TemplateError::invalid(message));
        }
        self.open.borrow_mut().push(key.clone());
        let value = self.value(found);
        self.open.borrow_mut().pop();
        let value = value?;
        self.done.borrow_mut().insert(key, value.clone());
        Ok(value)
    }

    fn subscription(&self) -> Value {
        let DeploymentPlace { subscription, tenant, .. } = self.place;
        serde_json::json!({
            "id": format!("/subscriptions/{subscription}"), "subscriptionId": subscription,
            "tenantId": tenant, "displayName": "Shipway local cloud",
        })
    }

    /// `resourceId([subscription], [group], type, names…)`.
    fn resource_id(&self, parts: &[Value]) -> Result<Value, TemplateError> {
        let text = |at: usize| parts.get(at).and_then(Value::as_str).unwrap_or_default();
        let is_type = |at: usize| text(at).contains('/');
        let own = self.place.resource_group["name"].as_str().unwrap_or_default();
        let subscription = self.place.subscription.as_str();
        let (subscription, group, rest) = match (is_type(0), is_type(1)) {
            (true, _) => (subscription, own, parts),
            (false, true) => (subscription, text(0), &parts[1..]),
            (false, false) => (text(0), text(1), parts.get(2..).unwrap_or_default()),
        };
        let root = format!("/subscriptions/{subscription}/resourceGroups/{group}");
        resource_path(&root, rest).map(Value::String)
    }
}

/// A member by its name, ignoring case.
fn find<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
