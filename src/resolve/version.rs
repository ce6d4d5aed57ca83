//! Reads a version from a git tag, in the three forms that images are tagged with.

/// A version (Semantic Versioning 2.0.0), read from a tag with or without `v`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// `1.2.3`, `1.2.3-rc.1`
    pub whole: String,
    /// `1.2`; `None` for a pre-release, which must not become the newest `1.2`.
    pub minor: Option<String>,
    /// `1`; `None` for a pre-release.
    pub major: Option<String>,
}

impl Version {
    /// `None` for a tag that is not a version, or that has build metadata: a tag of an
    /// image cannot contain its `+`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let whole = tag.strip_prefix('v').unwrap_or(tag);
        let (release, before) = match whole.split_once('-') {
            Some((release, before)) => (release, Some(before)),
            None => (whole, None),
        };
        let numbers: Vec<&str> = release.split('.').collect();
        let [major, minor, patch] = *numbers.as_slice() else { return None };
        if ![major, minor, patch].into_iter().all(is_number) || !before.is_none_or(is_before) {
            return None;
        }
        let released = |text: String| before.is_none().then_some(text);
        Some(Self {
            minor: released(format!("{major}.{minor}")),
            major: released(major.to_owned()),
            whole: whole.to_owned(),
        })
    }
}

fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn is_before(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_in_three_forms() {
        #[track_caller]
        fn case(tag: &str, expected: &str) {
            let shown = Version::of_tag(tag).map(|found| {
                let or_none = |form: Option<String>| form.unwrap_or_else(|| "none".to_owned());
                format!("{} {} {}", found.whole, or_none(found.minor), or_none(found.major))
            });
            assert_eq!(shown.as_deref().unwrap_or("none"), expected, "{tag}");
        }
        case("v1.2.3", "1.2.3 1.2 1");
        case("10.20.30", "10.20.30 10.20 10");
        case("v0.1.0", "0.1.0 0.1 0");
        case("v1.2.3-rc.1", "1.2.3-rc.1 none none");
        for none in [
            "",
            "v",
            "v1",
            "v1.2",
            "1.2.3.4",
            "v01.2.3",
            "1.2.x",
            "v1.2.3-",
            "v1.2.3+5",
            "web-1.2.3",
        ] {
            case(none, "none");
        }
    }
}
