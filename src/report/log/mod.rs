//! The logs for people: in a terminal, in a file, in GitHub Actions. All use the
//! messages of `words`.

mod actions;
pub(super) mod ends;
mod live;
mod plain;
mod throttle;
pub(super) mod words;

pub use actions::ActionsLog;
#[cfg(test)]
pub use live::{Canvas, TerminalSize};
pub use live::{Live, LiveOptions};
pub use plain::Plain;
