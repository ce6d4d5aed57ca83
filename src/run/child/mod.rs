//! Child processes: each in its own process group under a supervisor, its
//! output captured line by line, none left behind.
//!
//! Nothing here knows what a child is for.

mod lines;
mod spawn;
mod supervisor;

pub use spawn::{ChildError, Command, Ended, Output, Stop, run};
pub use supervisor::{ENTRY, supervise};
