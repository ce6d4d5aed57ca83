//! Which tags and manifests go, and why others stay though they were meant.
//! Pure.

use crate::cli::images::survey::{Row, Shelf};
use crate::oci::Digest;
use crate::registry::{ListedKind, is_azure_registry};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is to go: tags that fulfil all that is given.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// Made or moved longer ago than this.
    pub(super) older_than: Option<Duration>,
    /// Not among the newest so many of their repository.
    pub(super) keep: Option<usize>,
    /// Of one of these pull requests.
    pub(super) pull_requests: Option<BTreeSet<u64>>,
    pub(super) now: Timestamp,
}

/// What goes of one repository.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Manifests, with all their tags.
    pub(super) delete: Vec<Deletion>,
    /// Tags that go from a manifest that stays.
    pub(super) untag: Vec<(String, Digest)>,
    /// What was meant, and stays.
    pub(super) kept: Vec<(String, Reason)>,
    /// Every digest that stays, and so does not go with what it is attached to.
    pub(super) stays: BTreeSet<Digest>,
}

impl Choice {
    /// Whether nothing goes.
    pub(super) fn is_empty(&self) -> bool {
        self.delete.is_empty() && self.untag.is_empty()
    }
}

/// A manifest that goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Deletion {
    pub(super) digest: Digest,
    pub(super) tags: Vec<String>,
    pub(super) size: Option<u64>,
    pub(super) newest: Option<Timestamp>,
    /// Manifests that it lists, such as its platforms, and nothing else refers to.
    pub(super) platforms: Vec<Digest>,
}

/// Why something stays.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// These groups run it.
    Deployed(Vec<String>),
    /// It is the same manifest as what this stands for, or a platform of it.
    Shared(String),
    /// How old it is cannot be found out.
    NoAge,
    /// This stays and cannot be read, so it may list it.
    Unreadable(String),
}

/// Chooses.
pub(super) fn choose(shelf: &Shelf, wish: &Wish) -> Choice {
    let mut choice = Choice::default();
    let newest = newest_tags(shelf, wish.keep.unwrap_or(0));
    let mut meant: Vec<&Row> = Vec::new();
    for row in &shelf.rows {
        let Some(tag) = &row.held.tag else { continue };
        if !wish.pull_requests.as_ref().is_none_or(|all| is_of(tag, all)) || newest.contains(tag) {
            continue;
        }
        let by_age = wish.older_than.is_some() || wish.keep.is_some();
        match row.held.newest() {
            None if by_age => choice.kept.push((tag.clone(), Reason::NoAge)),
            Some(time) if wish.older_than.is_some_and(|most| !is_older(time, most, wish.now)) => {}
            _ if !row.groups.is_empty() => {
                choice.kept.push((tag.clone(), Reason::Deployed(row.groups.clone())));
            }
            _ => meant.push(row),
        }
    }
    if let Some(name) = unreadable(shelf, &meant) {
        for row in meant.drain(..) {
            let tag = row.held.tag.clone().unwrap_or_default();
            choice.kept.push((tag, Reason::Unreadable(name.clone())));
        }
    }
    let untags = is_azure_registry(&shelf.host);
    let mut held_by = stays(shelf, &meant);
    // What stays keeps its own platforms, which may be meant too.
    while let Some(at) = meant.iter().position(|row| held_by.contains_key(&row.held.digest)) {
        let row = meant.swap_remove(at);
        let tag = row.held.tag.clone().unwrap_or_default();
        for digest in row.held.digests() {
            held_by.entry(digest.clone()).or_insert_with(|| tag.clone());
        }
        if untags {
            choice.untag.push((tag, row.held.digest.clone()));
            continue;
        }
        let reason = Reason::Shared(held_by[&row.held.digest].clone());
        choice.kept.push((tag, reason));
    }
    choice.delete = deletions(&meant, &held_by);
    choice.stays = held_by.into_keys().collect();
    choice.untag.sort();
    choice.kept.sort_by(|one, other| one.0.cmp(&other.0));
    choice
}

/// What stays and cannot be read. An index of which nobody knows what it lists
/// may list anything.
fn unreadable(shelf: &Shelf, meant: &[&Row]) -> Option<String> {
    let unread = shelf.rows.iter().filter(|row| row.held.kind == ListedKind::Unreadable);
    let stays = |row: &&Row| !meant.iter().any(|other| other.held.digest == row.held.digest);
    let name = |row: &Row| row.held.tag.clone().unwrap_or_else(|| row.held.digest.to_string());
    unread.filter(stays).map(name).next()
}

/// Every digest that stays, and the name by which it does. Azure's registries
/// delete what is attached with what it is attached to, so there that stays too.
fn stays(shelf: &Shelf, meant: &[&Row]) -> BTreeMap<Digest, String> {
    let goes = |row: &&Row| meant.iter().any(|other| std::ptr::eq(*other, *row));
    let mut held_by = BTreeMap::new();
    for row in shelf.rows.iter().filter(|row| !goes(row)) {
        let name = row.held.tag.clone().unwrap_or_else(|| row.groups.join(", "));
        let subject = row.held.subject.iter().filter(|_| is_azure_registry(&shelf.host));
        for digest in row.held.digests().chain(subject) {
            held_by.entry(digest.clone()).or_insert_with(|| name.clone());
        }
    }
    held_by
}

fn deletions(meant: &[&Row], held_by: &BTreeMap<Digest, String>) -> Vec<Deletion> {
    let mut all: BTreeMap<&Digest, Deletion> = BTreeMap::new();
    for row in meant {
        let held = &row.held;
        let platforms = held.digests().skip(1).filter(|digest| !held_by.contains_key(*digest));
        let deletion = all.entry(&held.digest).or_insert_with(|| Deletion {
            digest: held.digest.clone(),
            tags: Vec::new(),
            size: held.size,
            newest: None,
            platforms: platforms.filter(|digest| **digest != held.digest).cloned().collect(),
        });
        deletion.tags.extend(held.tag.clone());
        deletion.newest = deletion.newest.max(held.newest());
    }
    let mut all: Vec<Deletion> = all.into_values().collect();
    // A platform that has a tag of its own goes by itself.
    let own: BTreeSet<Digest> = all.iter().map(|one| one.digest.clone()).collect();
    for deletion in &mut all {
        deletion.tags.sort();
        deletion.platforms.retain(|digest| !own.contains(digest));
    }
    all.sort_by(|one, other| one.tags.cmp(&other.tags));
    all
}

/// The newest tags of a repository; those whose age is known come first.
fn newest_tags(shelf: &Shelf, count: usize) -> BTreeSet<String> {
    let mut tags: Vec<_> = shelf
        .rows
        .iter()
        .filter_map(|row| Some((row.held.newest()?, row.held.tag.clone()?)))
        .collect();
    tags.sort();
    tags.into_iter().rev().take(count).map(|(_, tag)| tag).collect()
}

fn is_older(time: Timestamp, most: Duration, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(time)).is_ok_and(|age| age > most)
}

/// The pull request that a tag belongs to: `pr-12`, and what begins so:
/// `pr-12-4f53cda`, `pr-12.1`.
pub(super) fn pull_request(tag: &str) -> Option<u64> {
    let rest = tag.strip_prefix("pr-")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, after) = rest.split_at(digits);
    let ends = after.is_empty() || after.starts_with(['-', '_', '.']);
    number.parse().ok().filter(|_| ends)
}

fn is_of(tag: &str, all: &BTreeSet<u64>) -> bool {
    pull_request(tag).is_some_and(|number| all.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::{Choice, Reason, Wish, choose, pull_request};
    use crate::cli::images::survey::{Row, Shelf};
    use crate::oci::Digest;
    use crate::registry::{ListedKind, ListedManifest, ListedPlatform};
    use jiff::{Timestamp, ToSpan as _};
    use std::collections::BTreeSet;
    use std::time::Duration;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().expect("a time")
    }

    /// A tag of some content, so many days old.
    fn row(tag: &str, content: &str, days: Option<i64>) -> Row {
        let digest = Digest::of(content.as_bytes());
        let created = days.map(|days| now() - (days * 24).hours());
        let held = ListedManifest {
            tag: Some(tag.to_owned()),
            digest,
            media_type: String::new(),
            kind: ListedKind::Image,
            size: Some(1),
            platforms: Vec::new(),
            within: Vec::new(),
            subject: None,
            created,
            updated: None,
        };
        Row { held, groups: Vec::new() }
    }

    fn of(mut row: Row, children: &[&str]) -> Row {
        let platform = |content: &&str| ListedPlatform {
            platform: String::new(),
            digest: Digest::of(content.as_bytes()),
            size: None,
        };
        row.held.platforms = children.iter().map(platform).collect();
        row
    }

    fn run_by(mut row: Row, group: &str) -> Row {
        row.groups.push(group.to_owned());
        row
    }

    fn wish() -> Wish {
        Wish { older_than: None, keep: None, pull_requests: None, now: now() }
    }

    fn chosen(host: &str, rows: Vec<Row>, wish: &Wish) -> Choice {
        choose(&Shelf { host: host.into(), repository: "web".into(), rows }, wish)
    }

    /// The tags that go with their manifest, by a space.
    fn tags(choice: &Choice) -> String {
        choice.delete.iter().map(|one| one.tags.join("+")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn all_that_is_given_must_hold() {
        let rows = || {
            vec![
                row("v1", "1", Some(50)),
                row("v2", "2", Some(40)),
                row("v3", "3", Some(5)),
                row("pr-12", "4", Some(60)),
                row("pr-12-abc", "5", Some(1)),
                row("pr-120", "6", Some(60)),
            ]
        };
        let case = |wish: Wish, expected: &str| {
            assert_eq!(tags(&chosen("127.0.0.1:5000", rows(), &wish)), expected);
        };
        let twelve = Some(BTreeSet::from([12]));

        case(Wish { older_than: Some(30 * DAY), ..wish() }, "pr-12 pr-120 v1 v2");
        case(Wish { older_than: Some(40 * DAY), ..wish() }, "pr-12 pr-120 v1");
        case(Wish { keep: Some(2), ..wish() }, "pr-12 pr-120 v1 v2");
        case(Wish { pull_requests: twelve.clone(), ..wish() }, "pr-12 pr-12-abc");
        case(Wish { pull_requests: twelve, keep: Some(1), ..wish() }, "pr-12");
        case(Wish { pull_requests: Some(BTreeSet::new()), ..wish() }, "");
    }

    #[test]
    fn what_runs_stays_by_whatever_name() {
        let rows = vec![
            run_by(row("v1", "1", Some(50)), "live"),
            row("old", "1", Some(50)),
            run_by(of(row("both", "index", Some(50)), &["arm", "amd"]), "edge"),
            row("arm", "arm", Some(50)),
            row("v2", "2", Some(50)),
        ];
        let choice = chosen("127.0.0.1:5000", rows, &Wish { keep: Some(0), ..wish() });

        assert_eq!(tags(&choice), "v2");
        let kept: Vec<_> = choice.kept.iter().map(|(tag, why)| (tag.as_str(), why)).collect();
        let deployed = |group: &str| Reason::Deployed(vec![group.to_owned()]);
        let shared = |with: &str| Reason::Shared(with.to_owned());
        assert_eq!(
            kept,
            [
                ("arm", &shared("both")),
                ("both", &deployed("edge")),
                ("old", &shared("v1")),
                ("v1", &deployed("live")),
            ]
        );
    }

    #[test]
    fn a_digest_with_a_tag_that_stays_stays() {
        let rows = || vec![row("old", "1", Some(50)), row("stable", "1", Some(1))];
        let wish = Wish { older_than: Some(30 * DAY), ..wish() };

        let elsewhere = chosen("127.0.0.1:5000", rows(), &wish);
        assert_eq!(tags(&elsewhere), "");
        assert_eq!(elsewhere.kept, [("old".to_owned(), Reason::Shared("stable".to_owned()))]);

        let azure = chosen("demo.azurecr.io", rows(), &wish);
        assert_eq!(azure.untag, [("old".to_owned(), Digest::of(b"1"))]);
        assert!(azure.delete.is_empty() && azure.kept.is_empty());
    }

    #[test]
    fn what_would_take_an_attachment_along_that_stays_stays() {
        let rows = || {
            let mut sbom = row("sbom", "sbom", Some(1));
            sbom.held.subject = Some(Digest::of(b"index"));
            vec![
                of(row("v1", "index", Some(50)), &["arm"]),
                row("v1-arm", "arm", Some(50)),
                row("v2", "2", Some(50)),
                sbom,
            ]
        };
        let wish = Wish { older_than: Some(30 * DAY), ..wish() };

        let azure = chosen("demo.azurecr.io", rows(), &wish);
        assert_eq!(tags(&azure), "v2");
        let untag = [("v1", "index"), ("v1-arm", "arm")];
        let untag = untag.map(|(tag, content)| (tag.to_owned(), Digest::of(content.as_bytes())));
        assert_eq!(azure.untag, untag);

        assert_eq!(tags(&chosen("127.0.0.1:5000", rows(), &wish)), "v1 v1-arm v2");
    }

    #[test]
    fn platforms_go_with_their_index_unless_another_has_them() {
        let rows = vec![
            of(row("v1", "index-1", Some(50)), &["shared", "arm-1"]),
            of(row("v2", "index-2", Some(1)), &["shared", "arm-2"]),
        ];
        let choice = chosen("demo.azurecr.io", rows, &Wish { keep: Some(1), ..wish() });

        assert_eq!(tags(&choice), "v1");
        assert_eq!(choice.delete[0].platforms, [Digest::of(b"arm-1")]);
    }

    #[test]
    fn what_is_deep_in_an_index_stays_and_goes_with_it() {
        let deep = |mut row: Row, content: &str| {
            row.held.within.push(Digest::of(content.as_bytes()));
            row
        };
        let rows = vec![
            deep(of(row("v1", "outer-1", Some(50)), &["inner-1"]), "attestation"),
            deep(of(row("stable", "outer-2", Some(1)), &["inner-2"]), "amd"),
            row("amd", "amd", Some(50)),
        ];
        let choice = chosen("127.0.0.1:5000", rows, &Wish { keep: Some(1), ..wish() });

        assert_eq!(tags(&choice), "v1");
        let gone = [Digest::of(b"inner-1"), Digest::of(b"attestation")];
        assert_eq!(choice.delete[0].platforms, gone);
        assert_eq!(choice.kept, [("amd".to_owned(), Reason::Shared("stable".to_owned()))]);
        assert!(choice.stays.contains(&Digest::of(b"inner-2")));
    }

    #[test]
    fn nothing_goes_beside_what_stays_and_cannot_be_read() {
        let mut bad = row("stable", "bad", Some(1));
        bad.held.kind = ListedKind::Unreadable;
        let rows = vec![bad.clone(), row("pr-5", "5", Some(50))];
        let wish = |numbers: &[u64]| Wish {
            pull_requests: Some(numbers.iter().copied().collect()),
            ..wish()
        };

        let choice = chosen("127.0.0.1:5000", rows, &wish(&[5]));
        assert_eq!(tags(&choice), "");
        assert_eq!(choice.kept, [("pr-5".to_owned(), Reason::Unreadable("stable".to_owned()))]);

        bad.held.tag = Some("pr-4".to_owned());
        let both = chosen("h:1", vec![bad, row("pr-5", "5", Some(50))], &wish(&[4, 5]));
        assert_eq!(tags(&both), "pr-4 pr-5");
    }

    #[test]
    fn what_has_no_age_is_neither_old_nor_beyond_the_newest() {
        let rows = || vec![row("v1", "1", None), row("pr-3", "2", None)];
        let old = chosen("h:1", rows(), &Wish { older_than: Some(DAY), ..wish() });
        assert_eq!(tags(&old), "");
        assert_eq!(old.kept.len(), 2);
        assert_eq!(old.kept[0], ("pr-3".to_owned(), Reason::NoAge));

        let by_name = Wish { pull_requests: Some(BTreeSet::from([3])), ..wish() };
        assert_eq!(tags(&chosen("h:1", rows(), &by_name)), "pr-3");
    }

    #[test]
    fn tags_of_pull_requests() {
        for (tag, expected) in [
            ("pr-12", Some(12)),
            ("pr-12-4f53cda", Some(12)),
            ("pr-12.1", Some(12)),
            ("pr-12a", None),
            ("pr-", None),
            ("xpr-12", None),
            ("v1", None),
        ] {
            assert_eq!(pull_request(tag), expected, "{tag}");
        }
    }
}
