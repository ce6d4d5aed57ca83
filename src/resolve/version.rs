//! Reads a version from a git tag, in the forms that images are tagged with.

use std::collections::BTreeMap;

/// A version (Semantic Versioning 2.0.0), read from a tag with or without `v`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// `1.2.3`, `1.2.3-rc.1`. Without build metadata: a tag of an image cannot contain its
    /// `+`, and two builds are the same version.
    pub whole: String,
    numbers: [u64; 3],
    is_release: bool,
}

/// The tags that move from one version to the next. Each is `None` for a pre-release, and
/// where a higher version has it: it never moves backwards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FloatingTags {
    /// `1.2`
    pub minor: Option<String>,
    /// `1`
    pub major: Option<String>,
    /// `latest`
    pub latest: Option<&'static str>,
}

impl Version {
    /// `None` for a tag that is not a version.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        let (whole, build) = match text.split_once('+') {
            Some((whole, build)) => (whole, Some(build)),
            None => (text, None),
        };
        let (release, before) = match whole.split_once('-') {
            Some((release, before)) => (release, Some(before)),
            None => (whole, None),
        };
        let parts: Vec<u64> = release.split('.').map(number).collect::<Option<_>>()?;
        let numbers: [u64; 3] = parts.try_into().ok()?;
        let is_identifier = |text: Option<&str>| text.is_none_or(is_identifier);
        (is_identifier(before) && is_identifier(build)).then(|| Self {
            whole: whole.to_owned(),
            numbers,
            is_release: before.is_none(),
        })
    }

    /// The tags that move to this version, given the other versions that are released.
    pub fn floating<'t>(&self, others: impl IntoIterator<Item = &'t String>) -> FloatingTags {
        if !self.is_release {
            return FloatingTags::default();
        }
        let [major, minor, _] = self.numbers;
        let (mut of_minor, mut of_major, mut of_all) = (true, true, true);
        let others = others.into_iter().filter_map(|tag| Self::of_tag(tag));
        for other in others.filter(|other| other.is_release && other.numbers > self.numbers) {
            of_all = false;
            of_major &= other.numbers[0] != major;
            of_minor &= other.numbers[..2] != self.numbers[..2];
        }
        FloatingTags {
            minor: of_minor.then(|| format!("{major}.{minor}")),
            major: of_major.then(|| major.to_string()),
            latest: of_all.then_some("latest"),
        }
    }
}

/// Of the tags that are released versions, the highest of each minor version: all that
/// [`Version::floating`] needs to know.
pub fn newest_of_each_minor<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut newest: BTreeMap<[u64; 2], Version> = BTreeMap::new();
    for version in tags.into_iter().filter_map(Version::of_tag).filter(|one| one.is_release) {
        let [major, minor, _] = version.numbers;
        let known = newest.entry([major, minor]).or_insert_with(|| version.clone());
        if version.numbers > known.numbers {
            *known = version;
        }
    }
    newest.into_values().map(|version| version.whole).collect()
}

fn number(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with('0');
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits && is_canonical).then(|| text.parse().ok()).flatten()
}

fn is_identifier(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::{Version, newest_of_each_minor};

    /// The tags of an image that is released by a git tag, where these were released before.
    fn tags(tag: &str, before: &[&str]) -> String {
        let others = newest_of_each_minor(before.iter().copied().chain([tag]));
        let Some(version) = Version::of_tag(tag) else { return "none".to_owned() };
        let floating = version.floating(&others);
        let latest = floating.latest.map(str::to_owned);
        let all = [Some(version.whole), floating.minor, floating.major, latest];
        all.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The rows of docker/metadata-action v6 for `type=semver` with the patterns
    /// `{{version}}`, `{{major}}.{{minor}}` and `{{major}}`, as its own bundle prints them.
    #[test]
    fn tags_are_those_of_the_metadata_action() {
        for (tag, expected) in [
            ("v1.2.3", "1.2.3 1.2 1 latest"),
            ("1.2.3", "1.2.3 1.2 1 latest"),
            ("v0.1.2", "0.1.2 0.1 0 latest"),
            ("v1.2.3+build.5", "1.2.3 1.2 1 latest"),
            ("v10.20.30", "10.20.30 10.20 10 latest"),
            ("v2.0.8-beta.67", "2.0.8-beta.67"),
            ("v1.2.3-alpine", "1.2.3-alpine"),
            ("v1.2", "none"),
            ("1.2.3.4", "none"),
            ("V1.2.3", "none"),
            ("v01.2.3", "none"),
            ("p1/v1.2.3", "none"),
        ] {
            assert_eq!(tags(tag, &[]), expected, "{tag}");
        }
    }

    /// Where the metadata-action moves `latest` and `1` back to an older version.
    #[test]
    fn floating_tags_never_move_backwards() {
        let before = ["v1.1.8", "v1.2.0", "v2.0.0", "v3.0.0-rc.1", "nightly"];
        assert_eq!(tags("v1.1.9", &before), "1.1.9 1.1");
        assert_eq!(tags("v1.2.1", &before), "1.2.1 1.2 1");
        assert_eq!(tags("v1.1.7", &before), "1.1.7");
        assert_eq!(tags("v2.0.1", &before), "2.0.1 2.0 2 latest");
        assert_eq!(tags("v3.0.0", &before), "3.0.0 3.0 3 latest");
        // Numbers are compared, not their text.
        assert_eq!(tags("v1.10.0", &["v1.9.0"]), "1.10.0 1.10 1 latest");
        // The same commit may be released again.
        assert_eq!(tags("v2.0.0", &before), "2.0.0 2.0 2 latest");
    }

    #[test]
    fn what_is_no_version() {
        for none in
            ["", "v", "v1", "1.2.x", "v1.2.3-", "v1.2.3+", "web-1.2.3", "99999999999999999999.0.0"]
        {
            assert_eq!(tags(none, &[]), "none", "{none}");
        }
    }
}
