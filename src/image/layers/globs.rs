//! Which files of a folder go into a layer.

use super::error::LayerError;
use super::recipe::LayerSource;
use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// The `include` and `exclude` of one layer.
pub(super) struct Globs {
    /// Absent where everything is included.
    include: Option<GlobSet>,
    exclude: GlobSet,
}

/// What the globs say of one path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Included,
    /// Neither it nor, where it is a folder, anything in it.
    Excluded,
    /// Nothing names it, though something may name what is in it.
    Unnamed,
}

impl Globs {
    pub(super) fn new(source: &LayerSource) -> Result<Self, LayerError> {
        let include = match source.include.as_slice() {
            [] => None,
            globs => Some(set(globs)?),
        };
        Ok(Self { include, exclude: set(&source.exclude)? })
    }

    pub(super) fn selects(&self) -> bool {
        self.include.is_some()
    }

    /// Judges a path relative to the layer's folder, whose folder was included
    /// already or not.
    pub(super) fn judge(&self, path: &Path, folder_included: bool) -> Verdict {
        let candidate = Candidate::new(path);
        if self.exclude.is_match_candidate(&candidate) {
            return Verdict::Excluded;
        }
        let named = |include: &GlobSet| include.is_match_candidate(&candidate);
        if folder_included || self.include.as_ref().is_none_or(named) {
            Verdict::Included
        } else {
            Verdict::Unnamed
        }
    }
}

fn set(globs: &[String]) -> Result<GlobSet, LayerError> {
    let invalid = |glob: &str, source| LayerError::Glob { glob: glob.to_owned(), source };
    let mut builder = GlobSetBuilder::new();
    for text in globs {
        if text.starts_with('!') {
            return Err(LayerError::NegatedGlob { glob: text.clone() });
        }
        let relative = text.strip_prefix("./").unwrap_or(text).trim_matches('/');
        let glob = GlobBuilder::new(relative).literal_separator(true).build();
        builder.add(glob.map_err(|source| invalid(text, source))?);
    }
    builder.build().map_err(|source| invalid(&globs.join(" "), source))
}

#[cfg(test)]
mod tests {
    use super::{Globs, Verdict};
    use crate::image::layers::recipe::LayerSource;
    use std::path::Path;

    fn judge(include: &[&str], exclude: &[&str], path: &str) -> Verdict {
        let owned = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect();
        let source = LayerSource {
            include: owned(include),
            exclude: owned(exclude),
            ..LayerSource::default()
        };
        Globs::new(&source).expect("valid").judge(Path::new(path), false)
    }

    #[test]
    fn a_star_stays_within_a_name_and_two_do_not() {
        assert_eq!(judge(&[], &["*.map"], "a.map"), Verdict::Excluded);
        assert_eq!(judge(&[], &["*.map"], "js/a.map"), Verdict::Included);
        assert_eq!(judge(&[], &["**/*.map"], "a.map"), Verdict::Excluded);
        assert_eq!(judge(&[], &["**/*.map"], "js/deep/a.map"), Verdict::Excluded);
        assert_eq!(judge(&["js/**"], &[], "js/a"), Verdict::Included);
        assert_eq!(judge(&["js/**"], &[], "css/a"), Verdict::Unnamed);
    }

    #[test]
    fn slashes_at_the_ends_mean_nothing() {
        assert_eq!(judge(&[], &["./target/"], "target"), Verdict::Excluded);
        assert_eq!(judge(&[], &["/target"], "target"), Verdict::Excluded);
    }

    #[test]
    fn what_is_no_glob_is_said() {
        let globs = |glob: &str| {
            let exclude = vec![glob.to_owned()];
            let source = LayerSource { exclude, ..LayerSource::default() };
            Globs::new(&source).err().expect("invalid").to_string()
        };

        assert_eq!(globs("a[").as_str(), "understand the glob `a[`");
        assert_eq!(globs("!a").as_str(), "the glob `!a` begins with `!`");
    }
}
