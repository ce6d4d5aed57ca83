//! The labels that every image gets, unless the plan or its Dockerfile gives them.

use crate::oci::ANNOTATION_PREFIX;
use std::collections::BTreeMap;

/// Adds the labels of the source that `given` does not have. One that the plan
/// leaves empty is left out, and so is one that `text`, a Dockerfile, names.
pub fn with_source(
    mut given: BTreeMap<String, String>,
    source: &BTreeMap<&'static str, String>,
    text: Option<&str>,
) -> BTreeMap<String, String> {
    for (name, value) in source {
        let key = format!("{ANNOTATION_PREFIX}{name}");
        if text.is_none_or(|text| !text.contains(&key)) {
            given.entry(key).or_insert_with(|| value.clone());
        }
    }
    given.retain(|key, value| !value.is_empty() || !key.starts_with(ANNOTATION_PREFIX));
    given
}

#[cfg(test)]
mod tests {
    use super::with_source;
    use std::collections::BTreeMap;

    #[test]
    fn labels_of_the_plan_and_of_the_dockerfile_win() {
        let source = [("source", "https://x/a/b".to_owned()), ("version", "1.2.3".to_owned())];
        let source = BTreeMap::from(source);
        let labels = |given: &[(&str, &str)], text| {
            let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let all = with_source(given.collect(), &source, text);
            all.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        let (own, version) =
            ("org.opencontainers.image.source", "org.opencontainers.image.version");
        assert_eq!(labels(&[("k", "")], None), format!("k= {own}=https://x/a/b {version}=1.2.3"));
        assert_eq!(labels(&[(own, "here")], None), format!("{own}=here {version}=1.2.3"));
        assert_eq!(labels(&[(own, "")], None), format!("{version}=1.2.3"));
        let text = format!("FROM scratch\nLABEL {version}=$V\n");
        assert_eq!(labels(&[], Some(&text)), format!("{own}=https://x/a/b"));
    }
}
