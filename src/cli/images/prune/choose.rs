//! Chooses the tags and manifests to remove, and says why matching ones are kept.
//! Without any input or output.

use crate::cli::images::survey::{ListingRow, RepositoryListing};
use crate::oci::Digest;
use crate::registry::{ListedKind, is_azure_registry};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Which tags to remove: those that match every condition that is set.
#[derive(Clone, Debug)]
pub struct PruneFilter {
    /// Created or moved longer ago than this.
    pub older_than: Option<Duration>,
    /// Not among the newest N of their repository.
    pub keep: Option<usize>,
    /// Belonging to one of these pull requests.
    pub pull_requests: Option<BTreeSet<u64>>,
    pub now: Timestamp,
}

/// What to remove from one repository.
#[derive(Debug, Default)]
pub struct PruneChoice {
    /// Manifests to delete with all their tags.
    pub delete: Vec<Deletion>,
    /// Tags to remove from manifests that stay.
    pub untag: Vec<(String, Digest)>,
    /// Matching tags that are kept, and why.
    pub kept: Vec<(String, KeepReason)>,
    /// Every digest that stays, even if it is attached to a manifest that goes.
    pub stays: BTreeSet<Digest>,
}

impl PruneChoice {
    pub fn is_empty(&self) -> bool {
        self.delete.is_empty() && self.untag.is_empty()
    }
}

/// A manifest to delete.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deletion {
    pub digest: Digest,
    pub tags: Vec<String>,
    pub size: Option<u64>,
    pub newest: Option<Timestamp>,
    /// Manifests that only this index lists, such as its platforms.
    pub platforms: Vec<Digest>,
}

/// Why a matching tag is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeepReason {
    /// These deployed resources run it.
    Deployed(Vec<String>),
    /// It is the manifest of this tag, or a platform of it, which stays.
    Shared(String),
    /// Its age is not known.
    NoAge,
    /// This manifest stays and cannot be read, so it may list it.
    Unreadable(String),
}

pub fn choose(listing: &RepositoryListing, filter: &PruneFilter) -> PruneChoice {
    let mut choice = PruneChoice::default();
    let newest = newest_tags(listing, filter.keep.unwrap_or(0));
    let mut matching: Vec<&ListingRow> = Vec::new();
    for row in &listing.rows {
        let Some(tag) = &row.manifest.tag else { continue };
        if !filter.pull_requests.as_ref().is_none_or(|all| is_of(tag, all)) || newest.contains(tag)
        {
            continue;
        }
        let by_age = filter.older_than.is_some() || filter.keep.is_some();
        match row.manifest.newest() {
            None if by_age => choice.kept.push((tag.clone(), KeepReason::NoAge)),
            Some(time)
                if filter.older_than.is_some_and(|most| !is_older(time, most, filter.now)) => {}
            _ if !row.run_by.is_empty() => {
                choice.kept.push((tag.clone(), KeepReason::Deployed(row.run_by.clone())));
            }
            _ => matching.push(row),
        }
    }
    if let Some(name) = unreadable(listing, &matching) {
        for row in matching.drain(..) {
            let tag = row.manifest.tag.clone().unwrap_or_default();
            choice.kept.push((tag, KeepReason::Unreadable(name.clone())));
        }
    }
    let untags = is_azure_registry(&listing.host);
    let mut held_by = stays(listing, &matching);
    // A manifest that stays keeps its platforms, which may match too; hence the loop.
    while let Some(at) = matching.iter().position(|row| held_by.contains_key(&row.manifest.digest))
    {
        let row = matching.swap_remove(at);
        let tag = row.manifest.tag.clone().unwrap_or_default();
        for digest in row.manifest.digests() {
            held_by.entry(digest.clone()).or_insert_with(|| tag.clone());
        }
        if untags {
            choice.untag.push((tag, row.manifest.digest.clone()));
            continue;
        }
        let reason = KeepReason::Shared(held_by[&row.manifest.digest].clone());
        choice.kept.push((tag, reason));
    }
    choice.delete = deletions(&matching, &held_by);
    choice.stays = held_by.into_keys().collect();
    choice.untag.sort();
    choice.kept.sort_by(|one, other| one.0.cmp(&other.0));
    choice
}

/// The name of a manifest that stays and cannot be read: an index that may list
/// anything.
fn unreadable(listing: &RepositoryListing, matching: &[&ListingRow]) -> Option<String> {
    let unread = listing.rows.iter().filter(|row| row.manifest.kind == ListedKind::Unreadable);
    let stays = |row: &&ListingRow| {
        !matching.iter().any(|other| other.manifest.digest == row.manifest.digest)
    };
    let name = |row: &ListingRow| {
        row.manifest.tag.clone().unwrap_or_else(|| row.manifest.digest.to_string())
    };
    unread.filter(stays).map(name).next()
}

/// Every digest that stays, with the name that keeps it. Azure's registries delete
/// attachments with their subject, so there the subject of what stays stays too.
fn stays(listing: &RepositoryListing, matching: &[&ListingRow]) -> BTreeMap<Digest, String> {
    let goes = |row: &&ListingRow| matching.iter().any(|other| std::ptr::eq(*other, *row));
    let mut held_by = BTreeMap::new();
    for row in listing.rows.iter().filter(|row| !goes(row)) {
        let name = row.manifest.tag.clone().unwrap_or_else(|| row.run_by.join(", "));
        let subject = row.manifest.subject.iter().filter(|_| is_azure_registry(&listing.host));
        for digest in row.manifest.digests().chain(subject) {
            held_by.entry(digest.clone()).or_insert_with(|| name.clone());
        }
    }
    held_by
}

fn deletions(matching: &[&ListingRow], held_by: &BTreeMap<Digest, String>) -> Vec<Deletion> {
    let mut all: BTreeMap<&Digest, Deletion> = BTreeMap::new();
    for row in matching {
        let manifest = &row.manifest;
        let platforms = manifest.digests().skip(1).filter(|digest| !held_by.contains_key(*digest));
        let deletion = all.entry(&manifest.digest).or_insert_with(|| Deletion {
            digest: manifest.digest.clone(),
            tags: Vec::new(),
            size: manifest.size,
            newest: None,
            platforms: platforms.filter(|digest| **digest != manifest.digest).cloned().collect(),
        });
        deletion.tags.extend(manifest.tag.clone());
        deletion.newest = deletion.newest.max(manifest.newest());
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
fn newest_tags(listing: &RepositoryListing, count: usize) -> BTreeSet<String> {
    let mut tags: Vec<_> = listing
        .rows
        .iter()
        .filter_map(|row| Some((row.manifest.newest()?, row.manifest.tag.clone()?)))
        .collect();
    tags.sort();
    tags.into_iter().rev().take(count).map(|(_, tag)| tag).collect()
}

fn is_older(time: Timestamp, most: Duration, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(time)).is_ok_and(|age| age > most)
}

/// The pull request that a tag belongs to: `pr-12`, and what begins so:
/// `pr-12-4f53cda`, `pr-12.1`.
pub fn pull_request(tag: &str) -> Option<u64> {
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
    use super::{KeepReason, PruneChoice, PruneFilter, choose, pull_request};
    use crate::cli::images::survey::{ListingRow, RepositoryListing};
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
    fn row(tag: &str, content: &str, days: Option<i64>) -> ListingRow {
        let digest = Digest::of(content.as_bytes());
        let created = days.map(|days| now() - (days * 24).hours());
        let manifest = ListedManifest {
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
        ListingRow { manifest, run_by: Vec::new() }
    }

    fn of(mut row: ListingRow, children: &[&str]) -> ListingRow {
        let platform = |content: &&str| ListedPlatform {
            platform: String::new(),
            digest: Digest::of(content.as_bytes()),
            size: None,
        };
        row.manifest.platforms = children.iter().map(platform).collect();
        row
    }

    fn run_by(mut row: ListingRow, group: &str) -> ListingRow {
        row.run_by.push(group.to_owned());
        row
    }

    fn filter() -> PruneFilter {
        PruneFilter { older_than: None, keep: None, pull_requests: None, now: now() }
    }

    fn chosen(host: &str, rows: Vec<ListingRow>, filter: &PruneFilter) -> PruneChoice {
        choose(&RepositoryListing { host: host.into(), repository: "web".into(), rows }, filter)
    }

    /// The tags that go with their manifest, by a space.
    fn tags(choice: &PruneChoice) -> String {
        choice.delete.iter().map(|one| one.tags.join("+")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_condition_must_match() {
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
        let case = |filter: PruneFilter, expected: &str| {
            assert_eq!(tags(&chosen("127.0.0.1:5000", rows(), &filter)), expected);
        };
        let twelve = Some(BTreeSet::from([12]));

        case(PruneFilter { older_than: Some(30 * DAY), ..filter() }, "pr-12 pr-120 v1 v2");
        case(PruneFilter { older_than: Some(40 * DAY), ..filter() }, "pr-12 pr-120 v1");
        case(PruneFilter { keep: Some(2), ..filter() }, "pr-12 pr-120 v1 v2");
        case(PruneFilter { pull_requests: twelve.clone(), ..filter() }, "pr-12 pr-12-abc");
        case(PruneFilter { pull_requests: twelve, keep: Some(1), ..filter() }, "pr-12");
        case(PruneFilter { pull_requests: Some(BTreeSet::new()), ..filter() }, "");
    }

    #[test]
    fn a_deployed_image_is_kept_under_every_name() {
        let rows = vec![
            run_by(row("v1", "1", Some(50)), "live"),
            row("old", "1", Some(50)),
            run_by(of(row("both", "index", Some(50)), &["arm", "amd"]), "edge"),
            row("arm", "arm", Some(50)),
            row("v2", "2", Some(50)),
        ];
        let choice = chosen("127.0.0.1:5000", rows, &PruneFilter { keep: Some(0), ..filter() });

        assert_eq!(tags(&choice), "v2");
        let kept: Vec<_> = choice.kept.iter().map(|(tag, why)| (tag.as_str(), why)).collect();
        let deployed = |group: &str| KeepReason::Deployed(vec![group.to_owned()]);
        let shared = |with: &str| KeepReason::Shared(with.to_owned());
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
    fn a_digest_with_another_tag_is_kept() {
        let rows = || vec![row("old", "1", Some(50)), row("stable", "1", Some(1))];
        let filter = PruneFilter { older_than: Some(30 * DAY), ..filter() };

        let elsewhere = chosen("127.0.0.1:5000", rows(), &filter);
        assert_eq!(tags(&elsewhere), "");
        assert_eq!(elsewhere.kept, [("old".to_owned(), KeepReason::Shared("stable".to_owned()))]);

        let azure = chosen("demo.azurecr.io", rows(), &filter);
        assert_eq!(azure.untag, [("old".to_owned(), Digest::of(b"1"))]);
        assert!(azure.delete.is_empty() && azure.kept.is_empty());
    }

    #[test]
    fn azure_keeps_the_subject_of_a_kept_attachment() {
        let rows = || {
            let mut sbom = row("sbom", "sbom", Some(1));
            sbom.manifest.subject = Some(Digest::of(b"index"));
            vec![
                of(row("v1", "index", Some(50)), &["arm"]),
                row("v1-arm", "arm", Some(50)),
                row("v2", "2", Some(50)),
                sbom,
            ]
        };
        let filter = PruneFilter { older_than: Some(30 * DAY), ..filter() };

        let azure = chosen("demo.azurecr.io", rows(), &filter);
        assert_eq!(tags(&azure), "v2");
        let untag = [("v1", "index"), ("v1-arm", "arm")];
        let untag = untag.map(|(tag, content)| (tag.to_owned(), Digest::of(content.as_bytes())));
        assert_eq!(azure.untag, untag);

        assert_eq!(tags(&chosen("127.0.0.1:5000", rows(), &filter)), "v1 v1-arm v2");
    }

    #[test]
    fn platforms_are_deleted_unless_another_index_lists_them() {
        let rows = vec![
            of(row("v1", "index-1", Some(50)), &["shared", "arm-1"]),
            of(row("v2", "index-2", Some(1)), &["shared", "arm-2"]),
        ];
        let choice = chosen("demo.azurecr.io", rows, &PruneFilter { keep: Some(1), ..filter() });

        assert_eq!(tags(&choice), "v1");
        assert_eq!(choice.delete[0].platforms, [Digest::of(b"arm-1")]);
    }

    #[test]
    fn nested_manifests_follow_their_outer_index() {
        let deep = |mut row: ListingRow, content: &str| {
            row.manifest.within.push(Digest::of(content.as_bytes()));
            row
        };
        let rows = vec![
            deep(of(row("v1", "outer-1", Some(50)), &["inner-1"]), "attestation"),
            deep(of(row("stable", "outer-2", Some(1)), &["inner-2"]), "amd"),
            row("amd", "amd", Some(50)),
        ];
        let choice = chosen("127.0.0.1:5000", rows, &PruneFilter { keep: Some(1), ..filter() });

        assert_eq!(tags(&choice), "v1");
        let gone = [Digest::of(b"inner-1"), Digest::of(b"attestation")];
        assert_eq!(choice.delete[0].platforms, gone);
        assert_eq!(choice.kept, [("amd".to_owned(), KeepReason::Shared("stable".to_owned()))]);
        assert!(choice.stays.contains(&Digest::of(b"inner-2")));
    }

    #[test]
    fn an_unreadable_manifest_that_stays_keeps_everything() {
        let mut bad = row("stable", "bad", Some(1));
        bad.manifest.kind = ListedKind::Unreadable;
        let rows = vec![bad.clone(), row("pr-5", "5", Some(50))];
        let filter = |numbers: &[u64]| PruneFilter {
            pull_requests: Some(numbers.iter().copied().collect()),
            ..filter()
        };

        let choice = chosen("127.0.0.1:5000", rows, &filter(&[5]));
        assert_eq!(tags(&choice), "");
        assert_eq!(choice.kept, [("pr-5".to_owned(), KeepReason::Unreadable("stable".to_owned()))]);

        bad.manifest.tag = Some("pr-4".to_owned());
        let both = chosen("h:1", vec![bad, row("pr-5", "5", Some(50))], &filter(&[4, 5]));
        assert_eq!(tags(&both), "pr-4 pr-5");
    }

    #[test]
    fn tags_without_an_age_are_kept_by_age_conditions() {
        let rows = || vec![row("v1", "1", None), row("pr-3", "2", None)];
        let old = chosen("h:1", rows(), &PruneFilter { older_than: Some(DAY), ..filter() });
        assert_eq!(tags(&old), "");
        assert_eq!(old.kept.len(), 2);
        assert_eq!(old.kept[0], ("pr-3".to_owned(), KeepReason::NoAge));

        let by_name = PruneFilter { pull_requests: Some(BTreeSet::from([3])), ..filter() };
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
