//! What is wrong with a plan, and how that is shown.
//!
//! A [`Diagnostic`] is data with places in the text. It is drawn in four ways:
//! [`render_plan`] for people, [`render_json`] for programs, [`render_github`] as
//! annotations of a GitHub job, [`render_sarif`] for code scanning. Nothing here knows
//! what a plan means.

mod closest;
mod explanation;
mod github;
mod json;
mod kind;
mod lines;
mod render;
mod sarif;

pub use closest::closest;
pub use explanation::{explanation, explanations};
pub use github::render_github;
pub use json::render_json;
pub use kind::{Diagnostic, MAX_SHOWN, sort};
pub use render::{render, render_plan};
pub use sarif::render_sarif;
