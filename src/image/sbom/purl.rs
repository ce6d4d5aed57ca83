//! Package URLs (purl specification, types `deb`, `apk`, `oci`).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// What is not escaped beside letters and digits. A colon stays, as in the
/// epoch of a Debian version.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b':');
/// In the digest of an image it does not.
const ALL_ESCAPED: &AsciiSet = &ESCAPED.add(b':');

/// The URL of a package of a distribution.
pub(super) fn package(
    kind: &str,
    vendor: &str,
    (name, version): (&str, &str),
    qualifiers: &[(&str, &str)],
) -> String {
    let mut purl =
        format!("pkg:{kind}/{}/{}", escaped(&vendor.to_lowercase()), escaped(&name.to_lowercase()));
    if !version.is_empty() {
        // Writing to a String cannot fail.
        write!(purl, "@{}", escaped(version)).expect("a string takes text");
    }
    purl + &query(qualifiers)
}

/// The URL of an image.
pub(super) fn image(name: &str, digest: &str, architecture: &str) -> String {
    let version = utf8_percent_encode(digest, ALL_ESCAPED);
    let name = escaped(&name.to_lowercase());
    format!("pkg:oci/{name}@{version}{}", query(&[("arch", architecture)]))
}

/// Those that have a value, in the order of their names.
fn query(qualifiers: &[(&str, &str)]) -> String {
    let given = qualifiers.iter().filter(|(_, value)| !value.is_empty());
    let mut given: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    given.sort();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::{image, package};

    #[test]
    fn urls_of_packages_and_images() {
        assert_eq!(
            package(
                "deb",
                "debian",
                ("libstdc++6", "1:12.2.0-14+deb12u1"),
                &[("distro", "debian-12"), ("arch", "amd64"),]
            ),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
        );
        assert_eq!(package("apk", "Alpine", ("curl", ""), &[("arch", "")]), "pkg:apk/alpine/curl");
        assert_eq!(image("web", "sha256:00", "amd64"), "pkg:oci/web@sha256%3A00?arch=amd64");
    }
}
