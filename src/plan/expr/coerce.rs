//! Conversions between the kinds of values, and comparisons.
//!
//! The rules are those of the runner's `EvaluationResult` and `ExpressionUtility`
//! (actions/runner, `src/Sdk/Expressions`): JavaScript's loose equality, but
//! strings compare ignoring case and collections are the same only as one object.

use super::primitive::{number_to_text, order_text, same_text, text_to_number};
use super::value::{Kind, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

impl Value {
    /// Whether it counts as true: not `null`, `false`, `0`, `NaN` or `''`.
    pub fn is_truthy(&self) -> bool {
        match &self.kind {
            Kind::Null => false,
            Kind::Boolean(value) => *value,
            Kind::Number(number) => *number != 0.0 && !number.is_nan(),
            Kind::String(text) => !text.is_empty(),
            Kind::Array(_) | Kind::Filtered(_) | Kind::Object(_) => true,
        }
    }

    /// As a number. What cannot be one is `NaN`.
    pub fn to_number(&self) -> f64 {
        match &self.kind {
            Kind::Null => 0.0,
            Kind::Boolean(value) => f64::from(u8::from(*value)),
            Kind::Number(number) => *number,
            Kind::String(text) => text_to_number(text),
            Kind::Array(_) | Kind::Filtered(_) | Kind::Object(_) => f64::NAN,
        }
    }

    /// As text, for readers of a context outside of an expression.
    pub fn text(&self) -> String {
        self.to_text().into_owned()
    }

    /// As text. A collection is `Array` or `Object`, as at GitHub. The caller
    /// keeps the taint.
    pub(super) fn to_text(&self) -> Cow<'_, str> {
        match &self.kind {
            Kind::Null => Cow::Borrowed(""),
            Kind::Boolean(true) => Cow::Borrowed("true"),
            Kind::Boolean(false) => Cow::Borrowed("false"),
            Kind::Number(number) => Cow::Owned(number_to_text(*number)),
            Kind::String(text) => Cow::Borrowed(text),
            Kind::Array(_) | Kind::Filtered(_) => Cow::Borrowed("Array"),
            Kind::Object(_) => Cow::Borrowed("Object"),
        }
    }
}

/// Whether `left == right` holds.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (&left.kind, &right.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Boolean(left), Kind::Boolean(right)) => left == right,
        (Kind::String(left), Kind::String(right)) => same_text(left, right),
        (Kind::Array(left) | Kind::Filtered(left), Kind::Array(right) | Kind::Filtered(right)) => {
            Arc::ptr_eq(left, right)
        }
        (Kind::Object(left), Kind::Object(right)) => Arc::ptr_eq(left, right),
        // NaN, which a collection becomes, is the same as nothing.
        _ => left.to_number().partial_cmp(&right.to_number()) == Some(Ordering::Equal),
    }
}

/// Which of the two is greater, where one is or they are the same.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (&left.kind, &right.kind) {
        (Kind::Boolean(left), Kind::Boolean(right)) => Some(left.cmp(right)),
        (Kind::String(left), Kind::String(right)) => Some(order_text(left, right)),
        (
            Kind::Array(_) | Kind::Filtered(_) | Kind::Object(_),
            Kind::Array(_) | Kind::Filtered(_) | Kind::Object(_),
        )
        | (Kind::Null, Kind::Null) => same(left, right).then_some(Ordering::Equal),
        _ => left.to_number().partial_cmp(&right.to_number()),
    }
}
