//! The Actions protocol: workflow commands, environment files, the summary.
//!
//! Pure functions of text, and the few that append to the files the runner
//! names. Whether this process runs in Actions is for the caller to know.

mod command;
mod env_file;
mod line;
mod summary;

pub use command::{Annotation, Level, end_group, escape_data, escape_property, group, masks};
pub use env_file::{AppendError, ParseError, RecordError, append, parse, record};
pub use line::{child_lines, own_lines};
pub use summary::{SUMMARY_LIMIT, SummaryError, append_summary, cut_summary};
