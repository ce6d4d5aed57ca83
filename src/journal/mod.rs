//! The journal: what a run is about to do and what came of it, written to disk
//! before the effect, so that another process can resume the run.
//!
//! Intent before effect: `StepStarted` is synced before the first byte is sent,
//! and a run whose journal cannot be written stops. All text is redacted before it
//! is written; a secret output is recorded by its source.

mod checksum;
mod earlier;
mod entry;
mod file;
mod handover;
mod lock;
mod options;
mod replay;
mod rollback;
mod runs;
pub mod untrusted;

pub use earlier::last_time;
pub use entry::{JournalEntry, RecordedOutput, RunRecord, StartRecord};
pub use file::{Journal, JournalError, read};
pub use handover::{Deployed, Handover, TargetId};
pub use lock::is_in_progress;
pub use options::{DryRunOptions, LocalCloudOptions, PutBack, RunOptions};
pub use replay::{Replay, StepState};
pub use rollback::{Previous, Replaced, RollbackRecord};
pub use runs::{
    DamagedRun, RunFolder, RunId, UnfinishedRun, newest, newest_unfinished, refuse_links,
    refused_since, remove_abandoned_scratch,
};
