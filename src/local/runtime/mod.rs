//! Runs container groups on this machine, reachable by name.
//!
//! Docker or podman where one answers, otherwise namespaces of this kernel, and
//! where those are refused a self-contained program straight from its unpacked
//! image. In all three the restarts, the states and the logs are kept here, so
//! that Resource Manager tells the same story. Nothing here knows Azure.

mod backend;
mod backoff;
mod builtin;
mod choice;
mod connection;
mod engine;
mod handle;
mod image;
mod spec;
mod stage;
mod supervise;
mod view;

pub use backend::{RuntimeKind, RuntimeOpenError};
pub use choice::RuntimeChoice;
pub use connection::ByteStream;
pub use handle::{ConnectError, Runtime, RuntimeOptions};
pub use image::Image;
#[doc(hidden)]
pub use image::unpack;
pub use spec::{Container, Group, Restart, Volume};
pub use stage::log::LogQuery;
pub use stage::reexec;
pub use view::{ContainerEvent, ContainerState, ContainerView, GroupState, GroupView};
