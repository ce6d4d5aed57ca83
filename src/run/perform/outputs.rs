//! Outputs of steps as values of expressions.

use crate::event::Outputs;
use crate::plan::expr::{Object, Rendered, Value};

/// The outputs by name. One that holds a secret stays secret.
pub fn object(outputs: &Outputs<Rendered>) -> Object {
    let mut object = Object::default();
    for (name, value) in outputs {
        let value = match value {
            Rendered::Plain(text) => Value::from(text.as_str()),
            Rendered::Secret(secret) => Value::secret(secret),
        };
        object.set(name, value);
    }
    object
}
