//! The versions that a target has run, as its tags hold them.
//!
//! Nothing else remembers them: the machine that deployed may be gone, and Azure has
//! the newest version alone. A version is an image; another deploy of the same one
//! makes no new version.

use crate::journal::RunId;
use crate::oci::Reference;
use crate::value::MAX_TAG_VALUE_CHARS;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// How many versions a target remembers beside the one that it runs.
pub const MAX_PAST_REVISIONS: usize = 4;

/// The image of a past version. Its other half is at the same name with [`FROM`].
const REVISION: &str = "shipway-revision-";
const FROM: &str = "-from";

/// Stands for names that do not fit into a tag.
const TOO_LONG: &str = "?";

/// A version that a target runs or ran.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeployedRevision {
    /// By its digest, and with its tag if that is known.
    pub image: Reference,
    pub commit: Option<String>,
    /// The time of the commit: RFC 3339.
    pub commit_time: Option<String>,
    /// The id of the run that deployed it.
    pub run: String,
    /// Whether the working tree had changes that are not in the commit.
    pub dirty: bool,
    /// Whether the checks of its service succeeded.
    pub verified: bool,
    /// Whether `shipway rollback` put an earlier version in its place.
    pub taken_back: bool,
    /// The names of its secure variables; `None` if they did not fit into a tag.
    pub secure: Option<Vec<String>>,
}

impl DeployedRevision {
    /// When the run began that deployed it.
    pub fn deployed_at(&self) -> Option<Timestamp> {
        RunId::existing(&self.run).began()
    }

    pub fn digest(&self) -> &str {
        self.image.digest.as_ref().map_or("", |digest| digest.as_str())
    }

    /// The past versions in the tags of a target, the newest first. `get` finds the
    /// value of a tag.
    pub fn read_all(get: &dyn Fn(&str) -> Option<String>) -> Vec<Self> {
        let read = |place: usize| {
            let name = format!("{REVISION}{place}");
            let image: Reference = get(&name)?.parse().ok()?;
            image.digest.as_ref()?;
            Some(Self::read(image, &get(&(name + FROM)).unwrap_or_default()))
        };
        (1..=MAX_PAST_REVISIONS).filter_map(read).collect()
    }

    fn read(image: Reference, from: &str) -> Self {
        let mut read = Self {
            image,
            commit: None,
            commit_time: None,
            run: String::new(),
            dirty: false,
            verified: false,
            taken_back: false,
            secure: Some(Vec::new()),
        };
        for word in from.split_whitespace() {
            match word.split_once('=') {
                Some(("commit", commit)) => read.commit = Some(commit.to_owned()),
                Some(("time", time)) => read.commit_time = Some(time.to_owned()),
                Some(("run", run)) => run.clone_into(&mut read.run),
                Some(("secure", TOO_LONG)) => read.secure = None,
                Some(("secure", names)) => {
                    read.secure = Some(names.split(',').map(str::to_owned).collect());
                }
                None if word == "dirty" => read.dirty = true,
                None if word == "verified" => read.verified = true,
                None if word == "taken-back" => read.taken_back = true,
                // Of a later version of Shipway.
                _ => {}
            }
        }
        read
    }

    /// The tags for past versions, the newest first.
    pub fn tags_of(all: &[Self]) -> BTreeMap<String, String> {
        let each = all.iter().take(MAX_PAST_REVISIONS).enumerate();
        let tags = each.flat_map(|(place, revision)| {
            let name = format!("{REVISION}{}", place + 1);
            [(name.clone(), revision.image_value()), (name + FROM, revision.origin_value())]
        });
        tags.collect()
    }

    fn image_value(&self) -> String {
        let whole = self.image.to_string();
        if whole.chars().count() <= MAX_TAG_VALUE_CHARS {
            return whole;
        }
        Reference { tag: None, ..self.image.clone() }.to_string()
    }

    fn origin_value(&self) -> String {
        let named = |name: &str, value: Option<&String>| {
            value.map(|value| format!("{name}={value}")).into_iter()
        };
        let flag = |name: &str, is_set: bool| is_set.then(|| name.to_owned()).into_iter();
        let words: Vec<String> = named("commit", self.commit.as_ref())
            .chain(named("time", self.commit_time.as_ref()))
            .chain(named("run", Some(&self.run)))
            .chain(flag("dirty", self.dirty))
            .chain(flag("verified", self.verified))
            .chain(flag("taken-back", self.taken_back))
            .collect();
        let words = words.join(" ");
        let names = self.secure.as_ref().map_or_else(|| TOO_LONG.to_owned(), |it| it.join(","));
        if names.is_empty() {
            return words;
        }
        let whole = format!("{words} secure={names}");
        if whole.chars().count() <= MAX_TAG_VALUE_CHARS {
            return whole;
        }
        format!("{words} secure={TOO_LONG}")
    }
}

/// The past versions of a target once an image of this digest runs in place of
/// `current`, the newest first.
pub fn past_revisions(
    current: Option<DeployedRevision>,
    past: Vec<DeployedRevision>,
    digest: Option<&str>,
) -> Vec<DeployedRevision> {
    let mut all: Vec<DeployedRevision> = Vec::new();
    for revision in current.into_iter().chain(past) {
        let is_known = all.iter().any(|known| known.digest() == revision.digest());
        if !is_known && Some(revision.digest()) != digest {
            all.push(revision);
        }
    }
    all.truncate(MAX_PAST_REVISIONS);
    all
}

#[cfg(test)]
mod tests {
    use super::{DeployedRevision, past_revisions};
    use crate::oci::Digest;
    use crate::value::MAX_TAG_VALUE_CHARS;

    fn revision(content: &str) -> DeployedRevision {
        let image = format!("demo.azurecr.io/team/web:v1@{}", Digest::of(content.as_bytes()));
        DeployedRevision {
            image: image.parse().expect("a reference"),
            commit: Some("7c09f310000000000000000000000000000beef0".into()),
            commit_time: Some("2025-12-31T11:00:00Z".into()),
            run: "01kdt4eyg0000000000000000a".into(),
            dirty: true,
            verified: true,
            taken_back: true,
            secure: Some(vec!["DATABASE_URL".into(), "TOKEN".into()]),
        }
    }

    fn read(all: &[DeployedRevision]) -> Vec<DeployedRevision> {
        let tags = DeployedRevision::tags_of(all);
        assert!(tags.values().all(|value| value.len() <= MAX_TAG_VALUE_CHARS), "{tags:?}");
        DeployedRevision::read_all(&|name| tags.get(name).cloned())
    }

    #[test]
    fn revisions_are_read_as_they_were_written() {
        let bare = DeployedRevision {
            commit: None,
            commit_time: None,
            dirty: false,
            verified: false,
            taken_back: false,
            secure: Some(Vec::new()),
            ..revision("b")
        };
        let all = [revision("a"), bare];
        assert_eq!(read(&all), all);
    }

    #[test]
    fn names_that_do_not_fit_are_not_known() {
        let many = (0..40).map(|number| format!("VARIABLE_{number}")).collect();
        let long = DeployedRevision { secure: Some(many), ..revision("a") };
        let found = read(&[long]);
        assert_eq!(found, [DeployedRevision { secure: None, ..revision("a") }]);
        assert_eq!(read(&found), found);
    }

    #[test]
    fn each_image_is_one_past_revision_and_what_runs_is_none() {
        let of = |contents: &[&str]| contents.iter().map(|it| revision(it)).collect::<Vec<_>>();
        let after = |current: &str, past: &[&str], new: &str| {
            let new = Digest::of(new.as_bytes()).to_string();
            past_revisions(Some(revision(current)), of(past), Some(&new))
        };
        assert_eq!(after("b", &["a"], "c"), of(&["b", "a"]));
        assert_eq!(after("b", &["a"], "b"), of(&["a"]), "the same image again");
        assert_eq!(after("c", &["b", "a"], "a"), of(&["c", "b"]), "one that ran before");
        assert_eq!(after("e", &["d", "c", "b", "a"], "f"), of(&["e", "d", "c", "b"]));
    }
}
