//! Runs container groups on this machine, reachable by host name.
//!
//! There are three backends: docker or podman where one answers, otherwise
//! namespaces of this kernel, and where those are refused plain processes from the
//! unpacked image. The latter two are there on Linux alone. Restarts, states and logs are
//! kept here for all of them, so that they behave alike. Nothing here knows Azure.

mod backend;
mod backoff;
#[cfg(target_os = "linux")]
mod builtin;
#[cfg(not(target_os = "linux"))]
#[path = "no_builtin.rs"]
mod builtin;
mod choice;
mod connection;
mod engine;
mod handle;
mod health;
mod image;
mod log;
mod sandbox;
mod spec;
#[cfg(target_os = "linux")]
mod stage;
mod start_error;
mod supervise;
mod terminal;
mod view;

pub use backend::{RuntimeKind, RuntimeOpenError};
pub use builtin::reexec;
pub use choice::RuntimeChoice;
pub use connection::ByteStream;
pub use handle::{ConnectError, Runtime, RuntimeOptions};
pub use image::Image;
pub use log::LogQuery;
pub use spec::{Container, ExecCommand, Group, HealthProbe, ProbeRequest, Restart, Volume};
pub use view::{ContainerEvent, ContainerState, ContainerView, GroupState, GroupView};
