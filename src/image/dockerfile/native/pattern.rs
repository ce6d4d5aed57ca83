//! The patterns of substitutions such as `${NAME%.tar}`: `*` and `?` match any characters, and
//! a backslash takes the meaning from the next one.

/// What a substitution with a pattern does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PatternEdit {
    /// `#`, and `##` for the longest match.
    TrimStart { longest: bool },
    /// `%`, and `%%` for the longest match.
    TrimEnd { longest: bool },
}

/// The value without the start or end that matches the pattern.
pub fn trim(value: &str, pattern: &str, edit: PatternEdit) -> String {
    let (value, pattern): (Vec<char>, Vec<char>) =
        (value.chars().collect(), pattern.chars().collect());
    let length = value.len();
    let kept = |taken: usize| match edit {
        PatternEdit::TrimStart { .. } => (&value[..taken], &value[taken..]),
        PatternEdit::TrimEnd { .. } => (&value[length - taken..], &value[..length - taken]),
    };
    let fits = |taken: &usize| matches(&pattern, kept(*taken).0);
    let taken = match edit {
        PatternEdit::TrimStart { longest: false } | PatternEdit::TrimEnd { longest: false } => {
            (0..=length).find(fits)
        }
        PatternEdit::TrimStart { longest: true } | PatternEdit::TrimEnd { longest: true } => {
            (0..=length).rev().find(fits)
        }
    };
    kept(taken.unwrap_or(0)).1.iter().collect()
}

/// What replaces the matches of a pattern.
pub struct Replacement<'a> {
    pub pattern: &'a str,
    pub by: &'a str,
    /// Every match, not the first alone.
    pub all: bool,
}

/// The value with the first match, or every match, replaced; `None` if it would be longer than
/// that. A match is as long as possible.
pub fn replace(value: &str, with: &Replacement<'_>, max_bytes: usize) -> Option<String> {
    let (value, pattern): (Vec<char>, Vec<char>) =
        (value.chars().collect(), with.pattern.chars().collect());
    let (mut replaced, mut at, mut done) = (String::new(), 0, false);
    while at < value.len() {
        let ends = (at + 1..=value.len()).rev();
        let end = ends.into_iter().find(|end| !done && matches(&pattern, &value[at..*end]));
        if let Some(end) = end {
            replaced.push_str(with.by);
            at = end;
            done = !with.all;
        } else {
            replaced.push(value[at]);
            at += 1;
        }
        if replaced.len() > max_bytes {
            return None;
        }
    }
    Some(replaced)
}

/// Whether the whole text matches. Remembers the last `*` alone, which is enough: an earlier
/// one never has to take more.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    loop {
        let (literal, length) = match pattern.get(at..) {
            Some(['*', ..]) => {
                at += 1;
                star = Some((at, seen));
                continue;
            }
            Some(['?', ..]) => (None, 1),
            Some(['\\', next, ..]) => (Some(*next), 2),
            Some([next, ..]) => (Some(*next), 1),
            Some([]) | None if seen == text.len() => return true,
            Some([]) | None => (Some('\0'), 0),
        };
        let fits = length > 0
            && text.get(seen).is_some_and(|letter| literal.is_none_or(|it| it == *letter));
        if fits {
            (at, seen) = (at + length, seen + 1);
            continue;
        }
        match star {
            Some((after, taken)) if taken < text.len() => {
                star = Some((after, taken + 1));
                (at, seen) = (after, taken + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PatternEdit, Replacement, matches, trim};

    #[test]
    fn patterns_are_those_of_a_shell() {
        let fits = |pattern: &str, text: &str| {
            let (pattern, text): (Vec<char>, Vec<char>) =
                (pattern.chars().collect(), text.chars().collect());
            matches(&pattern, &text)
        };
        for (pattern, text) in
            [("", ""), ("*", ""), ("a*c*e", "abcde"), ("?b", "äb"), ("\\*", "*"), ("*aab", "aaaab")]
        {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("?", ""), ("\\*", "a"), ("a*b", "abc"), ("a", "ab")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn ends_are_trimmed_and_matches_replaced() {
        let replace = |value: &str, pattern: &str, by: &str, all: bool| {
            super::replace(value, &Replacement { pattern, by, all }, 100).expect("it is short")
        };
        let start = |longest| PatternEdit::TrimStart { longest };
        let end = |longest| PatternEdit::TrimEnd { longest };
        assert_eq!(trim("a/b/c", "*/", start(false)), "b/c");
        assert_eq!(trim("a/b/c", "*/", start(true)), "c");
        assert_eq!(trim("a.tar.gz", ".*", end(false)), "a.tar");
        assert_eq!(trim("a.tar.gz", ".*", end(true)), "a");
        assert_eq!(trim("abc", "x", end(true)), "abc");
        assert_eq!(replace("a-b-c", "-", "_", false), "a_b-c");
        assert_eq!(replace("a-b-c", "-", "", true), "abc");
        assert_eq!(replace("a-b-c", "b*", "x", true), "a-x");
        assert_eq!(replace("abc", "", "x", true), "abc");
    }
}
