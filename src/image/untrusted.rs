//! Entry points for the fuzz targets.

use super::ignore::Ignore;
use std::io;

pub use super::dockerfile::untrusted::{build_output, dockerfile};

/// The paths in a layer.
pub fn tree(layer: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    super::layers::paths(layer)
}

/// What an ignore file says of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ignored {
    pub left_out: bool,
    /// Whether all in it is left out too, if it is a folder.
    pub with_all_in_it: bool,
}

/// What an ignore file says of each path; the error says why it is no ignore file.
pub fn ignored(file: &str, paths: &[&[u8]]) -> Result<Vec<Ignored>, String> {
    let ignore = Ignore::parse(file).map_err(|error| error.to_string())?;
    let of = |path: &&[u8]| Ignored {
        left_out: ignore.leaves_out(path),
        with_all_in_it: ignore.leaves_out_all_in(path),
    };
    Ok(paths.iter().map(of).collect())
}
