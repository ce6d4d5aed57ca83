//! The abbreviated hash of a commit.

/// How many digits of a hash are shown, as git does.
const SHORT_CHARS: usize = 7;

/// The first seven digits of a commit's hash.
pub fn short_commit(hash: &str) -> &str {
    hash.char_indices().nth(SHORT_CHARS).map_or(hash, |(end, _)| &hash[..end])
}

#[cfg(test)]
mod tests {
    use super::short_commit;

    #[test]
    fn a_hash_is_cut_to_seven_digits() {
        assert_eq!(short_commit("4387e9f3d6e14c459867679a90fd0f7912345678"), "4387e9f");
        assert_eq!(short_commit("4387"), "4387");
        assert_eq!(short_commit("ééééééééé"), "ééééééé");
    }
}
