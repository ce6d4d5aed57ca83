//! The table and the JSON of the checks.

use super::check::{Check, State};
use crate::report::clean;
use serde_json::json;

/// A line for each check, with what mends it below.
pub fn table(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.id.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for check in checks {
        let Check { id, state, detail, fix, help } = check;
        // Texts of servers hold what they like.
        lines.push(format!("{} {id:width$}  {}", state.mark(), clean(detail, false)));
        if *state != State::Ok {
            lines.extend(fix.as_ref().map(|fix| format!("    fix: {fix}")));
            lines.extend(help.as_ref().map(|help| format!("    help: {}", clean(help, false))));
        }
    }
    lines.push(String::new());
    lines.push(ending(checks));
    lines.join("\n")
}

fn ending(checks: &[Check]) -> String {
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    match (count(State::Failed), count(State::Warning)) {
        (0, 0) => "all is well".to_owned(),
        (0, warnings) => format!("nothing is missing, {warnings} to look at"),
        (failed, _) => format!("{failed} to mend"),
    }
}

pub fn document(checks: &[Check]) -> String {
    let shown = checks.iter().map(|check| {
        json!({
            "id": check.id, "state": check.state.word(), "detail": check.detail,
            "fix": check.fix, "help": check.help,
        })
    });
    let is_well = !checks.iter().any(|check| check.state == State::Failed);
    let document = json!({ "ok": is_well, "checks": shown.collect::<Vec<_>>() });
    format!("{document:#}")
}
