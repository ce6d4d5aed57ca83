//! Shows what is to be removed and what became of it, as text and as JSON.

use super::delete::Deletion;
use super::group::{DeployedGroup, ListedGroup};
use crate::cli::columns::{age, columns};
use crate::report::clean;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The groups as a table.
pub fn table(listed: &[ListedGroup], now: Timestamp) -> String {
    let row = |one: &ListedGroup| {
        vec![
            one.group.id.name.clone(),
            one.group.tags.service.clone(),
            age(one.group.tags.deployed_at(), now),
            action(one.goes).to_owned(),
            one.why.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = listed.iter().map(row).collect();
    columns(&["CONTAINER GROUP", "SERVICE", "AGE", "ACTION", "WHY"], &rows)
}

fn action(goes: bool) -> &'static str {
    if goes { "remove" } else { "keep" }
}

/// A line for each group that was to be removed.
pub fn lines(ended: &[(ListedGroup, Deletion)]) -> String {
    let line = |(listed, deletion): &(ListedGroup, Deletion)| {
        let name = &listed.group.id.name;
        let line = match deletion {
            Deletion::Removed => format!("removed {name}"),
            Deletion::Started => format!("removing {name}"),
            Deletion::Gone => format!("removed {name} (it was gone already)"),
            Deletion::Kept(why) => format!("kept {name}: {why}"),
            Deletion::Failed(_) => format!("not removed {name}"),
        };
        clean(&line, false)
    };
    ended.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The listed groups and what became of them. Their keys are documented and do not
/// change.
pub fn groups(listed: &[ListedGroup], ended: &[(ListedGroup, Deletion)]) -> Value {
    let deletion = |group: &DeployedGroup| {
        let found = ended.iter().find(|(other, _)| other.group.id == group.id);
        found.map(|(_, deletion)| deletion)
    };
    let all = listed.iter().map(|one| object(one, deletion(&one.group)));
    Value::Array(all.collect())
}

fn object(listed: &ListedGroup, deletion: Option<&Deletion>) -> Value {
    let DeployedGroup { id, tags, .. } = &listed.group;
    let result = deletion.map(|deletion| match deletion {
        Deletion::Removed => "removed",
        Deletion::Started => "removing",
        Deletion::Gone => "gone",
        Deletion::Kept(_) => "kept",
        Deletion::Failed(_) => "failed",
    });
    let error = deletion.and_then(|deletion| match deletion {
        Deletion::Kept(why) => Some(vec![why.clone()]),
        Deletion::Failed(failure) => Some(failure.chain.clone()),
        Deletion::Removed | Deletion::Started | Deletion::Gone => None,
    });
    json!({
        "name": id.name,
        "id": id.to_string(),
        "resource-group": id.resource_group,
        "plan": tags.plan,
        "repository": tags.repository,
        "service": tags.service,
        "environment": tags.environment,
        "pull-request": listed.group.pull_request(),
        "branch": tags.branch,
        "run": tags.run,
        "deployed": tags.deployed_at().map(|time| time.to_string()),
        "expires": tags.expires,
        "action": action(listed.goes),
        "reason": listed.why,
        "result": result,
        "error": error,
    })
}

/// Such as `1 container group`.
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::{Deletion, groups, lines, table};
    use crate::cli::removal::group::ListedGroup;
    use crate::cli::removal::group::testing::group;
    use crate::event::Failure;

    fn listed(name: &str, goes: bool, why: &str) -> ListedGroup {
        ListedGroup { group: group(name), goes, why: why.into() }
    }

    #[test]
    fn the_table_says_what_goes_and_why() {
        let now = "2026-01-03T12:00:00Z".parse().expect("a time");
        let all = [
            listed("shop-pr-7-web", true, "pull request 7 was closed 2d ago"),
            listed("shop-pr-9", false, "pull request 9 is open"),
        ];
        assert_eq!(
            table(&all, now),
            "CONTAINER GROUP  SERVICE  AGE  ACTION  WHY
shop-pr-7-web    web      3d   remove  pull request 7 was closed 2d ago
shop-pr-9        web      3d   keep    pull request 9 is open"
        );
    }

    #[test]
    fn each_end_has_its_line_and_its_word() {
        let failure = Failure { chain: vec!["cannot delete it".into()], ..Failure::default() };
        let ended: Vec<(ListedGroup, Deletion)> = [
            Deletion::Removed,
            Deletion::Gone,
            Deletion::Kept("it was deployed again after it was listed".into()),
            Deletion::Failed(failure),
            Deletion::Started,
        ]
        .into_iter()
        .enumerate()
        .map(|(at, deletion)| (listed(&format!("g{at}"), true, ""), deletion))
        .collect();

        assert_eq!(
            lines(&ended),
            "removed g0
removed g1 (it was gone already)
kept g2: it was deployed again after it was listed
not removed g3
removing g4"
        );
        let all: Vec<ListedGroup> = ended.iter().map(|(listed, _)| listed.clone()).collect();
        let shown = groups(&all, &ended);
        let words: Vec<_> =
            (0..5).map(|at| shown[at]["result"].as_str().unwrap_or_default()).collect();
        assert_eq!(words, ["removed", "gone", "kept", "failed", "removing"]);
        assert_eq!(shown[3]["error"][0], "cannot delete it");
        assert_eq!(groups(&all, &[])[0]["result"], serde_json::Value::Null);
    }
}
