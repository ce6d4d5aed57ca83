//! Texts of servers, cut.

/// At most so many characters of a text. One that is cut ends in `…`, by which the redactor knows
/// that a secret may have been cut too.
pub fn shortened(text: &str, max_chars: usize) -> String {
    if text.char_indices().nth(max_chars).is_none() {
        return text.to_owned();
    }
    let kept = text.char_indices().nth(max_chars.saturating_sub(1));
    format!("{}…", &text[..kept.map_or(0, |(end, _)| end)])
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn what_is_cut_ends_in_an_ellipsis() {
        assert_eq!(shortened("äbc", 3), "äbc");
        assert_eq!(shortened("äbcd", 3), "äb…");
        assert_eq!(shortened("", 0), "");
    }
}
