//! Which image each name on the machine stands for, as `docker build`, `docker pull` and
//! `docker tag` give it.

use super::names::{split_tag, with_tag};
use std::collections::BTreeMap;

/// What a name stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LocalImage {
    /// The build of this number, counted from 0.
    Built(usize),
    /// One that is in a registry.
    InRegistry(RegistryImage),
}

/// An image that is not built here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegistryImage {
    pub reference: String,
    pub platform: Option<String>,
}

/// The names that one build gives.
#[derive(Clone, Debug, Default)]
pub struct BuildNames {
    pub known: Vec<String>,
    /// Whether there may be others, which only the script knows.
    pub has_others: bool,
}

#[derive(Debug, Default)]
pub struct LocalImages {
    names: BTreeMap<String, LocalImage>,
    builds: usize,
    /// Whether the first build has names that are not known.
    first_has_others: bool,
}

impl LocalImages {
    /// Adds a build and returns its number.
    pub fn add_build(&mut self, names: BuildNames) -> usize {
        let number = self.builds;
        self.builds += 1;
        self.first_has_others |= number == 0 && names.has_others;
        for name in names.known {
            self.set(&name, LocalImage::Built(number));
        }
        number
    }

    pub fn set(&mut self, name: &str, image: LocalImage) {
        self.names.insert(key(name), image);
    }

    /// What a name stands for; `None` where that cannot be told. A name that only the
    /// script knows is `None`.
    pub fn get(&self, name: Option<&str>) -> Option<LocalImage> {
        let known = name.and_then(|name| self.names.get(&key(name)).cloned());
        // The one build there is, under a name that was not seen.
        let only = || (self.builds == 1 && self.first_has_others).then_some(LocalImage::Built(0));
        known.or_else(only)
    }

    /// The names in a repository, with their tags.
    pub fn of_repository(&self, repository: &str) -> Vec<String> {
        let wanted = key(repository);
        let wanted = split_tag(&wanted).map_or(wanted.as_str(), |(repository, _)| repository);
        let names = self.names.keys();
        names.filter(|name| split_tag(name).is_some_and(|(it, _)| it == wanted)).cloned().collect()
    }

    pub fn has_builds(&self) -> bool {
        self.builds > 0
    }

    /// Lets all names of one image stand for another.
    pub fn replace(&mut self, old: &LocalImage, new: &LocalImage) {
        for image in self.names.values_mut().filter(|image| *image == old) {
            image.clone_from(new);
        }
    }
}

/// A name as docker stores it: with its tag, and without docker's own registry.
fn key(name: &str) -> String {
    let name = with_tag(name);
    let short = ["index.docker.io/", "docker.io/"].iter().find_map(|host| name.strip_prefix(host));
    short.map_or_else(|| name.clone(), |name| name.trim_start_matches("library/").to_owned())
}

#[cfg(test)]
mod tests {
    use super::{BuildNames, LocalImage, LocalImages};

    fn names(known: &[&str]) -> BuildNames {
        BuildNames {
            known: known.iter().map(|name| (*name).to_owned()).collect(),
            has_others: false,
        }
    }

    #[test]
    fn name_stands_for_the_build_that_gave_it_last() {
        let mut images = LocalImages::default();
        images.add_build(names(&["r/a", "r/a:1"]));
        images.add_build(names(&["docker.io/octo/b:2"]));
        assert_eq!(images.get(Some("r/a:latest")), Some(LocalImage::Built(0)));
        assert_eq!(images.get(Some("octo/b:2")), Some(LocalImage::Built(1)));
        assert_eq!(images.get(Some("r/c")), None);
        assert_eq!(images.get(None), None);
        assert_eq!(images.of_repository("r/a"), ["r/a:1", "r/a:latest"]);
        images.add_build(names(&["r/a"]));
        assert_eq!(images.get(Some("r/a")), Some(LocalImage::Built(2)));
    }

    #[test]
    fn unseen_name_stands_for_the_only_build_without_one() {
        let mut images = LocalImages::default();
        images.add_build(BuildNames { known: Vec::new(), has_others: true });
        assert_eq!(images.get(None), Some(LocalImage::Built(0)));
        assert_eq!(images.get(Some("r/c")), Some(LocalImage::Built(0)));
        images.add_build(names(&["r/a"]));
        assert_eq!(images.get(Some("r/c")), None, "it may be either");
    }
}
