//! A text that a pattern matches.

use regex_syntax::hir::{Class, Hir, HirKind};

/// How long a text may be. Certificates hold no longer identities.
const MAX_BYTES: usize = 2_000;

/// One of the short texts that a pattern matches, of printable ASCII. `None` for a pattern that
/// matches none, or whose texts look around.
pub fn example(pattern: &str) -> Option<String> {
    let mut text = String::new();
    write(&regex_syntax::parse(pattern).ok()?, &mut text)?;
    Some(text)
}

fn write(pattern: &Hir, text: &mut String) -> Option<()> {
    match pattern.kind() {
        // Whether a position fits is seen once the whole text is matched.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => text.push(character(class)?),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                let before = text.len();
                write(&repetition.sub, text)?;
                if text.len() == before {
                    break;
                }
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, text))?,
        HirKind::Alternation(parts) => {
            let before = text.len();
            parts.iter().find_map(|part| {
                text.truncate(before);
                write(part, text)
            })?;
        }
    }
    (text.len() <= MAX_BYTES && text.is_ascii()).then_some(())
}

/// A character of a class, one that names are made of if there is one.
fn character(class: &Class) -> Option<char> {
    let is_in = |character: char| match class {
        Class::Unicode(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&character))
        }
        Class::Bytes(class) => class.iter().any(|range| {
            u8::try_from(character).is_ok_and(|it| (range.start()..=range.end()).contains(&it))
        }),
    };
    // What any character fits is mostly a point that was not escaped.
    if ['.', '/', ' '].into_iter().all(is_in) {
        return Some('.');
    }
    ('a'..='z').chain('A'..='Z').chain('0'..='9').chain('!'..='~').find(|it| is_in(*it))
}

#[cfg(test)]
mod tests {
    use super::example;

    #[test]
    fn pattern_matches_its_example() {
        let release =
            r"https://github\.com/octo/shop/\.github/workflows/release\.yml@refs/tags/v.*";
        for (pattern, wanted) in [
            (release, "https://github.com/octo/shop/.github/workflows/release.yml@refs/tags/v"),
            (r"https://github\.com/octo/[^/]+/.*", "https://github.com/octo/a/"),
            (r"v[0-9]+(\.[0-9]{2,3}){2}|x", "v0.00.00"),
            (r"(?:[^\x00-\x{10FFFF}]|ann|bob)@(?i:EXAMPLE)\.com", "ann@example.com"),
            (r"(?x) ^ a # first", "a"),
            (r"\d{3}", "000"),
            ("https://github.com/.*", "https://github.com/"),
            (r"(){4000000000}a", "a"),
        ] {
            assert_eq!(example(pattern).as_deref(), Some(wanted), "{pattern}");
        }
    }

    #[test]
    fn pattern_without_a_usable_text_has_no_example() {
        for pattern in ["(", "a{3000}", "(a{900}){900}", r"[é]", r"[^\x00-\x{10FFFF}]"] {
            assert_eq!(example(pattern), None, "{pattern}");
        }
    }
}
