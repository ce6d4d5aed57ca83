//! The journal: what a run set out to do and what came of it, on disk before
//! the effect, so that another process can go on where this one stopped.
//!
//! Intent before effect: `StepStarted` is synced before the first byte leaves,
//! and a run whose journal cannot be written stops. All text is redacted
//! before it comes here; an output that holds a secret is recorded as its
//! source.

mod entry;
mod file;
mod lock;
mod replay;
mod runs;

pub use entry::{Deployed, Entry, Handover, RecordedOutput, RunRecord, StartRecord};
pub use file::{Journal, JournalError, read};
pub use replay::{Replay, StepState};
pub use runs::{RunFolder, RunId, newest_unfinished};
