//! What the tests of reporters share: events, streams, a screen.

pub(in crate::report) mod sample;
mod screen;
mod sink;

pub(in crate::report) use screen::Screen;
pub(in crate::report) use sink::{Captured, Closed};
