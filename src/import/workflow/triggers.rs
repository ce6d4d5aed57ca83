//! When a workflow runs, which stays in it, and which event a dry run has to simulate for
//! the plan to do the same.

use crate::import::plan::PlanBuilder;
use crate::import::yaml::Yaml;

const STAYS: &str = "when it runs stays in the workflow, whose job becomes a checkout and Shipway's \
                     action";

pub fn import(triggers: &Yaml, plan: &mut PlanBuilder) {
    for event in ["workflow_dispatch", "workflow_call"] {
        for (name, input) in triggers.get(event).get("inputs").entries() {
            let default = input.get("default").text().unwrap_or_default();
            plan.needed.declare_input(name, default);
        }
    }
    let note = match rehearsal(triggers) {
        None => STAYS.to_owned(),
        Some(command) => format!("{STAYS}; {command} simulates its event"),
    };
    plan.is_of_push = has(triggers, "push") && !has(triggers, "pull_request");
    plan.changed(triggers.line, note);
}

/// The dry run of a workflow that no pull request starts, which is what a dry run simulates
/// by itself.
fn rehearsal(triggers: &Yaml) -> Option<String> {
    if ["pull_request", "pull_request_target"].iter().any(|event| has(triggers, event)) {
        return None;
    }
    let push = triggers.get("push");
    if has(triggers, "push") {
        let is_of_tags = push.has("tags") && !push.has("branches") && !push.has("branches-ignore");
        let command = "`shipway dry-run --event push`";
        let checked_out = if is_of_tags { " of a tag that is checked out" } else { "" };
        return Some(format!("{command}{checked_out}"));
    }
    let event = ["release", "workflow_dispatch"].into_iter().find(|event| has(triggers, event))?;
    let payload = match event {
        "release" => r#"{"release": {"tag_name": "v1"}}"#,
        _ => r#"{"inputs": {}}"#,
    };
    Some(format!("`shipway dry-run --event FILE`, where the file has `{payload}`,"))
}

/// Triggers are one name, a list of names, or a mapping by names.
fn has(triggers: &Yaml, event: &str) -> bool {
    triggers.text() == Some(event)
        || triggers.texts().contains(&event)
        || triggers.entries().iter().any(|(name, _)| name == event)
}
