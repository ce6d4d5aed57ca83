//! The patterns of `COPY` and `ADD`.

/// Go's `filepath.Match` for a single path part.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|taken| matches(rest, &name[taken..])),
        [b'?', rest @ ..] => {
            // `?` matches one character, which may be several bytes.
            let length = std::str::from_utf8(name)
                .ok()
                .and_then(|name| name.chars().next())
                .map_or(1, char::len_utf8);
            !name.is_empty() && matches(rest, &name[length..])
        }
        [b'[', rest @ ..] => match (set(rest, name.first().copied()), name) {
            (Some((true, rest)), [_, name @ ..]) => matches(rest, name),
            _ => false,
        },
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
            name.first() == Some(byte) && matches(rest, &name[1..])
        }
    }
}

/// Whether a path is a pattern, which may match no file.
pub fn is_pattern(path: &[u8]) -> bool {
    match path {
        [] => false,
        [b'*' | b'?' | b'[', ..] => true,
        [b'\\', _, rest @ ..] | [_, rest @ ..] => is_pattern(rest),
    }
}

/// Whether a byte is in the set that starts here, and the pattern after the set.
fn set(pattern: &[u8], byte: Option<u8>) -> Option<(bool, &[u8])> {
    let (negated, mut pattern) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let byte = byte?;
    let mut found = false;
    loop {
        let (first, rest) = match pattern {
            [b']', rest @ ..] => return Some((found != negated, rest)),
            [b'\\', first, rest @ ..] | [first, rest @ ..] => (*first, rest),
            [] => return None,
        };
        let (last, rest) = match rest {
            [b'-', b'\\', last, rest @ ..] => (*last, rest),
            [b'-', last, rest @ ..] if *last != b']' => (*last, rest),
            rest => (first, rest),
        };
        found |= (first..=last).contains(&byte);
        pattern = rest;
    }
}
