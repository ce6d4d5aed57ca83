//! The Actions protocol: workflow commands, environment files, the summary.
//!
//! Pure functions of text, and the few that append to the files the runner
//! names. Whether this process runs in Actions is for the caller to know.

mod command;
mod env_file;
mod line;
mod summary;

pub use command::{Annotation, Level, end_group, group, masks};
pub use env_file::{append, parse};
pub use line::{child_lines, own_lines};
pub use summary::append_summary;
