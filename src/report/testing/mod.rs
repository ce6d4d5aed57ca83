//! Events, streams and a screen for the tests of reporters.

pub(in crate::report) mod rolled_back;
pub(in crate::report) mod sample;
mod screen;
mod sink;

pub(in crate::report) use screen::Screen;
pub(in crate::report) use sink::{Captured, Closed};
