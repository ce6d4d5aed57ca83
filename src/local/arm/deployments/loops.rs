//! The loops of templates (`copy`): of resources, of variables and outputs, and of the members of
//! any object (learn.microsoft.com, "Resource iteration in ARM templates").

use super::error::TemplateError;
use super::evaluate::Evaluation;
use super::turn::LoopTurn;
use serde_json::{Map, Value};

/// What Azure allows in one template.
const MAX_COUNT: i64 = 800;

impl Evaluation<'_> {
    /// The turns of a loop.
    pub fn turns_of(&self, copy: &Value) -> Result<Vec<LoopTurn>, TemplateError> {
        let name = match &copy["name"] {
            Value::Null => String::new(),
            name => self.text(name, "'name' of a loop")?,
        };
        let count = self.value(&copy["count"])?;
        let is_allowed = |count: &i64| (0..=MAX_COUNT).contains(count);
        let Some(count) = count.as_i64().filter(is_allowed) else {
            let message = format!(
                "The 'count' of the loop '{name}' is {count}, not a number from 0 to {MAX_COUNT}."
            );
            return Err(TemplateError::invalid(message));
        };
        Ok((0..count).map(|index| LoopTurn { name: name.clone(), index }).collect())
    }

    /// The list that a loop makes of its `input`.
    pub fn list_of(&self, copy: &Value) -> Result<Value, TemplateError> {
        let one = |turn| self.in_turn(turn, || self.value(&copy["input"]));
        self.turns_of(copy)?.into_iter().map(one).collect::<Result<_, _>>().map(Value::Array)
    }

    /// The members that the loops of an object make, by their names.
    pub fn members_of(&self, copies: &Value) -> Result<Map<String, Value>, TemplateError> {
        let Some(copies) = copies.as_array() else {
            return Err(TemplateError::invalid("The 'copy' of an object is not a list."));
        };
        let mut made = Map::new();
        for copy in copies {
            let name = self.text(&copy["name"], "'name' of a loop")?;
            made.insert(name, self.list_of(copy)?);
        }
        Ok(made)
    }
}
