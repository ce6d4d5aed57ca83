//! Selects the files of a folder that go into a layer.

use super::error::LayerError;
use super::recipe::{IgnoreRules, LayerSource};
use super::tree::parts;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::image::ignore::Ignore;
use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Docker's name for an ignore file.
const DOCKERIGNORE: &str = ".dockerignore";

/// The `include` and `exclude` patterns and the ignore file of a layer.
pub struct Globs {
    /// Absent if everything is included.
    include: Option<GlobSet>,
    exclude: GlobSet,
    ignore: Ignore,
    /// The layer's folder relative to the folder of the ignore file; ends with `/` unless
    /// empty.
    within: Vec<u8>,
}

/// The decision about a path that is not excluded with everything in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Whether `include` matches it or a parent folder.
    pub included: bool,
    /// Whether it is ignored, although files in it may not be.
    pub ignored: bool,
}

impl Verdict {
    /// Whether it becomes part of the layer.
    pub fn holds(self) -> bool {
        self.included && !self.ignored
    }
}

impl Globs {
    /// For a layer whose folder or file is at `from`.
    pub fn new(source: &LayerSource, from: &Path) -> Result<Self, LayerError> {
        let include = match source.include.as_slice() {
            [] => None,
            globs => Some(set(globs)?),
        };
        let (ignore, within) = match &source.ignore {
            IgnoreRules::Own => (own(from)?, Vec::new()),
            IgnoreRules::ListedLayer { list, within } => {
                let parts = parts(within.as_os_str().as_bytes());
                (list.clone(), parts.flat_map(|part| [part, b"/"]).flatten().copied().collect())
            }
        };
        Ok(Self { include, exclude: set(&source.exclude)?, ignore, within })
    }

    pub fn selects(&self) -> bool {
        self.include.is_some()
    }

    /// Decides about a path relative to the layer's folder. `None` if neither it nor
    /// anything in it is wanted.
    pub fn judge(&self, path: &[u8], folder_included: bool, is_folder: bool) -> Option<Verdict> {
        let candidate = Candidate::new(OsStr::from_bytes(path));
        if self.exclude.is_match_candidate(&candidate) {
            return None;
        }
        let named = |include: &GlobSet| include.is_match_candidate(&candidate);
        let included = folder_included || self.include.as_ref().is_none_or(named);
        let path = [&self.within, path].concat();
        let ignored = self.ignore.leaves_out(&path);
        if ignored && (!is_folder || self.ignore.leaves_out_all_in(&path)) {
            return None;
        }
        Some(Verdict { included, ignored })
    }
}

/// The `.dockerignore` in the folder itself.
fn own(from: &Path) -> Result<Ignore, LayerError> {
    let path = from.join(DOCKERIGNORE);
    let text = match bounded_file::read(&path, MAX_WRITTEN_BYTES) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Ignore::default());
        }
        Err(source) => return Err(LayerError::Read { path, source }),
    };
    Ignore::parse(&String::from_utf8_lossy(&text))
        .map_err(|source| LayerError::Ignore { path, source })
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
    use super::Globs;
    use crate::image::ignore::Ignore;
    use crate::image::layers::recipe::{IgnoreRules, LayerSource};
    use std::path::Path;

    fn globs(source: &LayerSource) -> Globs {
        Globs::new(source, Path::new("/dev/null")).expect("valid")
    }

    /// The decision about a file: in, out, or not named.
    fn judge(include: &[&str], exclude: &[&str], path: &str) -> &'static str {
        let owned = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect();
        let source = LayerSource {
            include: owned(include),
            exclude: owned(exclude),
            ..LayerSource::default()
        };
        match globs(&source).judge(path.as_bytes(), false, false) {
            None => "out",
            Some(verdict) if verdict.holds() => "in",
            Some(_) => "not named",
        }
    }

    #[test]
    fn ignore_file_that_is_a_device_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(".dockerignore"))
            .expect("a link");
        let source = LayerSource { ignore: IgnoreRules::Own, ..LayerSource::default() };
        let Err(error) = Globs::new(&source, folder.path()) else { panic!("it is refused") };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let shown = error.to_string().replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(
            (shown.as_str(), cause.as_deref()),
            ("cannot read `DIR/.dockerignore`", Some("it is no file"))
        );
    }

    #[test]
    fn a_star_stays_within_a_name_and_two_do_not() {
        assert_eq!(judge(&[], &["*.map"], "a.map"), "out");
        assert_eq!(judge(&[], &["*.map"], "js/a.map"), "in");
        assert_eq!(judge(&[], &["**/*.map"], "a.map"), "out");
        assert_eq!(judge(&[], &["**/*.map"], "js/deep/a.map"), "out");
        assert_eq!(judge(&["js/**"], &[], "js/a"), "in");
        assert_eq!(judge(&["js/**"], &[], "css/a"), "not named");
    }

    #[test]
    fn outer_slashes_are_ignored() {
        assert_eq!(judge(&[], &["./target/"], "target"), "out");
        assert_eq!(judge(&[], &["/target"], "target"), "out");
    }

    #[test]
    fn patterns_of_a_parent_folder_apply_to_its_paths() {
        let list = Ignore::parse("app/node_modules\napp/dist\n!app/dist/keep\n").expect("valid");
        let ignore = IgnoreRules::ListedLayer { list, within: "./app".into() };
        let globs = globs(&LayerSource { ignore, ..LayerSource::default() });
        let judge = |path: &str, is_folder| globs.judge(path.as_bytes(), true, is_folder);

        assert_eq!(judge("node_modules", false), None);
        assert_eq!(judge("dist/other", false), None);
        assert!(!judge("dist", true).expect("something in it is wanted").holds());
        assert!(judge("dist/keep", false).expect("wanted").holds());
        assert!(judge("app/dist/other", false).expect("another one").holds());
    }

    #[test]
    fn an_invalid_glob_is_refused() {
        let globs = |glob: &str| {
            let exclude = vec![glob.to_owned()];
            let source = LayerSource { exclude, ..LayerSource::default() };
            Globs::new(&source, Path::new("/")).err().expect("invalid").to_string()
        };

        assert_eq!(globs("a[").as_str(), "invalid glob `a[`");
        assert_eq!(globs("!a").as_str(), "the glob `!a` begins with `!`");
    }
}
