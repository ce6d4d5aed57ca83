//! Azure Container Apps: creates apps and watches their revisions.
//!
//! An app is put, then read until its new revision is ready: an operation that "succeeded",
//! and an app that is "Running", say nothing about the new revision, since the one before
//! goes on answering. Addresses are read from the app and never computed.

mod app;
mod client;
mod deploy;
mod desired;
mod difference;
mod environment;
mod error;
mod evidence;
mod exec;
mod id;
mod label_tags;
mod labels;
mod logs;
mod previous;
mod restart;
mod revision;
mod staged;
mod traffic;
pub mod untrusted;

pub use app::App;
pub use client::ContainerApps;
pub use deploy::AppEvent;
pub use desired::{AppIngress, AppProbe, AppProbeRequest, AppScale, DesiredApp, VaultVariable};
pub use difference::{difference, is_as_deployed};
pub use environment::NewEnvironment;
pub use id::{AppId, AppPart, AppTarget, environment_id};
pub use previous::PreviousApp;
pub use revision::{Replica, ReplicaContainer};
pub use staged::TagChange;

#[cfg(test)]
mod tests;
