//! YAML as a tree that knows where each key and value stands.
//!
//! The tree is built from the events of granit-parser, the scanner under
//! serde-saphyr, rather than by a `Deserialize` over the latter's `Spanned`: that
//! takes three times as long, which for a thousand services is past what `check`
//! may take altogether, and does not know where a collection ends. A scalar stays
//! as it is spelled; nothing here knows what a plan means.

mod events;
mod flow;
mod load;
mod locate;
mod merge;
mod node;
mod syntax;

pub use load::load;
pub use locate::locate;
pub use node::{Entry, EntryKey, Kind, Node, Scalar, Style};

#[cfg(test)]
mod tests;
