//! Which of the known words a misspelt one may have been.

/// Longer words are no slips of the finger, and comparing them takes long.
const LONGEST: usize = 64;

/// The known word that is nearest to this one, where one is near enough: a third
/// of its letters may be added, left out, changed or swapped with a neighbour.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let letters: Vec<char> = word.to_lowercase().chars().collect();
    if letters.is_empty() || letters.len() > LONGEST {
        return None;
    }
    let limit = (letters.len() / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit * 2)
        .map(|candidate| (distance(&letters, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *candidate != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be added, left out, changed or swapped.
fn distance(left: &[char], right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in right.iter().enumerate() {
            let changed = row[j] + usize::from(letter != other);
            let mut best = changed.min(row[j + 1] + 1).min(next[j] + 1);
            let swapped = i > 0 && j > 0 && left[i - 1] == *other && right[j - 1] == *letter;
            if swapped {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
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
