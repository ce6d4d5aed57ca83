//! The Actions protocol: workflow commands, environment files, the summary.
//!
//! These are pure functions of text, and a few that append to the files that the
//! runner names. The caller decides whether this process runs in Actions.

mod command;
mod env_file;
mod line;
mod summary;
pub mod untrusted;

pub use command::{Annotation, Level, end_group, group, masks};
pub use env_file::{append, parse};
pub use line::{child_lines, own_lines};
pub use summary::append_summary;
