//! What there is to know of a registry, and how much of it is kept.

use crate::oci::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many blobs of a registry are remembered, and how many manifests and tags.
const BLOBS: usize = 4_000;
const NAMES: usize = 1_000;
/// How long it is believed that a registry takes bodies in some way only, in
/// seconds: registries are improved.
const LESSON: i64 = 30 * 24 * 60 * 60;

/// In which ways a registry takes bodies, as far as it has shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub(in crate::registry) struct Ways {
    /// Whether a small blob may go with the very request that opens its upload.
    pub(in crate::registry) single: Option<bool>,
    /// Whether a blob goes up in parts.
    pub(in crate::registry) parts: Option<bool>,
    /// Whether it was seen to mount what it has.
    pub(in crate::registry) mounts: bool,
    /// The most that it takes in one body, where it refused more.
    pub(in crate::registry) most: Option<u64>,
}

/// What was seen of one registry.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Facts {
    ways: Ways,
    /// When the last lesson was learned.
    learned: i64,
    repositories: BTreeMap<String, Repository>,
}

/// What was seen of one repository, and when, in seconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
struct Repository {
    blobs: BTreeMap<Digest, i64>,
    manifests: BTreeMap<Digest, i64>,
    tags: BTreeMap<String, Tag>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Tag {
    digest: Digest,
    at: i64,
}

/// In seconds.
const HOUR: i64 = 60 * 60;

fn now() -> i64 {
    Timestamp::now().as_second()
}

impl Facts {
    /// Replaces lessons that are too old by what is known before anything was
    /// asked: there are registries that take no parts (Google's), none but tiny
    /// ones (GitHub's), or that lose all but the first (Amazon's).
    pub(super) fn renew(&mut self, host: &str) {
        if self.learned + LESSON >= now() {
            return;
        }
        let google = host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with(".pkg.dev");
        let amazon = host.contains(".dkr.ecr.") || host == "public.ecr.aws";
        let whole = google || amazon || host == "ghcr.io";
        self.ways = Ways { parts: whole.then_some(false), ..Ways::default() };
        self.learned = now();
    }

    /// Whether anything was pushed to it: a manifest, not blobs alone.
    pub(super) fn has_repository(&self, name: &str) -> bool {
        self.repositories.get(name).is_some_and(|it| !it.manifests.is_empty())
    }

    pub(super) fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        self.repositories.get(repository).is_some_and(|it| it.blobs.contains_key(digest))
    }

    pub(super) fn has_manifest(&self, repository: &str, digest: &Digest) -> bool {
        self.repositories.get(repository).is_some_and(|it| it.manifests.contains_key(digest))
    }

    pub(super) fn has_tag(&self, repository: &str, tag: &str, digest: &Digest) -> bool {
        let tag = self.repositories.get(repository).and_then(|it| it.tags.get(tag));
        tag.is_some_and(|tag| tag.digest == *digest)
    }

    /// Whether a tag was seen at all.
    pub(super) fn has_name(&self, repository: &str, tag: &str) -> bool {
        self.repositories.get(repository).is_some_and(|it| it.tags.contains_key(tag))
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Returns whether that is news.
    pub(super) fn saw_blob(&mut self, repository: &str, digest: &Digest) -> bool {
        let at = now();
        is_news(self.repository(repository).blobs.insert(digest.clone(), at), at)
    }

    /// Returns whether that is news.
    pub(super) fn saw_manifest(
        &mut self,
        repository: &str,
        tag: Option<&str>,
        digest: &Digest,
    ) -> bool {
        let at = now();
        let repository = self.repository(repository);
        let mut news = is_news(repository.manifests.insert(digest.clone(), at), at);
        if let Some(tag) = tag {
            let before = repository.tags.insert(tag.to_owned(), Tag { digest: digest.clone(), at });
            let same = before.filter(|before| before.digest == *digest);
            news |= is_news(same.map(|before| before.at), at);
        }
        news
    }

    pub(super) fn forget(&mut self, repository: &str) {
        self.repositories.remove(repository);
    }

    pub(super) fn ways(&self) -> Ways {
        self.ways
    }

    pub(super) fn learn(&mut self, lesson: impl FnOnce(&mut Ways)) {
        lesson(&mut self.ways);
        self.learned = now();
    }

    /// Takes over what another process learned later, or what it alone learned.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.learned >= self.learned {
            (self.ways, self.learned) = (other.ways, other.learned);
        }
        for (name, seen) in &other.repositories {
            let ours = self.repository(name);
            newest(&mut ours.blobs, &seen.blobs);
            newest(&mut ours.manifests, &seen.manifests);
            for (name, tag) in &seen.tags {
                if ours.tags.get(name).is_none_or(|known| known.at <= tag.at) {
                    ours.tags.insert(name.clone(), tag.clone());
                }
            }
        }
    }

    /// Drops what was seen longest ago, of what is too much.
    pub(super) fn limit(&mut self) {
        self.limit_to(BLOBS, NAMES);
    }

    fn limit_to(&mut self, blobs: usize, names: usize) {
        let surplus = oldest(&self.repositories, blobs, |it| {
            it.blobs.iter().map(|(digest, at)| (*at, digest.clone())).collect()
        });
        for (name, digest) in surplus {
            self.repository(&name).blobs.remove(&digest);
        }
        let surplus = oldest(&self.repositories, names, |it| {
            it.manifests.iter().map(|(digest, at)| (*at, digest.clone())).collect()
        });
        for (name, digest) in surplus {
            self.repository(&name).manifests.remove(&digest);
        }
        let surplus = oldest(&self.repositories, names, |it| {
            it.tags.iter().map(|(tag, seen)| (seen.at, tag.clone())).collect()
        });
        for (name, tag) in surplus {
            self.repository(&name).tags.remove(&tag);
        }
        self.repositories.retain(|_, it| {
            !(it.blobs.is_empty() && it.manifests.is_empty() && it.tags.is_empty())
        });
    }
}

/// Whether something that was seen before is worth to be written down again. The
/// times tell only what may be dropped first.
fn is_news(before: Option<i64>, at: i64) -> bool {
    before.is_none_or(|before| before + HOUR < at)
}

fn newest(ours: &mut BTreeMap<Digest, i64>, theirs: &BTreeMap<Digest, i64>) {
    for (digest, at) in theirs {
        let known = ours.entry(digest.clone()).or_insert(*at);
        *known = (*known).max(*at);
    }
}

/// All but the newest `most`, as repository and key.
fn oldest<K: Ord>(
    repositories: &BTreeMap<String, Repository>,
    most: usize,
    seen: impl Fn(&Repository) -> Vec<(i64, K)>,
) -> Vec<(String, K)> {
    let mut all: Vec<(i64, &String, K)> = repositories
        .iter()
        .flat_map(|(name, it)| seen(it).into_iter().map(move |(at, key)| (at, name, key)))
        .collect();
    let surplus = all.len().saturating_sub(most);
    all.sort_unstable();
    all.truncate(surplus);
    all.into_iter().map(|(_, name, key)| (name.clone(), key)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Facts, LESSON, Ways};
    use crate::oci::Digest;

    #[test]
    fn what_was_seen_longest_ago_is_dropped_first() {
        let mut facts = Facts::default();
        let digest = |index: i64| Digest::of(&index.to_be_bytes());
        for index in 0..10 {
            let repository = if index % 2 == 0 { "web" } else { "api" };
            let seen = facts.repository(repository);
            seen.blobs.insert(digest(index), index);
            facts.saw_manifest(repository, Some(&format!("v{index}")), &digest(index));
        }

        facts.limit_to(3, 100);

        let kept: Vec<i64> = (0..10)
            .filter(|index| {
                facts.has_blob("web", &digest(*index)) || facts.has_blob("api", &digest(*index))
            })
            .collect();
        assert_eq!(kept, [7, 8, 9]);

        facts.limit_to(0, 4);
        let tags: usize = facts.repositories.values().map(|it| it.tags.len()).sum();
        assert_eq!(tags, 4);
        facts.limit_to(0, 0);
        assert!(facts.repositories.is_empty());
    }

    #[test]
    fn a_lesson_is_not_believed_for_ever() {
        let mut facts = Facts::default();
        facts.learn(|ways| ways.most = Some(16));
        assert_eq!(facts.ways().most, Some(16));

        facts.renew("demo.azurecr.io");
        assert_eq!(facts.ways().most, Some(16));

        facts.learned -= LESSON + 1;
        facts.renew("demo.azurecr.io");
        assert_eq!(facts.ways(), Ways::default());
    }

    #[test]
    fn registries_that_take_no_parts_are_known_beforehand() {
        let parts = |host: &str| {
            let mut facts = Facts::default();
            facts.renew(host);
            facts.ways().parts
        };
        for whole in [
            "ghcr.io",
            "gcr.io",
            "eu.gcr.io",
            "europe-docker.pkg.dev",
            "1234.dkr.ecr.eu-west-1.amazonaws.com",
            "public.ecr.aws",
        ] {
            assert_eq!(parts(whole), Some(false), "{whole}");
        }
        for any in ["demo.azurecr.io", "docker.io", "127.0.0.1:5000", "notgcr.io"] {
            assert_eq!(parts(any), None, "{any}");
        }
    }
}
