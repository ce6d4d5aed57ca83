//! The log of one container, read once or followed.

use super::cursor::{Cursor, LogLine, News, lines};
use super::printer::{Printer, Source};
use super::when::Tail;
use crate::cli::targets::Target;
use crate::http::Retry;
use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::{DeployedContainer, DeployedResource, DeployedResources, retry_step};
use jiff::Timestamp;
use std::time::Duration;

/// Between two looks at a log that is followed: a line is shown at most this much, and a
/// request, after the service has it.
const POLL: Duration = Duration::from_secs(1);

/// The longest wait after a look that failed.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How many last lines are asked for at each look.
const POLL_LINES: u32 = 200;

/// How many looks at the log there are to one at the state of the container.
const LOOKS_PER_STATE: u32 = 5;

/// Which lines are shown at first.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub tail: Tail,
    pub since: Option<Timestamp>,
}

/// The log of a container.
pub struct Stream<'a> {
    resources: &'a DeployedResources,
    target: TargetId,
    pub source: Source,
    /// The container when the stream was made.
    first: DeployedContainer,
}

/// What tells one start of a container from another.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Instance {
    restarts: u32,
    started: Option<String>,
}

impl Instance {
    /// Whether the container was started again between `before` and this. A container
    /// that was not started before was not started again.
    fn is_later_than(&self, before: &Self) -> bool {
        let is_other = before.started.is_some() && self.started.is_some();
        self.restarts > before.restarts || is_other && self.started != before.started
    }
}

impl<'a> Stream<'a> {
    /// The logs of a target's containers.
    pub fn of(
        resources: &'a DeployedResources,
        target: &Target,
        resource: &DeployedResource,
    ) -> Vec<Self> {
        let containers = &resource.containers;
        let stream = |container: &DeployedContainer| {
            let service = target.tags.service.clone();
            let label = if containers.len() > 1 && container.name != target.id.name {
                format!("{service}/{}", container.name)
            } else {
                service.clone()
            };
            Self {
                resources,
                target: target.id.target.clone(),
                source: Source { service, container: container.name.clone(), label },
                first: container.clone(),
            }
        };
        containers.iter().map(stream).collect()
    }

    /// The lines of a window.
    pub async fn read(&self, window: Window) -> Result<Vec<LogLine>, StepError> {
        let Window { tail, since } = window;
        // With a time, the last lines are counted among those after it.
        let asked = if since.is_some() { None } else { tail.count() };
        let mut found = lines(&retry_step(|| self.log(asked)).await?);
        found.retain(|line| since.is_none_or(|since| line.is_since(since)));
        Ok(found.split_off(tail.start_of(found.len())))
    }

    /// Prints the lines of a window, and then new ones until nothing runs any more.
    pub async fn follow(&self, window: Window, printer: &Printer<'_>) -> Result<(), StepError> {
        let mut cursor = Cursor::default();
        // As many lines as every look asks for, though fewer are shown: in a smaller window
        // fewer lines may have the time of the last.
        let asked = window.tail.count().map(|count| count.max(POLL_LINES));
        let Some(log) = self.log_again(asked, printer).await? else { return Ok(()) };
        if let News::Lines(mut first) = cursor.take(&log) {
            first.retain(|line| window.since.is_none_or(|since| line.is_since(since)));
            printer.print(&self.source, &first[window.tail.start_of(first.len())..]);
        }
        let mut instance = instance_of(Some(&self.first));
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(POLL).await;
            looks += 1;
            let log = self.log_again(Some(POLL_LINES), printer).await?;
            let Some(log) = log else { return Ok(()) };
            let news = cursor.take(&log);
            let is_gap = news == News::Gap;
            if let News::Lines(new) = news {
                printer.print(&self.source, &new);
            }
            if !is_gap && !looks.is_multiple_of(LOOKS_PER_STATE) {
                continue;
            }
            let find = || self.resources.find(&self.target);
            let Some(resource) = patiently(&self.source.label, printer, find).await? else {
                printer.notice(&self.deleted());
                return Ok(());
            };
            let container = resource.container(&self.source.container);
            let now = instance_of(container);
            if now.is_later_than(&instance) {
                printer.notice(&self.restarted(container));
                cursor.reset();
            } else if is_gap {
                self.close_gap(&mut cursor, printer).await?;
            }
            instance = now;
            if resource.has_ended {
                // What was written between the last look and the end.
                let last = self.log_again(Some(POLL_LINES), printer).await?;
                let Some(last) = last else { return Ok(()) };
                if let News::Lines(rest) = cursor.take(&last) {
                    printer.print(&self.source, &rest);
                }
                printer.notice(&format!("`{}` {}", self.source.label, ending(container)));
                return Ok(());
            }
        }
    }

    /// Prints what is new of the whole log, and says where lines are missing.
    async fn close_gap(&self, cursor: &mut Cursor, printer: &Printer<'_>) -> Result<(), StepError> {
        let Some(whole) = self.log_again(None, printer).await? else { return Ok(()) };
        let news = match cursor.take(&whole) {
            News::Gap => {
                printer.notice(&format!("some lines of `{}` were lost", self.source.label));
                cursor.reset();
                cursor.take(&whole)
            }
            lines @ News::Lines(_) => lines,
        };
        if let News::Lines(new) = news {
            printer.print(&self.source, &new);
        }
        Ok(())
    }

    /// The log, as soon as it can be read. `None`, which is said, if what wrote it was
    /// deleted.
    async fn log_again(
        &self,
        tail: Option<u32>,
        printer: &Printer<'_>,
    ) -> Result<Option<String>, StepError> {
        let read = patiently(&self.source.label, printer, || self.log(tail)).await;
        let Err(error) = read else { return read.map(Some) };
        match self.resources.find(&self.target).await {
            Ok(None) => {
                printer.notice(&self.deleted());
                Ok(None)
            }
            Ok(Some(_)) | Err(_) => Err(error),
        }
    }

    fn deleted(&self) -> String {
        format!("`{}` was deleted", self.source.label)
    }

    async fn log(&self, tail: Option<u32>) -> Result<String, StepError> {
        self.resources.log(&self.target, &self.source.container, tail).await
    }

    fn restarted(&self, container: Option<&DeployedContainer>) -> String {
        let previous = container.and_then(|container| container.previous.as_ref());
        let code = previous
            .and_then(|instance| instance.exit_code)
            .map(|code| format!("ended with exit code {code} and "))
            .unwrap_or_default();
        let times = match container.map_or(0, |container| container.health.restarts) {
            0 => String::new(),
            1 => " once".to_owned(),
            many => format!(" {many} times"),
        };
        format!("`{}` {code}was started again{times}", self.source.label)
    }

    /// How the instance before the last restart ended: its log is gone.
    pub fn describe_previous(&self) -> String {
        let Some(previous) = &self.first.previous else {
            return format!("`{}` was not started again", self.source.label);
        };
        let code = previous.exit_code.map(|code| format!(" with exit code {code}"));
        let detail = Some(&previous.detail).filter(|detail| !detail.is_empty());
        format!(
            "the instance of `{}` before this one ended{}{}; Azure keeps no log of it",
            self.source.label,
            code.unwrap_or_default(),
            detail.map(|detail| format!(" ({detail})")).unwrap_or_default()
        )
    }
}

/// Asks until there is an answer, or an error that does not pass: a log is followed for
/// hours, and a network that is gone for a minute must not end that.
async fn patiently<T, F>(
    label: &str,
    printer: &Printer<'_>,
    ask: impl Fn() -> F,
) -> Result<T, StepError>
where
    F: Future<Output = Result<T, StepError>>,
{
    let mut failures = 0_u32;
    loop {
        let error = match ask().await {
            Err(error) if error.retry != Retry::Never => error,
            answer => {
                if failures > 0 && answer.is_ok() {
                    printer.notice(&format!("the log of `{label}` goes on"));
                }
                return answer;
            }
        };
        if failures == 0 {
            let why = error.failure.chain.join(": ");
            printer.notice(&format!("waiting for the log of `{label}`: {why}"));
        }
        let wait = match error.retry {
            Retry::After(wait) => wait,
            Retry::Backoff | Retry::Never => POLL * 2_u32.pow(failures.min(5)),
        };
        tokio::time::sleep(wait.clamp(POLL, MAX_WAIT)).await;
        failures += 1;
    }
}

fn instance_of(container: Option<&DeployedContainer>) -> Instance {
    let Some(container) = container else { return Instance::default() };
    Instance { restarts: container.health.restarts, started: container.started.clone() }
}

fn ending(container: Option<&DeployedContainer>) -> String {
    match container.and_then(|container| container.exit_code) {
        Some(code) => format!("ended with exit code {code}"),
        None => "was stopped".to_owned(),
    }
}
