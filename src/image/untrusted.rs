//! Doors to what reads the layers of others, for throwing bytes at it. Not part
//! of the interface: nobody else is to use them.

use std::io;

/// The folders and links of a layer, as what is built on it sees them.
pub fn tree(layer: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    super::layers::paths(layer)
}
