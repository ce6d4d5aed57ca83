//! Images as the runtime takes them: blobs that are already on this machine, and
//! where they are unpacked. Nothing here fetches anything.

mod config;
mod files;
mod tree;

pub use config::ProgramConfig;
pub use files::{Image, ImageError};
pub use tree::Trees;
