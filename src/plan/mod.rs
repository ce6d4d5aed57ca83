//! The plan: its keys, how it is read, its expressions, its checks.
//!
//! Everything here is a function of its arguments: no clock, no environment, no
//! files, no network. [`read_files`] is the way in: text → `tree` → `schema` →
//! `check`. `schema` declares the keys by the macros of `describe`, whose values
//! are the types of `literal`, and reads them by `parse`.

pub mod diagnostic;
pub mod expr;
pub mod literal;
pub mod schema;
pub mod span;

mod admin_pull;
mod asked_deploy;
mod check;
mod describe;
mod include;
mod json_schema;
mod parse;
mod parsed;
mod plan_text;
mod read;
mod tree;
pub mod untrusted;

pub use admin_pull::admin_pull_notes;
pub use asked_deploy::AskedDeploy;
pub use check::{
    PasswordInRepository, PathKind, are_app_cores, bad_public_keys, closed_port, is_after_a_run,
    missing_paths, passwords_in_repository, unfit_values, unknown_name, unused_arguments,
};
pub use describe::{Exposure, Found, PlanKeys, Visit};
pub use diagnostic::{Diagnostic, render, render_github, render_json, render_plan, render_sarif};
pub use json_schema::json_schema;
pub use plan_text::PlanText;
#[cfg(test)]
pub use read::read;
pub use read::{read_bytes, read_files, read_text};

#[cfg(test)]
mod tests;
