//! The log of one container, read once or followed.

use super::cursor::{Cursor, LogLine, News, lines};
use super::printer::Printer;
use super::when::Tail;
use crate::azure::container_instances::{
    ContainerInstances, ContainerView, Group, GroupContainer, GroupId,
};
use crate::cli::targets::Target;
use crate::run::outcome::StepError;
use jiff::Timestamp;
use std::time::Duration;

/// Between two looks at a log that is followed: a line is shown at most this much, and a
/// request, after the service has it.
const POLL: Duration = Duration::from_secs(1);

/// How many last lines are asked for at each look.
const POLL_LINES: u32 = 200;

/// How many looks at the log there are to one at the state of the group.
const LOOKS_PER_STATE: u32 = 5;

/// Which lines are shown at first.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub tail: Tail,
    pub since: Option<Timestamp>,
}

/// The log of a container.
pub struct Stream<'a> {
    instances: &'a ContainerInstances,
    id: GroupId,
    pub service: String,
    pub container: String,
    /// The service, and the container where the group has several.
    pub label: String,
    /// The container when the stream was made.
    view: Option<ContainerView>,
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
    pub fn of(instances: &'a ContainerInstances, target: &Target, group: &Group) -> Vec<Self> {
        let containers = &group.properties.containers;
        let stream = |container: &GroupContainer| {
            let service = target.tags.service.clone();
            let label = if containers.len() > 1 && container.name != target.id.name {
                format!("{service}/{}", container.name)
            } else {
                service.clone()
            };
            Self {
                instances,
                id: target.id.clone(),
                service,
                container: container.name.clone(),
                label,
                view: container.properties.instance_view.clone(),
            }
        };
        containers.iter().map(stream).collect()
    }

    /// The lines of a window.
    pub async fn read(&self, window: Window) -> Result<Vec<LogLine>, StepError> {
        let Window { tail, since } = window;
        // With a time, the last lines are counted among those after it.
        let asked = if since.is_some() { None } else { tail.count() };
        let mut found = lines(&self.log(asked).await?);
        found.retain(|line| since.is_none_or(|since| line.is_since(since)));
        Ok(found.split_off(tail.start_of(found.len())))
    }

    /// Prints the lines of a window, and then new ones until nothing runs any more.
    pub async fn follow(&self, window: Window, printer: &Printer<'_>) -> Result<(), StepError> {
        let mut cursor = Cursor::default();
        // As many lines as every look asks for, though fewer are shown: in a smaller window
        // fewer lines may have the time of the last.
        let asked = window.tail.count().map(|count| count.max(POLL_LINES));
        if let News::Lines(mut first) = cursor.take(&self.log(asked).await?) {
            first.retain(|line| window.since.is_none_or(|since| line.is_since(since)));
            printer.print(&self.label, &first[window.tail.start_of(first.len())..]);
        }
        let mut instance = instance_of(self.view.as_ref());
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(POLL).await;
            looks += 1;
            let news = cursor.take(&self.log(Some(POLL_LINES)).await?);
            let is_gap = news == News::Gap;
            if let News::Lines(new) = news {
                printer.print(&self.label, &new);
            }
            if !is_gap && !looks.is_multiple_of(LOOKS_PER_STATE) {
                continue;
            }
            let Some(group) = self.instances.find(&self.id).await? else {
                printer.notice(&format!("`{}` was deleted", self.label));
                return Ok(());
            };
            let now = instance_of(view_of(&group, &self.container));
            if now.is_later_than(&instance) {
                printer.notice(&self.restarted(&group));
                cursor.reset();
            } else if is_gap {
                self.close_gap(&mut cursor, printer).await?;
            }
            instance = now;
            if has_ended(&group) {
                // What was written between the last look and the end.
                if let News::Lines(rest) = cursor.take(&self.log(Some(POLL_LINES)).await?) {
                    printer.print(&self.label, &rest);
                }
                printer.notice(&format!("`{}` {}", self.label, ending(&group, &self.container)));
                return Ok(());
            }
        }
    }

    /// Prints what is new of the whole log, and says where lines are missing.
    async fn close_gap(&self, cursor: &mut Cursor, printer: &Printer<'_>) -> Result<(), StepError> {
        let whole = self.log(None).await?;
        let news = match cursor.take(&whole) {
            News::Gap => {
                printer.notice(&format!("some lines of `{}` were lost", self.label));
                cursor.reset();
                cursor.take(&whole)
            }
            lines @ News::Lines(_) => lines,
        };
        if let News::Lines(new) = news {
            printer.print(&self.label, &new);
        }
        Ok(())
    }

    async fn log(&self, tail: Option<u32>) -> Result<String, StepError> {
        let log = self.instances.timed_log(&self.id, &self.container, tail).await?;
        Ok(log.unwrap_or_default())
    }

    fn restarted(&self, group: &Group) -> String {
        let view = view_of(group, &self.container);
        let code = view
            .and_then(|view| view.previous_state.as_ref())
            .and_then(|state| state.exit_code)
            .map(|code| format!("ended with exit code {code} and "))
            .unwrap_or_default();
        let times = match view.map_or(0, |view| view.restart_count) {
            0 => String::new(),
            1 => " once".to_owned(),
            many => format!(" {many} times"),
        };
        format!("`{}` {code}was started again{times}", self.label)
    }

    /// How the instance before the last restart ended: its log is gone.
    pub fn describe_previous(&self) -> String {
        let previous = self.view.as_ref().and_then(|view| view.previous_state.as_ref());
        let Some(state) = previous.filter(|state| !state.state.is_empty()) else {
            return format!("`{}` was not started again", self.label);
        };
        let code = state.exit_code.map(|code| format!(" with exit code {code}"));
        let detail = Some(&state.detail_status).filter(|detail| !detail.is_empty());
        format!(
            "the instance of `{}` before this one ended{}{}; Azure keeps no log of it",
            self.label,
            code.unwrap_or_default(),
            detail.map(|detail| format!(" ({detail})")).unwrap_or_default()
        )
    }
}

fn view_of<'g>(group: &'g Group, container: &str) -> Option<&'g ContainerView> {
    let found = group.properties.containers.iter().find(|one| one.name == container)?;
    found.properties.instance_view.as_ref()
}

fn instance_of(view: Option<&ContainerView>) -> Instance {
    let Some(view) = view else { return Instance::default() };
    Instance {
        restarts: view.restart_count,
        started: view.current_state.as_ref().and_then(|state| state.start_time.clone()),
    }
}

/// Whether no container of the group will run again.
fn has_ended(group: &Group) -> bool {
    let policy = group.properties.restart_policy.as_str();
    match group.state() {
        "Stopped" => true,
        "Succeeded" | "Failed" => policy != "Always",
        _ => false,
    }
}

fn ending(group: &Group, container: &str) -> String {
    let state = view_of(group, container).and_then(|view| view.current_state.as_ref());
    match state.and_then(|state| state.exit_code) {
        Some(code) => format!("ended with exit code {code}"),
        None => "was stopped".to_owned(),
    }
}
