//! What is known of one registry, and how much of it is kept.

use crate::oci::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most blobs of one registry that are remembered.
const MAX_BLOBS: usize = 4_000;
/// The most manifests, and the most tags, of one registry that are remembered.
const MAX_NAMES: usize = 1_000;
/// How long a registry is expected to accept bodies only in the way it has shown:
/// registries are improved.
const UPLOAD_SUPPORT_TTL_SECS: i64 = 30 * 24 * 60 * 60;

/// How a registry accepts bodies, as far as it has shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct UploadSupport {
    /// Whether a small blob may be sent with the request that opens its upload.
    #[serde(rename = "single")]
    pub single_post: Option<bool>,
    /// Whether a blob may be sent in parts.
    pub parts: Option<bool>,
    /// Whether it was seen to mount blobs of other repositories.
    pub mounts: bool,
    /// The largest body that it accepts, in bytes, where it refused a larger one.
    #[serde(rename = "most")]
    pub max_bytes: Option<u64>,
}

/// What is known of one registry.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Facts {
    #[serde(rename = "ways")]
    upload_support: UploadSupport,
    /// When the support was learned, in seconds since 1970.
    learned: i64,
    repositories: BTreeMap<String, SeenRepository>,
}

/// What was seen in one repository, and when, in seconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
struct SeenRepository {
    blobs: BTreeMap<Digest, i64>,
    manifests: BTreeMap<Digest, i64>,
    tags: BTreeMap<String, SeenTag>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct SeenTag {
    digest: Digest,
    at: i64,
}

/// How much newer a sighting must be to be written again: the times only decide what
/// is dropped first.
const MIN_AGE_GAIN_SECS: i64 = 60 * 60;

fn now() -> i64 {
    Timestamp::now().as_second()
}

impl Facts {
    /// Resets upload support that is too old. Some registries are known to refuse
    /// parts (Google's), to accept only small ones (GitHub's), or to lose all but the
    /// first (Amazon's).
    pub fn renew(&mut self, host: &str) {
        if self.learned + UPLOAD_SUPPORT_TTL_SECS >= now() {
            return;
        }
        let google = host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with(".pkg.dev");
        let amazon = host.contains(".dkr.ecr.") || host == "public.ecr.aws";
        let whole = google || amazon || host == "ghcr.io";
        self.upload_support =
            UploadSupport { parts: whole.then_some(false), ..UploadSupport::default() };
        self.learned = now();
    }

    /// Whether a manifest was seen in a repository, not only blobs.
    pub fn has_repository(&self, name: &str) -> bool {
        self.repositories.get(name).is_some_and(|it| !it.manifests.is_empty())
    }

    pub fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        self.repositories.get(repository).is_some_and(|it| it.blobs.contains_key(digest))
    }

    pub fn has_manifest(&self, repository: &str, digest: &Digest) -> bool {
        self.repositories.get(repository).is_some_and(|it| it.manifests.contains_key(digest))
    }

    pub fn has_tag(&self, repository: &str, tag: &str, digest: &Digest) -> bool {
        let tag = self.repositories.get(repository).and_then(|it| it.tags.get(tag));
        tag.is_some_and(|tag| tag.digest == *digest)
    }

    /// Whether any manifest was seen under a tag.
    pub fn has_name(&self, repository: &str, tag: &str) -> bool {
        self.repositories.get(repository).is_some_and(|it| it.tags.contains_key(tag))
    }

    fn repository(&mut self, name: &str) -> &mut SeenRepository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Returns whether this is worth writing to the file.
    pub fn saw_blob(&mut self, repository: &str, digest: &Digest) -> bool {
        let at = now();
        is_worth_writing(self.repository(repository).blobs.insert(digest.clone(), at), at)
    }

    /// Returns whether this is worth writing to the file.
    pub fn saw_manifest(&mut self, repository: &str, tag: Option<&str>, digest: &Digest) -> bool {
        let at = now();
        let repository = self.repository(repository);
        let mut worth_writing =
            is_worth_writing(repository.manifests.insert(digest.clone(), at), at);
        if let Some(tag) = tag {
            let before =
                repository.tags.insert(tag.to_owned(), SeenTag { digest: digest.clone(), at });
            let same = before.filter(|before| before.digest == *digest);
            worth_writing |= is_worth_writing(same.map(|before| before.at), at);
        }
        worth_writing
    }

    pub fn forget(&mut self, repository: &str) {
        self.repositories.remove(repository);
    }

    pub fn upload_support(&self) -> UploadSupport {
        self.upload_support
    }

    pub fn learn(&mut self, change: impl FnOnce(&mut UploadSupport)) {
        change(&mut self.upload_support);
        self.learned = now();
    }

    /// Adds what another process learned, where that is newer.
    pub fn merge(&mut self, other: &Self) {
        if other.learned >= self.learned {
            (self.upload_support, self.learned) = (other.upload_support, other.learned);
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

    /// Drops the oldest entries beyond the limits.
    pub fn limit(&mut self) {
        self.limit_to(MAX_BLOBS, MAX_NAMES);
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

/// Whether a sighting at `at` is worth writing, after an earlier one.
fn is_worth_writing(before: Option<i64>, at: i64) -> bool {
    before.is_none_or(|before| before + MIN_AGE_GAIN_SECS < at)
}

fn newest(ours: &mut BTreeMap<Digest, i64>, theirs: &BTreeMap<Digest, i64>) {
    for (digest, at) in theirs {
        let known = ours.entry(digest.clone()).or_insert(*at);
        *known = (*known).max(*at);
    }
}

/// All entries but the newest `max`, as repository and key.
fn oldest<K: Ord>(
    repositories: &BTreeMap<String, SeenRepository>,
    max: usize,
    seen: impl Fn(&SeenRepository) -> Vec<(i64, K)>,
) -> Vec<(String, K)> {
    let mut all: Vec<(i64, &String, K)> = repositories
        .iter()
        .flat_map(|(name, it)| seen(it).into_iter().map(move |(at, key)| (at, name, key)))
        .collect();
    let surplus = all.len().saturating_sub(max);
    all.sort_unstable();
    all.truncate(surplus);
    all.into_iter().map(|(_, name, key)| (name.clone(), key)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Facts, UPLOAD_SUPPORT_TTL_SECS, UploadSupport};
    use crate::oci::Digest;

    #[test]
    fn the_oldest_entries_are_dropped_first() {
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
    fn upload_support_expires() {
        let mut facts = Facts::default();
        facts.learn(|support| support.max_bytes = Some(16));
        assert_eq!(facts.upload_support().max_bytes, Some(16));

        facts.renew("demo.azurecr.io");
        assert_eq!(facts.upload_support().max_bytes, Some(16));

        facts.learned -= UPLOAD_SUPPORT_TTL_SECS + 1;
        facts.renew("demo.azurecr.io");
        assert_eq!(facts.upload_support(), UploadSupport::default());
    }

    #[test]
    fn registries_without_parts_are_known_beforehand() {
        let parts = |host: &str| {
            let mut facts = Facts::default();
            facts.renew(host);
            facts.upload_support().parts
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
