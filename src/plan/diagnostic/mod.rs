//! What is wrong with a plan, and how that is shown.
//!
//! A [`Diagnostic`] is data with places in the text. It is drawn in three ways:
//! [`render`] for people, [`render_json`] for programs, [`render_github`] as
//! annotations of a GitHub job. Nothing here knows what a plan means.

mod closest;
mod github;
mod json;
mod kind;
mod lines;
mod render;

pub use closest::closest;
pub use github::render_github;
pub use json::render_json;
pub use kind::{Diagnostic, MAX_SHOWN, sort};
pub use render::render;
