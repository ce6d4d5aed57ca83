//! Follows a run until it has ended.
//!
//! A log that cannot be read fails no build: the run itself says how it ended.

use super::client::{RegistryTasks, Run, RunStatus};
use super::error::TasksError;
use super::log::{LogPart, RunLog, may_pass};
use crate::azure::registries::AzureRegistry;
use crate::http::{Retry, Retryable as _};
use std::time::Duration;
use tokio::time::Instant;

/// How many transient errors in a row are ignored.
const MAX_ERRORS: u32 = 5;

/// The log is read at least so often: it is what people watch.
const MAX_LOG_WAIT: Duration = Duration::from_secs(2);

/// How often the log is read after the run has ended, to see its end.
const LAST_READS: u32 = 5;

/// What following a run has seen.
#[derive(Debug)]
pub struct Followed {
    pub run: Run,
    /// Why the log, or the rest of it, was not read.
    pub without_log: Option<TasksError>,
}

impl RegistryTasks {
    /// Calls `line` with each line of the log as it comes, and returns the ended run.
    pub async fn follow(
        &self,
        registry: &AzureRegistry,
        run: &str,
        mut line: impl AsyncFnMut(String),
    ) -> Result<Followed, TasksError> {
        let mut log = ToleratedLog { log: RunLog::new(self, registry, run), errors: 0, gone: None };
        let began = Instant::now();
        let mut asked = began;
        loop {
            let part = log.read().await;
            let quiet = part.lines.is_empty();
            for text in part.lines {
                line(text).await;
            }
            // The log says first that the run has ended.
            let longest = self.arm.pacing().longest;
            if part.ended || (quiet && asked.elapsed() >= longest) || log.gone.is_some() {
                asked = Instant::now();
                let run = self.patient_run(registry, run).await?;
                if run.status != RunStatus::InProgress {
                    log.rest(&mut line, part.ended).await;
                    return Ok(Followed { run, without_log: log.gone });
                }
            }
            let wait = self.arm.pacing().wait(began.elapsed());
            let wait = if log.gone.is_some() { wait } else { wait.min(MAX_LOG_WAIT) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads a run in spite of an interrupted network: the build goes on meanwhile.
    async fn patient_run(&self, registry: &AzureRegistry, run: &str) -> Result<Run, TasksError> {
        let mut errors = 0;
        loop {
            let error = match self.run(registry, run).await {
                Ok(run) => return Ok(run),
                Err(error) => error,
            };
            let wait = match error.retry() {
                Retry::After(wait) if errors < MAX_ERRORS => wait,
                Retry::Backoff if errors < MAX_ERRORS => self.arm.pacing().after_error(errors),
                Retry::After(_) | Retry::Backoff | Retry::Never => {
                    let doing = format!("read the run `{run}` of `{}`", registry.login_server);
                    return Err(TasksError::Arm { doing, source: Box::new(error) });
                }
            };
            errors += 1;
            tokio::time::sleep(wait).await;
        }
    }
}

/// A log that may stay unreadable.
struct ToleratedLog<'a> {
    log: RunLog<'a>,
    errors: u32,
    gone: Option<TasksError>,
}

impl ToleratedLog<'_> {
    async fn read(&mut self) -> LogPart {
        if self.gone.is_some() {
            return LogPart::default();
        }
        match self.log.read().await {
            Ok(part) => {
                self.errors = 0;
                part
            }
            Err(error) => {
                self.errors += 1;
                if self.errors > MAX_ERRORS || !may_pass(&error) {
                    self.gone = Some(error);
                }
                LogPart::default()
            }
        }
    }

    /// The rest of the log of a run that has ended.
    async fn rest(&mut self, line: &mut impl AsyncFnMut(String), mut ended: bool) {
        for _ in 0..LAST_READS {
            if ended || self.gone.is_some() {
                return;
            }
            let part = self.read().await;
            ended = part.ended;
            for text in part.lines {
                line(text).await;
            }
            if !ended {
                tokio::time::sleep(self.log.pause()).await;
            }
        }
    }
}
