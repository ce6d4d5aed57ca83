//! `shipway schema`: the JSON Schema of plans, for editors and validators.

use super::exit::Exit;
use super::say;
use crate::plan::json_schema;

/// Prints the schema.
pub fn schema() -> Exit {
    say::result(&format!("{:#}", json_schema()));
    Exit::Done
}
