//! The name of a pull request's preview, which has to be unique beyond its repository.

use crate::value::slug;
use sha2::{Digest as _, Sha256};

/// The longest name of a container app, the shortest limit of what can be deployed to. A DNS
/// label may have 63.
const MAX_BYTES: usize = 32;

/// A DNS label such as `storefront-pr-12-8f3a2c`, which no pull request of another repository
/// has. `repository` is `owner/name`; it is hashed in lower case, since GitHub ignores the
/// case.
pub fn dns_label(repository: &str, number: u64) -> String {
    let hash = Sha256::digest(format!("{}#{number}", repository.to_lowercase()));
    let end = format!("-pr-{number}-{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2]);
    let name = slug(repository.rsplit('/').next().unwrap_or_default());
    // Container groups and apps need a letter first.
    let begins_with_letter = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    let name = if begins_with_letter { name } else { format!("r{name}") };
    let name = &name[..name.len().min(MAX_BYTES.saturating_sub(end.len()))];
    format!("{}{end}", name.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::dns_label;

    #[test]
    fn label_names_repository_and_number_within_the_limits() {
        assert_eq!(dns_label("octo/demo", 7), "demo-pr-7-ae066c");
        assert_eq!(dns_label("Octo/Demo", 7), "demo-pr-7-ae066c");
        for (repository, number) in [
            ("octo/the-very-long-name.of_a_repository-that-goes-on", 1_234_567),
            ("octo/42-is.the.answer", 3),
            ("octo/---", 3),
            ("octo/ünïcödé", 3),
        ] {
            let label = dns_label(repository, number);
            assert!(label.len() <= 32, "{label}");
            let is_fine = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            assert!(label.chars().all(|letter| is_fine(letter) || letter == '-'), "{label}");
            assert!(label.starts_with(|letter: char| letter.is_ascii_lowercase()), "{label}");
            assert!(!label.contains("--"), "{label}");
        }
    }

    #[test]
    fn labels_of_repositories_with_the_same_name_differ() {
        assert_ne!(dns_label("octo/demo", 7), dns_label("eve/demo", 7));
        assert_ne!(dns_label("octo/demo", 7), dns_label("octo/demo", 8));
    }
}
