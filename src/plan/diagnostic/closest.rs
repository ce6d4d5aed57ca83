//! Finds the known word that a misspelt one may have been.

/// Longer words are not typing errors, and comparing them takes long.
const MAX_WORD_CHARS: usize = 64;

/// The known word that is nearest to this one, if any is near enough: up to a
/// third of the letters may be added, left out, changed or swapped with a
/// neighbour.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    let letters = lower.chars().count();
    if letters == 0 || letters > MAX_WORD_CHARS {
        return None;
    }
    let limit = (letters / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit * 2)
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *candidate != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn near_words_are_found() {
        #[track_caller]
        fn case(word: &str, expected: Option<&str>) {
            assert_eq!(
                closest(word, ["build", "push", "deploy", "resource-group"]),
                expected,
                "{word}"
            );
        }
        case("pusj", Some("push"));
        case("psuh", Some("push"));
        case("Deploy", Some("deploy"));
        case("resource_group", Some("resource-group"));
        case("resourcegroup", Some("resource-group"));
        case("verify", None);
        case("", None);
        case("push", None);
        case(&"x".repeat(1000), None);
    }

    #[test]
    fn the_nearest_wins() {
        assert_eq!(closest("step", ["stop", "steps"]), Some("stop"));
        assert_eq!(closest("stepss", ["stop", "steps"]), Some("steps"));
    }
}
