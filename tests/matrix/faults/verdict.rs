//! Whether a run that met faults told the truth about them.

use super::kind::{Fault, host_of};
use crate::scene::Scene;
use crate::support::Finished;

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// As if nothing had happened.
    Survived,
    /// The service was deployed, and a report or a mark that could not be made was named.
    Warned,
    /// It failed, and said at which host, at what, and why.
    Failed,
    /// No request met a fault.
    NotMet,
}

/// Runs the pipeline once; how it ended, and what is wrong with that.
pub fn meet(faults: &[Fault]) -> (Ending, Vec<String>) {
    let scene = Scene::new(faults.iter().map(Fault::rule).collect());
    let finished = scene.program.run(&scene.arguments(&["run"]));
    let (ending, mut problems) = judge(&scene, &finished, faults);
    if scene.proxy.met() == 0 && problems.is_empty() {
        return (Ending::NotMet, problems);
    }
    if ending == Ending::Failed && faults.iter().all(Fault::is_transient) {
        problems.push("it did not survive what passes by itself".to_owned());
    }
    if !problems.is_empty() {
        problems.push(scene.end(&finished).said());
    }
    (ending, problems)
}

fn judge(scene: &Scene, finished: &Finished, faults: &[Fault]) -> (Ending, Vec<String>) {
    let end = scene.end(finished);
    if finished.code == 0 {
        let mut problems = end.told();
        problems.extend(end.differences());
        let mut unreported = end.github_differences();
        unreported.extend(end.unmarked());
        if unreported.is_empty() {
            return (Ending::Survived, problems);
        }
        let is_warned = faults.iter().any(|fault| names(finished, host_of(&fault.place.key)));
        if faults.iter().all(Fault::is_transient) || !is_warned {
            problems.extend(unreported);
        }
        return (Ending::Warned, problems);
    }
    let mut problems = Vec::new();
    if !matches!(finished.code, 3 | 4) {
        problems.push(format!("it ended with exit code {}", finished.code));
    }
    if !finished.stdout.is_empty() {
        problems.push(format!("it failed and printed {:?}", finished.stdout));
    }
    if end.result()["status"] == "succeeded" {
        problems.push("its result is a success".to_owned());
    }
    if end.comment().contains('✅') {
        problems.push("the comment shows a success".to_owned());
    }
    // What a server does not have is named without it.
    let is_absent = faults.iter().any(Fault::is_not_found)
        && messages(&finished.stderr).iter().any(|message| {
            message.contains("there is no `") || message.contains("there is no resource group `")
        });
    let is_named = faults.iter().any(|fault| names(finished, host_of(&fault.place.key)));
    if !is_absent && !is_named {
        problems
            .push("no message names the host, what was done there, and why it failed".to_owned());
    }
    (Ending::Failed, problems)
}

/// Whether an error or a warning names this host, what could not be done, and the cause.
fn names(finished: &Finished, host: &str) -> bool {
    messages(&finished.stderr).iter().any(|message| {
        let words = [
            "cannot ",
            "could not ",
            "waited for ",
            "not made: ",
            "GET ",
            "PUT ",
            "POST ",
            "PATCH ",
            "HEAD ",
        ];
        let has_operation = words.iter().any(|word| message.contains(word));
        let host = host.split(':').next().unwrap_or(host);
        let after = message.rsplit_once(host).map_or("", |(_, after)| after);
        let has_cause = after.chars().filter(|letter| letter.is_alphanumeric()).count() > 3
            || message.contains("because: ");
        message.contains(host) && has_operation && has_cause
    })
}

/// The errors and warnings, each with the lines that belong to it.
fn messages(stderr: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut is_inside = false;
    let shown = stderr.lines().filter(|line| !line.starts_with("::add-mask"));
    for line in shown {
        let begins =
            ["error: ", "warning: ", "::error", "::warning"].iter().any(|word| line.contains(word))
                || line.contains("  failed  (")
                || line.contains("  warning  ");
        if begins {
            messages.push(line.to_owned());
            is_inside = true;
        } else if is_inside && line.starts_with("  ") {
            let last = messages.last_mut().expect("one that began");
            last.extend(["\n", line]);
        } else {
            is_inside = false;
        }
    }
    messages
}
