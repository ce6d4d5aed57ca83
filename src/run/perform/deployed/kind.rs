//! What a kind of resource must be able to do for the commands that look after what is
//! deployed.

use super::resource::DeployedResource;
use super::words::KindWords;
use crate::azure::{ArmError, TerminalSize};
use crate::http::{WebSocketReceiver, WebSocketSender};
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use async_trait::async_trait;
use jiff::Timestamp;

/// A kind of resource that services are deployed to.
#[async_trait]
pub trait ResourceKind: Send + Sync {
    fn words(&self) -> &'static KindWords;

    /// Whether the id is that of a resource of this kind.
    fn owns(&self, target: &TargetId) -> bool;

    /// The resources of a subscription, or of one of its resource groups. Those of other
    /// tools are among them.
    async fn list(
        &self,
        subscription: &str,
        resource_group: Option<&str>,
    ) -> Result<Vec<DeployedResource>, ArmError>;

    /// Reads a resource with the state of its containers; `None` where it does not exist.
    async fn find(&self, target: &TargetId) -> Result<Option<DeployedResource>, StepError>;

    /// Asks the cloud to delete a resource, and does not wait for it. `false` if it does
    /// not exist.
    async fn start_delete(&self, target: &TargetId) -> Result<bool, StepError>;

    /// Deletes a resource, and returns once it no longer exists. The caller sets the time
    /// limit.
    async fn delete(&self, target: &TargetId) -> Result<(), StepError>;

    /// A container's log with an RFC 3339 timestamp before each line, of the last `tail`
    /// lines or all; empty where there is no log yet.
    async fn log(
        &self,
        target: &TargetId,
        container: &str,
        tail: Option<u32>,
    ) -> Result<String, StepError>;

    /// Starts a program on a terminal.
    async fn start(
        &self,
        target: &TargetId,
        program: &ContainerProgram<'_>,
    ) -> Result<Terminal, StepError>;
}

/// The time and the text of a line of [`ResourceKind::log`]; `None` for one without a time.
pub fn split_time(line: &str) -> Option<(&str, &str)> {
    line.split_once(' ').filter(|(time, _)| time.parse::<Timestamp>().is_ok())
}

/// A program to start in a container, without arguments.
#[derive(Clone, Copy, Debug)]
pub struct ContainerProgram<'a> {
    pub container: &'a str,
    pub program: &'a str,
    pub size: TerminalSize,
}

/// The terminal of a program that runs in a container.
#[derive(Debug)]
pub struct Terminal {
    pub sender: WebSocketSender,
    pub receiver: WebSocketReceiver,
}
