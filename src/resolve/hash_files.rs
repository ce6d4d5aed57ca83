//! `hashFiles`, as GitHub computes it: the SHA-256 of the SHA-256 digests of all
//! files, in the order of their paths.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Hashes the files under a folder that match a pattern and no pattern with `!`.
/// Returns the digest in hexadecimal, or an empty string if no file matches. The
/// folders `.shipway` and `.git` never match.
pub fn hash_files(folder: &Path, patterns: &[String]) -> Result<String, String> {
    let patterns: Vec<&str> =
        patterns.iter().flat_map(|pattern| pattern.lines()).map(str::trim).collect();
    let excluded = globs(patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')))?;
    let included = globs(patterns.iter().copied().filter(|pattern| !pattern.starts_with('!')))?;
    let mut total = Sha256::new();
    let mut any = false;
    for file in files(folder)? {
        let Ok(path) = file.strip_prefix(folder) else { continue };
        if included.is_match(path) && !excluded.is_match(path) {
            total.update(
                digest(&file)
                    .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?,
            );
            any = true;
        }
    }
    Ok(if any { hex::encode(total.finalize()) } else { String::new() })
}

fn globs<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns.filter(|pattern| !pattern.is_empty() && !pattern.starts_with('#')) {
        let plain = pattern.trim_start_matches("./").trim_end_matches('/');
        // A pattern that names a folder matches every file in it.
        for glob in [plain.to_owned(), format!("{plain}/**")] {
            let glob = GlobBuilder::new(&glob).literal_separator(true).build();
            set.add(glob.map_err(|error| {
                format!("`{pattern}` is not a valid pattern: {}", error.kind())
            })?);
        }
    }
    set.build().map_err(|error| format!("the patterns are too many: {error}"))
}

/// Every file and link to a file under a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut walk = ignore::WalkBuilder::new(folder);
    walk.standard_filters(false)
        .filter_entry(|entry| entry.file_name() != ".shipway" && entry.file_name() != ".git");
    let mut files = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.path().is_file() {
            files.push(entry.into_path());
        }
    }
    files.sort();
    Ok(files)
}

fn digest(file: &Path) -> std::io::Result<sha2::digest::Output<Sha256>> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::hash_files;

    #[test]
    fn files_are_hashed_as_at_github() {
        let folder = tempfile::tempdir().expect("can be made");
        for (path, text) in
            [("a.lock", "a"), ("sub/b.lock", "b"), ("sub/c", "c"), (".shipway/x.lock", "x")]
        {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("can be made");
            std::fs::write(path, text).expect("can be written");
        }
        let hash = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            hash_files(folder.path(), &patterns)
        };
        // printf a | sha256sum | xxd -r -p | sha256sum
        let only_a = "bf5d3affb73efd2ec6c36ad3112dd933efed63c4e1cbffcfa88e2759c144f2d8";
        assert_eq!(hash(&["a.lock"]).as_deref(), Ok(only_a));
        assert_eq!(hash(&["**/*.lock", "!sub/**"]).as_deref(), Ok(only_a));
        assert_eq!(hash(&["*.lock\n# a comment"]).as_deref(), Ok(only_a));
        assert_eq!(hash(&["sub"]), hash(&["sub/*"]));
        assert_ne!(hash(&["**/*.lock"]).as_deref(), Ok(only_a));
        assert_eq!(hash(&["nothing"]).as_deref(), Ok(""));
        assert_eq!(hash(&["{"]), Err("`{` is not a valid pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)".to_owned()));
    }
}
