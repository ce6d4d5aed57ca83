//! Secrets: the one type that holds a value, where values come from, and the
//! redactor that every sink writes through.

mod cut;
mod dumped;
#[cfg(test)]
mod leaks;
mod line;
mod matcher;
mod redactor;
mod screen;
mod source;
mod spellings;
mod value;
mod view;
mod wrapped;

pub use redactor::{Redactor, TooShort};
pub use source::{Source, VaultSecret};
pub use value::Secret;
