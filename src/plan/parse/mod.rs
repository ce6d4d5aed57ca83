//! From the tree to the typed plan.
//!
//! Every mistake is collected: reading goes on after each, with what is left.
//! What a plan means beyond its single parts is the business of `check`.

mod condition;
mod literal;
mod mapping;
mod plan;
mod reader;
mod settings;
mod step;
mod text;

#[cfg(test)]
mod tests;

pub(super) use plan::{Parsed, parse};
