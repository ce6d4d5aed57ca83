//! The plan: its schema, how it is read, its expressions, its checks.
//!
//! Everything here is a function of its arguments: no clock, no environment, no
//! files, no network. [`read`] is the way in: text → `tree` → `parse` → `check`.
//! The types that come out are in `schema`, the mistakes in `diagnostic`.

pub mod diagnostic;
pub mod expr;
pub mod schema;
pub mod span;

mod check;
mod parse;
mod read;
mod tree;

pub use diagnostic::{Diagnostic, render, render_github, render_json};
#[cfg(test)]
pub use read::read;
pub use read::read_bytes;

#[cfg(test)]
mod tests;
