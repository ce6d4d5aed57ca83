//! What must be true of a run that was asked to end.

use super::subject::{Ended, Subject};
use crate::end::End;
use crate::support::Finished;
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

/// How long a run may take to end on a machine that is busy with many of them. How long the
/// slowest took is printed.
const MAX_END_TIME: Duration = Duration::from_secs(30);

/// States of GitHub's that no run must leave behind.
const UNFINISHED: [&str; 4] = ["in_progress", "queued", "pending", "success"];

/// What is wrong with how it ended.
pub fn stopped(subject: &Subject, signal: Signal, ended: &Ended) -> Vec<String> {
    let mut problems = Vec::new();
    let number = signal as i32;
    let after = ended.after.unwrap_or_default();
    if after > MAX_END_TIME {
        problems.push(format!("it ended {after:?} after {signal}"));
    }
    let finished = Finished {
        code: ended.status.code().unwrap_or(128 + number),
        stdout: subject.printed(),
        stderr: subject.said(),
    };
    let end = subject.end(&finished);
    match ended.status.code() {
        // It had done everything.
        Some(0) => problems.extend(end.differences()),
        Some(code) if code == 128 + number => problems.extend(untruthful(subject, &end)),
        // Before it listened to signals.
        None if ended.status.signal() == Some(number) && !subject.has_begun() => {}
        code => problems.push(format!("it ended with {code:?}, {}", ended.status)),
    }
    if !problems.is_empty() {
        problems.push(subject.said());
    }
    problems
}

/// What a run that was stopped says and is not true.
fn untruthful(subject: &Subject, end: &End<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if !subject.printed().is_empty() {
        found.push(format!("it was stopped and printed {:?}", subject.printed()));
    }
    let result = end.result();
    if subject.has_begun() && result["status"] != "cancelled" {
        found.push(format!("its result is {}", result["status"]));
    }
    if end.comment().contains('✅') {
        found.push("the comment shows a success".to_owned());
    }
    let states = end.deployment_states().into_iter().chain(end.last_commit_state());
    let left = states.filter(|state| UNFINISHED.contains(&state.as_str()));
    found.extend(left.map(|state| format!("GitHub shows it as `{state}`")));
    found
}
