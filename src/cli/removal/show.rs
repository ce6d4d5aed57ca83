//! Shows what is to be removed and what became of it, as text and as JSON.

use super::delete::Deletion;
use super::resource::{ListedResource, TaggedResource};
use crate::cli::columns::{age, columns};
use crate::report::clean;
use crate::run::perform::KindWords;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Stands for resources of several kinds.
const MIXED_KINDS: &str = "resource";

/// The resources as a table.
pub fn table(listed: &[ListedResource], now: Timestamp) -> String {
    let row = |one: &ListedResource| {
        vec![
            one.resource.id.name.clone(),
            one.resource.tags.service.clone(),
            age(one.resource.tags.deployed_at(), now),
            action(one.goes).to_owned(),
            one.why.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = listed.iter().map(row).collect();
    let heading = heading(listed.iter().map(|one| one.resource.kind));
    columns(&[&heading.to_uppercase(), "SERVICE", "AGE", "ACTION", "WHY"], &rows)
}

/// The name of the kind where all are of one.
pub fn heading(mut kinds: impl Iterator<Item = &'static KindWords>) -> &'static str {
    let Some(first) = kinds.next() else { return MIXED_KINDS };
    if kinds.all(|kind| kind == first) { first.name } else { MIXED_KINDS }
}

fn action(goes: bool) -> &'static str {
    if goes { "remove" } else { "keep" }
}

/// A line for each resource that was to be removed.
pub fn lines(ended: &[(ListedResource, Deletion)]) -> String {
    let line = |(listed, deletion): &(ListedResource, Deletion)| {
        let name = &listed.resource.id.name;
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

/// The listed resources and what became of them. Their keys are documented and do not
/// change.
pub fn groups(listed: &[ListedResource], ended: &[(ListedResource, Deletion)]) -> Value {
    let deletion = |resource: &TaggedResource| {
        let found = ended.iter().find(|(other, _)| other.resource.id == resource.id);
        found.map(|(_, deletion)| deletion)
    };
    let all = listed.iter().map(|one| object(one, deletion(&one.resource)));
    Value::Array(all.collect())
}

fn object(listed: &ListedResource, deletion: Option<&Deletion>) -> Value {
    let TaggedResource { id, tags, .. } = &listed.resource;
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
        "pull-request": listed.resource.pull_request(),
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

/// Such as `1 preview`.
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// How many resources of each kind there are, such as `2 container groups`. A kind of which
/// none is counted is left out, unless there is no other.
pub fn count_by_kind(kinds: &[(&'static KindWords, bool)]) -> String {
    let mut counts: Vec<(&KindWords, usize)> = Vec::new();
    for (kind, is_counted) in kinds {
        match counts.iter_mut().find(|(known, _)| known == kind) {
            Some((_, number)) => *number += usize::from(*is_counted),
            None => counts.push((kind, usize::from(*is_counted))),
        }
    }
    let first = counts.first().copied();
    counts.retain(|(_, number)| *number > 0);
    if counts.is_empty() {
        counts.extend(first);
    }
    let counts = counts.iter().map(|(kind, number)| count(*number, kind.name));
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Deletion, count_by_kind, groups, lines, table};
    use crate::cli::removal::resource::ListedResource;
    use crate::cli::removal::resource::testing::resource;
    use crate::event::Failure;
    use crate::run::perform::KindWords;
    use crate::run::perform::deployed_testing::JOB_FILE;

    fn listed(name: &str, goes: bool, why: &str) -> ListedResource {
        ListedResource { resource: resource(name), goes, why: why.into() }
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
            "JOB FILE       SERVICE  AGE  ACTION  WHY
shop-pr-7-web  web      3d   remove  pull request 7 was closed 2d ago
shop-pr-9      web      3d   keep    pull request 9 is open"
        );
    }

    #[test]
    fn resources_are_counted_by_kind() {
        const CRON_ENTRY: KindWords =
            KindWords { key: "cron", name: "cron entry", short: "entry", no_url: "", url_help: "" };
        let counted = |kinds: &[(&'static KindWords, bool)]| count_by_kind(kinds);
        assert_eq!(counted(&[(&JOB_FILE, true), (&JOB_FILE, true)]), "2 job files");
        assert_eq!(counted(&[(&JOB_FILE, true), (&CRON_ENTRY, true)]), "1 job file, 1 cron entry");
        assert_eq!(counted(&[(&JOB_FILE, false), (&CRON_ENTRY, true)]), "1 cron entry");
        assert_eq!(counted(&[(&JOB_FILE, false)]), "0 job files");
    }

    #[test]
    fn each_end_has_its_line_and_its_word() {
        let failure = Failure { chain: vec!["cannot delete it".into()], ..Failure::default() };
        let ended: Vec<(ListedResource, Deletion)> = [
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
        let all: Vec<ListedResource> = ended.iter().map(|(listed, _)| listed.clone()).collect();
        let shown = groups(&all, &ended);
        let words: Vec<_> =
            (0..5).map(|at| shown[at]["result"].as_str().unwrap_or_default()).collect();
        assert_eq!(words, ["removed", "gone", "kept", "failed", "removing"]);
        assert_eq!(shown[3]["error"][0], "cannot delete it");
        assert_eq!(groups(&all, &[])[0]["result"], serde_json::Value::Null);
    }
}
