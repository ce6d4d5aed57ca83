//! Package URLs (purl specification, types `deb`, `apk`, `oci`).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// Not escaped, besides letters and digits. The colon of a Debian epoch stays as it is.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b':');
/// The colon in an image digest is escaped.
const ALL_ESCAPED: &AsciiSet = &ESCAPED.add(b':');

/// A package of a distribution.
pub struct Package<'a> {
    /// `deb` or `apk`.
    pub kind: &'a str,
    /// The ID of the distribution.
    pub vendor: &'a str,
    pub name: &'a str,
    /// May be empty.
    pub version: &'a str,
}

/// The URL of a package of a distribution.
pub fn package(package: &Package<'_>, qualifiers: &[(&str, &str)]) -> String {
    let Package { kind, vendor, name, version } = package;
    let mut purl =
        format!("pkg:{kind}/{}/{}", escaped(&vendor.to_lowercase()), escaped(&name.to_lowercase()));
    if !version.is_empty() {
        // Writing to a String cannot fail.
        write!(purl, "@{}", escaped(version)).expect("a string takes text");
    }
    purl + &query(qualifiers)
}

/// The URL of an image.
pub fn image(name: &str, digest: &str, architecture: &str) -> String {
    let version = utf8_percent_encode(digest, ALL_ESCAPED);
    let name = escaped(&name.to_lowercase());
    format!("pkg:oci/{name}@{version}{}", query(&[("arch", architecture)]))
}

/// The query part: qualifiers with a value, sorted by name.
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
    use super::{Package, image, package};

    #[test]
    fn urls_of_packages_and_images() {
        assert_eq!(
            package(
                &Package {
                    kind: "deb",
                    vendor: "debian",
                    name: "libstdc++6",
                    version: "1:12.2.0-14+deb12u1"
                },
                &[("distro", "debian-12"), ("arch", "amd64"),]
            ),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
        );
        assert_eq!(
            package(
                &Package { kind: "apk", vendor: "Alpine", name: "curl", version: "" },
                &[("arch", "")]
            ),
            "pkg:apk/alpine/curl"
        );
        assert_eq!(image("web", "sha256:00", "amd64"), "pkg:oci/web@sha256%3A00?arch=amd64");
    }
}
