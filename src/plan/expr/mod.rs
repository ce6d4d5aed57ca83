//! Expressions: what stands between `${{` and `}}`, and bare in an `if`.
//!
//! The grammar is GitHub's, parsed by a crate; the meaning is GitHub's too and
//! lives here. [`evaluate`](self::evaluate) walks the tree over a [`Scope`],
//! which holds the contexts; `text` turns the results into strings, conditions
//! and typed scalars. [`contexts`] is the table of what an expression may name,
//! from which the checks, the schema and the reference are made.
//!
//! Everything is a function of its arguments. Files are reached through a
//! callback of the scope alone, and only by `hashFiles`.

pub mod contexts;

mod calls;
mod coerce;
mod constant;
mod early;
mod evaluate;
mod format;
mod function;
mod functions;
mod json;
mod possible;
mod primitive;
mod scope;
mod syntax;
mod text;
mod tree;
mod value;

pub use constant::{constant_mistakes, constant_value};
pub use evaluate::EvalError;
pub use function::{FUNCTIONS, Function};
pub use possible::can_hold;
pub use scope::{Scope, Status};
pub use syntax::{ContextRef, FunctionRef, Segment, SyntaxError, functions, references};
pub use text::Rendered;
pub use value::{Object, Taint, Value};
