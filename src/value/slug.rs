//! A text as a part of a name.

/// The length of a DNS label.
const MAX_SLUG_BYTES: usize = 63;

/// A text as a DNS label: lower case letters, digits and single hyphens.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        if slug.len() == MAX_SLUG_BYTES {
            break;
        }
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => slug.push(letter),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn slugs_are_letters_digits_and_single_hyphens() {
        assert_eq!(slug("Feature/ADD_Größe--2!"), "feature-add-gr-e-2");
        assert_eq!(slug("/"), "");
        assert_eq!(slug(&format!("{}//b", "a".repeat(62))), "a".repeat(62));
        assert_eq!(slug(&"a".repeat(70)), "a".repeat(63));
    }
}
