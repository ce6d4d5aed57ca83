//! Shows what is removed and what is kept, as text and as JSON.

use super::choose::{Deletion, KeepReason, PruneChoice};
use crate::cli::columns::age;
use crate::cli::images::json;
use crate::cli::images::survey::{RepositoryListing, Survey};
use crate::oci::Reference;
use crate::report::{bytes, clean};
use crate::value::counted;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What was chosen, and what of it was removed.
pub struct PruneReport<'a> {
    pub survey: &'a Survey,
    pub choices: &'a [PruneChoice],
    /// `None` without `--yes`.
    pub removed: Option<&'a Vec<Reference>>,
    pub now: Timestamp,
}

impl PruneReport<'_> {
    fn listings(&self) -> impl Iterator<Item = (&RepositoryListing, &PruneChoice)> {
        self.survey.listings.iter().zip(self.choices)
    }

    /// One line for each tag.
    pub fn lines(&self) -> String {
        let mut lines = Vec::new();
        for (listing, choice) in self.listings() {
            let place = format!("{}/{}", listing.host, listing.repository);
            for one in &choice.delete {
                let size = one.size.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
                let old = one.newest.map(|_| format!(", {} old", age(one.newest, self.now)));
                let (tags, digest) = (one.tags.join(", "), one.digest.short());
                let what =
                    format!("{place}: {tags} (sha256:{digest}…{size}{})", old.unwrap_or_default());
                lines.push(format!("{} {what}", self.verb(self.is_gone(listing, one))));
            }
            for (tag, digest) in &choice.untag {
                let verb = if self.removed.is_some() { "untagged" } else { "would untag" };
                lines.push(format!("{verb} {place}: {tag} (sha256:{}… stays)", digest.short()));
            }
            for (tag, reason) in &choice.kept {
                lines.push(format!("kept {place}: {tag}, {}", words(reason)));
            }
        }
        if lines.is_empty() {
            lines.push("nothing to delete".to_owned());
        }
        lines.iter().map(|line| clean(line, false)).collect::<Vec<_>>().join("\n")
    }

    fn verb(&self, gone: bool) -> &'static str {
        match (self.removed, gone) {
            (None, _) => "would delete",
            (Some(_), true) => "deleted",
            (Some(_), false) => "not deleted",
        }
    }

    fn is_gone(&self, listing: &RepositoryListing, deletion: &Deletion) -> bool {
        let is_it = |name: &Reference| {
            name.host == listing.host
                && name.repository == listing.repository
                && name.digest.as_ref() == Some(&deletion.digest)
        };
        self.removed.is_some_and(|removed| removed.iter().any(is_it))
    }

    /// One line with the totals.
    pub fn summary(&self) -> String {
        let all = || {
            self.listings()
                .flat_map(|(listing, choice)| choice.delete.iter().map(move |one| (listing, one)))
        };
        let size = |gone: bool| -> u64 {
            all()
                .filter(|(listing, one)| !gone || self.is_gone(listing, one))
                .filter_map(|(_, one)| one.size)
                .sum()
        };
        if self.removed.is_none() {
            if all().next().is_none() {
                return match self.listings().map(|(_, choice)| choice.untag.len()).sum() {
                    0 => "nothing was deleted".to_owned(),
                    tags => format!(
                        "nothing was changed: {} would be removed from images that stay; say `--yes` \
                         to remove",
                        counted(tags, "tag", "tags")
                    ),
                };
            }
            let (count, size) = (images(all().count()), bytes(size(false)));
            return format!(
                "nothing was deleted: {count} of up to {size} would be; say `--yes` to delete"
            );
        }
        let gone = all().filter(|(listing, one)| self.is_gone(listing, one)).count();
        format!("deleted {} of up to {}", images(gone), bytes(size(true)))
    }

    /// What to do about tags that are kept because their age is not known.
    pub fn advice(&self) -> Option<String> {
        let kept = self.choices.iter().flat_map(|choice| &choice.kept);
        let tags = match kept.filter(|(_, reason)| *reason == KeepReason::NoAge).count() {
            0 => return None,
            1 => "1 tag stays because its".to_owned(),
            count => format!("{count} tags stay because their"),
        };
        Some(format!(
            "note: {tags} age is not known, as of every reproducible build: build with \
             `SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)`, or prune by `--pr`"
        ))
    }

    /// The same as JSON.
    pub fn json(&self) -> String {
        json::text(&self.value())
    }

    pub fn value(&self) -> Value {
        let (mut delete, mut untag, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (listing, choice) in self.listings() {
            let place = format!("{}/{}", listing.host, listing.repository);
            delete.extend(choice.delete.iter().map(|one| {
                json!({
                    "reference": format!("{place}@{}", one.digest),
                    "digest": one.digest,
                    "tags": one.tags,
                    "size": one.size,
                    "deleted": self.is_gone(listing, one),
                })
            }));
            untag.extend(choice.untag.iter().map(
                |(tag, digest)| json!({ "reference": format!("{place}:{tag}"), "digest": digest }),
            ));
            kept.extend(choice.kept.iter().map(|(tag, reason)| {
                json!({ "reference": format!("{place}:{tag}"), "reason": words(reason) })
            }));
        }
        let removed = self
            .removed
            .map(|all| all.iter().map(|name| Value::String(name.to_string())).collect::<Vec<_>>());
        json!({ "delete": delete, "untag": untag, "kept": kept, "removed": removed })
    }
}

fn images(count: usize) -> String {
    if count == 1 { "1 image".to_owned() } else { format!("{count} images") }
}

fn words(reason: &KeepReason) -> String {
    match reason {
        KeepReason::Deployed(run_by) => format!("which `{}` runs", run_by.join("`, `")),
        KeepReason::Shared(with) => format!("which is part of `{with}`"),
        KeepReason::NoAge => "whose age is not known".to_owned(),
        KeepReason::Unreadable(name) => format!("which `{name}`, which cannot be read, may list"),
    }
}

#[cfg(test)]
mod tests {
    use super::{KeepReason, PruneChoice, PruneReport, words};
    use crate::cli::images::deployed::DeployedImages;
    use crate::cli::images::survey::{RepositoryListing, Survey};
    use crate::oci::Digest;
    use jiff::Timestamp;

    #[test]
    fn tags_without_an_age_come_with_advice() {
        let survey = Survey { listings: Vec::new(), running: DeployedImages::Known(Vec::new()) };
        let advice = |reasons: &[KeepReason]| {
            let kept = reasons.iter().map(|reason| ("v1".to_owned(), reason.clone())).collect();
            let choices = [PruneChoice { kept, ..PruneChoice::default() }];
            let now = Timestamp::UNIX_EPOCH;
            PruneReport { survey: &survey, choices: &choices, removed: None, now }.advice()
        };
        let end = "age is not known, as of every reproducible build: build with \
                   `SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)`, or prune by `--pr`";

        assert_eq!(advice(&[KeepReason::Shared("v2".into())]), None);
        let one = format!("note: 1 tag stays because its {end}");
        assert_eq!(advice(&[KeepReason::NoAge, KeepReason::Shared("v2".into())]), Some(one));
        let two = format!("note: 2 tags stay because their {end}");
        assert_eq!(advice(&[KeepReason::NoAge, KeepReason::NoAge]), Some(two));
    }

    #[test]
    fn summary_says_where_nothing_is_to_be_deleted() {
        let listing = RepositoryListing {
            host: "demo.azurecr.io".into(),
            repository: "web".into(),
            rows: Vec::new(),
        };
        let survey = Survey { listings: vec![listing], running: DeployedImages::Known(Vec::new()) };
        let summary = |choice: PruneChoice| {
            let (choices, now) = ([choice], Timestamp::UNIX_EPOCH);
            PruneReport { survey: &survey, choices: &choices, removed: None, now }.summary()
        };
        assert_eq!(summary(PruneChoice::default()), "nothing was deleted");
        let untag = vec![("pr-7".to_owned(), Digest::of(b"web"))];
        assert_eq!(
            summary(PruneChoice { untag, ..PruneChoice::default() }),
            "nothing was changed: 1 tag would be removed from images that stay; say `--yes` to remove"
        );
    }

    #[test]
    fn every_reason_has_its_words() {
        let all = [
            (KeepReason::Deployed(vec!["a".into(), "b".into()]), "which `a`, `b` runs"),
            (KeepReason::Shared("v1".into()), "which is part of `v1`"),
            (KeepReason::NoAge, "whose age is not known"),
            (KeepReason::Unreadable("v2".into()), "which `v2`, which cannot be read, may list"),
        ];
        for (reason, said) in all {
            assert_eq!(words(&reason), said);
        }
    }
}
