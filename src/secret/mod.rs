//! Secrets: the one type that holds a value, where values come from, and the
//! redactor that every sink writes through.

mod redactor;
mod value;

pub use redactor::{Redactor, TooShort};
pub use value::Secret;
