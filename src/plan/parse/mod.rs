//! Reads single values and mappings of the tree, and collects what is wrong with
//! them: reading goes on after each mistake, with what is left.
//!
//! What keys there are is declared in `schema`; what a plan means beyond its
//! single parts is checked in `check`.

mod condition;
mod entries;
mod filled;
mod foreign_keys;
mod reader;
mod text;

pub use entries::{Entries, conflict};
pub use reader::{Reader, Unread};
