//! Images as the runtime takes them: blobs that are already on this machine, and
//! how they are unpacked. Nothing here fetches anything.

mod config;
mod files;
mod path;
mod tree;
mod unpack;

pub use config::ProgramConfig;
pub use files::{Image, ImageError};
pub use tree::{Trees, remove_tree};
pub use unpack::open_layer;
pub use unpack::{unpack, unpack_for};
