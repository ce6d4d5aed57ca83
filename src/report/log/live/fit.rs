//! Text that has to fit into a number of columns.

use crate::report::text::columns;
use unicode_width::UnicodeWidthChar;

/// The most characters that one column may have: marks that combine take none.
const MAX_CHARS_PER_COLUMN: usize = 8;

/// The columns of a text in any terminal: some draw each part of a composed character, such
/// as an emoji of several, beside the others.
pub(super) fn width(text: &str) -> usize {
    let apart: usize = text.chars().filter_map(UnicodeWidthChar::width).sum();
    columns(text).max(apart)
}

/// The text, or its beginning and `…`.
pub(super) fn cut(text: &str, max: usize) -> String {
    if width(text) <= max && text.chars().count() <= max * MAX_CHARS_PER_COLUMN {
        return text.to_owned();
    }
    match max {
        0 => String::new(),
        _ => format!("{}…", prefix(text.chars(), max - 1)),
    }
}

/// Shortens a name whose end distinguishes it from others: `dist/server (2 of 3)`.
pub(super) fn without_middle(name: &str, max: usize) -> String {
    if width(name) <= max {
        return name.to_owned();
    }
    let end = prefix(name.chars().rev(), max - max / 2 - 2);
    let end: String = end.chars().rev().collect();
    format!("{}…{end}", prefix(name.chars(), max / 2 + 1))
}

/// The text with spaces up to a width.
pub(super) fn filled(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// The first characters that take at most `max` columns.
fn prefix(chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut kept = String::new();
    for c in chars.take(max * MAX_CHARS_PER_COLUMN) {
        kept.push(c);
        if width(&kept) > max {
            kept.pop();
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{cut, filled, width, without_middle};

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(
            [cut("storefront", 10), cut("storefront", 9), cut("a", 0), cut("ab", 1)],
            ["storefront", "storefro…", "", "…"]
        );
        assert_eq!(
            [cut("日本語", 6), cut("日本語", 5), cut("日本語", 4)],
            ["日本語", "日本…", "日…"]
        );
        assert_eq!(without_middle("dist/server (2 of 3)", 14), "dist/ser…of 3)");
        assert_eq!(filled("日本", 5), "日本 ");
    }

    #[test]
    fn composed_characters_count_as_their_parts_where_those_are_wider() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        assert_eq!(width(family), 6);
        assert_eq!(width("❤\u{fe0f}"), 2);
        assert_eq!(cut(&format!("e{}x", "\u{301}".repeat(100)), 2).chars().count(), 9);
    }
}
