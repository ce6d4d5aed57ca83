//! Child processes: each runs in its own process group under a supervisor, which
//! leaves no descendant behind. Output is captured line by line.

mod last_lines;
mod lines;
mod spawn;
mod supervisor;
mod too_long;

pub use last_lines::LastLines;
pub use spawn::{Captured, ChildError, Command, Ended, Stop, capture, run};
pub use supervisor::{ENTRY, PROGRAM_ENTRY, become_program, supervise};
