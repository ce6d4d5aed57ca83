//! Entry points for the fuzz targets.

use std::io;

/// The paths in a layer.
pub fn tree(layer: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    super::layers::paths(layer)
}
