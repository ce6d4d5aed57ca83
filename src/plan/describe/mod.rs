//! The description of the plan's keys: each key is declared once, with its
//! meaning, and reading, the walk over all expressions, the JSON Schema and the
//! tables of `docs/reference.md` come from that.
//!
//! [`mapping!`] declares a struct whose fields are keys, [`choice!`] an enum of
//! which a mapping has one variant, by its key. A [`Key`] says what a field's
//! type does not: defaults, what becomes of the value, from which phase on its
//! expressions are evaluated. What has several forms (`login`, `build`) reads
//! itself, by an `impl PlanValue` beside its type.

mod key;
mod mapping;
mod object;
#[cfg(test)]
mod table;
mod value;
mod visit;

pub use key::{Exposure, Key, key};
pub use mapping::{PlanKeys, PlanMapping, concat, length};
pub(crate) use mapping::{choice, mapping};
pub use object::{Object, any_of, list_of, nothing_or, shape_schema};
#[cfg(test)]
pub use table::table;
pub use value::{Constant, PlanValue, Slot, describe_choice, describe_key, read_key, visit_key};
pub use visit::{Found, Place, Visit};

#[cfg(test)]
mod tests;
