//! Images as the runtime takes them: blobs that are already on this machine. Nothing here
//! fetches anything.

mod config;
mod files;

pub use config::ProgramConfig;
pub use files::{Image, ImageError};
