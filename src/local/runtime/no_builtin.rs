//! In the place of `builtin` where the kernel is not Linux.

use super::connection::Connection;
use super::image::{Image, ImageError, ProgramConfig};
use super::spec::{Container, ExecCommand, Group};
use super::start_error::StartError;
use nix::sys::signal::Signal;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Whether this system has the built-in backend.
pub const IS_AVAILABLE: bool = false;

/// No process of this program becomes a stage.
pub fn reexec() -> Option<ExitCode> {
    None
}

/// A backend that there is not.
#[derive(Debug)]
pub enum BuiltIn {}

impl BuiltIn {
    #[expect(clippy::unused_async, reason = "that of Linux waits for a process")]
    pub async fn open(
        folder: &Path,
        _program: &Path,
        _plain: bool,
    ) -> Result<(Self, Option<String>), ImageError> {
        let source = io::ErrorKind::Unsupported.into();
        Err(ImageError::Io { verb: "create", path: folder.to_owned(), source })
    }

    pub async fn sandbox(
        self: &Arc<Self>,
        _group: &Group,
        _folder: &Path,
    ) -> Result<GroupSandbox, StartError> {
        match **self {}
    }
}

/// A sandbox that there is not.
#[derive(Debug)]
pub enum GroupSandbox {}

impl GroupSandbox {
    pub async fn prepare(&self, _image: &Image) -> Result<(), StartError> {
        match *self {}
    }

    pub async fn start(
        &self,
        _container: &Container,
        _config: &ProgramConfig,
    ) -> Result<oneshot::Receiver<i32>, StartError> {
        match *self {}
    }

    pub async fn exec(
        &self,
        _container: &Container,
        _command: &ExecCommand,
    ) -> Result<Connection, StartError> {
        match *self {}
    }

    pub async fn run(&self, _container: &Container, _argv: &[String]) -> Result<i32, StartError> {
        match *self {}
    }

    pub async fn signal(&self, _container: &str, _signal: Signal) {
        match *self {}
    }

    pub async fn connect(&self, _port: u16) -> io::Result<Connection> {
        match *self {}
    }

    pub async fn close(&self) {
        match *self {}
    }
}
