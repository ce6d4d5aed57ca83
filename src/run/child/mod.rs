//! Child processes: each runs in its own process group under a supervisor, which
//! leaves no descendant behind. Output is captured line by line.

mod lines;
mod spawn;
mod supervisor;

pub use spawn::{ChildError, Command, Ended, Output, Stop, run};
pub use supervisor::{ENTRY, supervise};
