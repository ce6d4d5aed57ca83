//! Names of a group that Azure and a plan take, of those that a file has.

use super::GroupDraft;
use crate::import::plan::PlanBuilder;

/// The lengths of a DNS label.
const LABEL_LENGTHS: std::ops::RangeInclusive<usize> = 5..=63;

/// Changes names that a plan cannot have, and says so.
pub fn fit(group: &mut GroupDraft, plan: &mut PlanBuilder) {
    let line = group.line;
    let mut change = |name: &mut String, kind: &str, shortest: usize| {
        let fitting = fitting(name, shortest);
        if fitting != *name {
            let text = format!("`{name}` cannot be {kind}: `{fitting}` is in its place");
            plan.needs_you(line, text);
            *name = fitting;
        }
    };
    if let Some(label) = &mut group.dns_label {
        change(label, "a DNS label", *LABEL_LENGTHS.start());
    }
    if let Some(name) = &mut group.name {
        change(name, "the name of a group", 1);
    }
    // Without ports there is no address that could have a label.
    if group.ports.is_empty() {
        let label = group.dns_label.take();
        group.name = group.name.take().or(label);
        group.dns_label_scope = None;
    }
}

/// The name with what a name takes in place of anything else. One with an expression is
/// not looked into, and a run checks it.
fn fitting(name: &str, shortest: usize) -> String {
    if name.contains("${{") {
        return name.to_owned();
    }
    let mut fitting = String::new();
    for letter in name.chars().map(|letter| letter.to_ascii_lowercase()) {
        let kept = if letter.is_ascii_alphanumeric() { letter } else { '-' };
        if kept != '-' || !(fitting.is_empty() || fitting.ends_with('-')) {
            fitting.push(kept);
        }
    }
    fitting.truncate(*LABEL_LENGTHS.end());
    let mut fitting = fitting.trim_end_matches('-').to_owned();
    if fitting.is_empty() {
        fitting.push_str("app");
    }
    if shortest > 1 && !fitting.starts_with(|first: char| first.is_ascii_alphabetic()) {
        fitting.insert_str(0, "app-");
    }
    if fitting.len() < shortest {
        fitting.push_str("-app");
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn any_name_becomes_one_that_azure_takes() {
        let labels = [
            ("Api_Shop", "api-shop"),
            ("api-shop", "api-shop"),
            ("1shop", "app-1shop"),
            ("api", "api-app"),
            ("日本", "app-app"),
            ("${{ vars.LABEL }}", "${{ vars.LABEL }}"),
        ];
        for (name, expected) in labels {
            assert_eq!(fitting(name, 5), expected, "{name}");
        }
        assert_eq!(fitting("A.b", 1), "a-b");
        assert_eq!(fitting("_", 1), "app");
        assert_eq!(fitting("1-web", 1), "1-web");
    }
}
