//! Runs one group from start to end: starts and restarts its containers, and
//! updates the view.

use super::backend::Backend;
use super::backoff::Backoff;
use super::health;
use super::log::{self, log_path};
use super::sandbox::Sandbox;
use super::spec::{Container, Group, Restart};
use super::start_error::StartError;
use super::view::{ContainerView, GroupView};
use futures::future::join_all;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// How long a program has to end after SIGTERM, and after SIGKILL.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

pub struct GroupRun {
    pub backend: Arc<Backend>,
    pub group: Arc<Group>,
    pub folder: PathBuf,
    pub view: watch::Sender<GroupView>,
    /// Set once the sandbox exists, for connections.
    pub sandbox: watch::Sender<Option<Arc<Sandbox>>>,
    pub stop: CancellationToken,
    /// Ends the time that programs have after a stop.
    pub kill: CancellationToken,
}

impl GroupRun {
    pub async fn run(self) {
        for container in self.group.init.iter().chain(&self.group.containers) {
            log::remove(&log_path(&self.folder, &container.name));
        }
        let sandbox = match self.backend.sandbox(&self.group, &self.folder).await {
            Ok(sandbox) => Arc::new(sandbox),
            Err(error) => {
                self.view.send_modify(|view| view.refused = Some(error.with_causes()));
                self.stop.cancelled().await;
                return;
            }
        };
        self.sandbox.send_replace(Some(Arc::clone(&sandbox)));
        self.containers(&sandbox).await;
        self.stop.cancelled().await;
        self.sandbox.send_replace(None);
        sandbox.close().await;
    }

    async fn containers(&self, sandbox: &Sandbox) {
        for container in &self.group.init {
            // Init containers are retried until they succeed, unless the policy is `Never`.
            let policy = match self.group.restart {
                Restart::Never => Restart::Never,
                Restart::Always | Restart::OnFailure => Restart::OnFailure,
            };
            if self.container(sandbox, container, policy).await != Some(0) {
                return;
            }
        }
        let all = self.group.containers.iter();
        join_all(all.map(|container| self.container(sandbox, container, self.group.restart))).await;
    }

    /// Runs a container until it is not restarted any more. Returns its last exit
    /// code, `None` if the group was stopped.
    async fn container(
        &self,
        sandbox: &Sandbox,
        container: &Container,
        restart: Restart,
    ) -> Option<i32> {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            let code = self.once(sandbox, container).await?;
            if !restart.restarts(code) {
                return Some(code);
            }
            let wait = backoff.after(began.elapsed());
            self.note(container, |view| view.restarting(Timestamp::now(), wait));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    /// Starts a container once and returns its exit code, `None` if the group was
    /// stopped meanwhile.
    async fn once(&self, sandbox: &Sandbox, container: &Container) -> Option<i32> {
        let started = tokio::select! {
            started = self.start(sandbox, container) => started,
            () = self.stop.cancelled() => return None,
        };
        let mut exit = match started {
            Ok(exit) => exit,
            Err(error) => {
                self.note(container, |view| {
                    view.not_started(Timestamp::now(), &error.with_causes());
                });
                return Some(127);
            }
        };
        self.note(container, |view| view.started(Timestamp::now()));
        let is_unhealthy = tokio::select! {
            code = &mut exit => {
                let code = code.unwrap_or(137);
                self.ended(container, code);
                return Some(code);
            }
            () = self.stop.cancelled() => false,
            () = self.until_unhealthy(sandbox, container) => true,
        };
        let code = self.end(sandbox, container, exit).await;
        self.ended(container, code);
        is_unhealthy.then_some(code)
    }

    /// Tries the probes of a container. Returns when it does not live any more.
    async fn until_unhealthy(&self, sandbox: &Sandbox, container: &Container) {
        let liveness = async {
            let Some(probe) = &container.liveness else { return std::future::pending().await };
            health::watch(sandbox, container, probe, |passes, reason| {
                if !passes {
                    let now = Timestamp::now();
                    self.note(container, |view| view.unhealthy(now, "Liveness", reason));
                }
                passes
            })
            .await;
        };
        let readiness = async {
            let Some(probe) = &container.readiness else { return std::future::pending().await };
            health::watch(sandbox, container, probe, |passes, reason| {
                self.note(container, |view| {
                    view.ready = passes;
                    if !passes {
                        view.unhealthy(Timestamp::now(), "Readiness", reason);
                    }
                });
                true
            })
            .await;
        };
        tokio::select! {
            () = liveness => {}
            () = readiness => {}
        }
    }

    /// Ends the program of a container, and returns its exit code.
    async fn end(
        &self,
        sandbox: &Sandbox,
        container: &Container,
        mut exit: oneshot::Receiver<i32>,
    ) -> i32 {
        self.note(container, |view| view.killing(Timestamp::now()));
        sandbox.signal(&container.name, Signal::SIGTERM).await;
        let ended = tokio::select! {
            code = &mut exit => Some(code.unwrap_or(137)),
            () = tokio::time::sleep(STOP_TIMEOUT) => None,
            () = self.kill.cancelled() => None,
        };
        if let Some(code) = ended {
            return code;
        }
        sandbox.signal(&container.name, Signal::SIGKILL).await;
        tokio::time::timeout(STOP_TIMEOUT, exit).await.ok().and_then(Result::ok).unwrap_or(137)
    }

    fn ended(&self, container: &Container, code: i32) {
        self.note(container, |view| {
            view.ready = container.readiness.is_none();
            view.exited(Timestamp::now(), code);
        });
    }

    async fn start(
        &self,
        sandbox: &Sandbox,
        container: &Container,
    ) -> Result<oneshot::Receiver<i32>, StartError> {
        self.note(container, |view| view.pulling(Timestamp::now()));
        sandbox.prepare(&container.image).await?;
        self.note(container, |view| view.pulled(Timestamp::now()));
        sandbox.start(container).await
    }

    fn note(&self, container: &Container, change: impl FnOnce(&mut ContainerView)) {
        self.view.send_modify(|view| {
            if let Some(view) = view.container_mut(&container.name) {
                change(view);
            }
        });
    }
}
