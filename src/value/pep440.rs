//! Versions of Python packages (PEP 440), as names of images.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// The pattern of PEP 440, appendix B, without white space.
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)(?P<pre>[-_.]?(?P<pre_kind>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?(?P<post>-(?P<post_implicit>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$";
    Regex::new(pattern).expect("the pattern is one")
});

/// The parts of a version that [`pep440`] gives.
pub const PEP440_PARTS: [&str; 3] = ["version", "minor", "major"];

/// The normal form of a version as a tag of an image (`version`), or `1.2` (`minor`) or `1`
/// (`major`) of it. The last two are empty for a release before, after or in development of
/// another. `None` for another part; empty for what is no version.
pub fn pep440(text: &str, part: &str) -> Option<String> {
    if !PEP440_PARTS.contains(&part) {
        return None;
    }
    let lower = text.trim().to_lowercase();
    let Some(found) = VERSION.captures(&lower) else { return Some(String::new()) };
    let numbers: Vec<&str> = found["release"].split('.').map(number).collect();
    let is_final = ["pre", "post", "dev"].iter().all(|name| found.name(name).is_none());
    Some(match part {
        "version" => normal(&found, &numbers.join(".")),
        _ if !is_final => String::new(),
        "minor" => format!("{}.{}", numbers[0], numbers.get(1).unwrap_or(&"0")),
        _ => numbers[0].to_owned(),
    })
}

fn normal(found: &Captures<'_>, release: &str) -> String {
    let get = |name: &str| found.name(name).map(|part| part.as_str());
    let counted = |name: &str| number(get(name).filter(|text| !text.is_empty()).unwrap_or("0"));
    // A tag has neither `!` nor `+`.
    let epoch = get("epoch").map(number).filter(|epoch| *epoch != "0");
    let epoch = epoch.map(|epoch| format!("{epoch}-"));
    let pre = get("pre_kind").map(|kind| {
        let kind = match kind {
            "alpha" => "a",
            "beta" => "b",
            "c" | "pre" | "preview" => "rc",
            known => known,
        };
        format!("{kind}{}", counted("pre_number"))
    });
    let post = get("post").map(|_| {
        let after = get("post_implicit").map_or_else(|| counted("post_number"), number);
        format!(".post{after}")
    });
    let dev = get("dev").map(|_| format!(".dev{}", counted("dev_number")));
    let local = get("local").map(|local| format!("-{}", local.replace(['-', '_'], ".")));
    let release = Some(release.to_owned());
    [epoch, release, pre, post, dev, local].into_iter().flatten().collect()
}

/// Digits without leading zeros.
fn number(digits: &str) -> &str {
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() { &digits[digits.len() - 1..] } else { significant }
}

#[cfg(test)]
mod tests {
    use super::pep440;

    #[test]
    fn versions_have_their_normal_form() {
        for (text, expected) in [
            ("1.2.3", "1.2.3 1.2 1"),
            ("v2024.1", "2024.1 2024.1 2024"),
            ("1", "1 1.0 1"),
            ("v1.2.3rc2", "1.2.3rc2  "),
            ("1.2.3-Beta_2", "1.2.3b2  "),
            ("1.2.3c", "1.2.3rc0  "),
            ("1.2.3post1", "1.2.3.post1  "),
            ("1.2.3-4", "1.2.3.post4  "),
            ("1.0dev4", "1.0.dev4  "),
            ("1!2.0", "1-2.0 2.0 2"),
            ("1.2+local-1", "1.2-local.1 1.2 1"),
            ("01.02.003", "1.2.3 1.2 1"),
            ("0.0", "0.0 0.0 0"),
            ("", "  "),
            ("1.2.x", "  "),
            ("web-1.2", "  "),
        ] {
            let part = |part| pep440(text, part).expect("a part");
            let all = [part("version"), part("minor"), part("major")].join(" ");
            assert_eq!(all, expected, "{text}");
        }
        assert_eq!(pep440("1.2", "patch"), None);
    }
}
