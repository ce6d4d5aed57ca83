//! The logs for people: in a terminal, in a file, in GitHub Actions. All use the
//! messages of `words`.

mod actions;
mod bars;
pub(super) mod ends;
mod live;
mod plain;
mod throttle;
pub(super) mod words;

pub use actions::ActionsLog;
pub use live::Live;
pub use plain::Plain;
