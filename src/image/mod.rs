//! Images: layers, OCI layouts and archives, Dockerfile builds. Every image ends up as blobs
//! in a [`Store`], and an [`Image`] names the blobs that belong to it. Nothing here talks to
//! a registry or starts a program: `registry` sends what is stored here, and `run` executes
//! the commands that are described here.

// What commands have changed, which run without an engine on Linux alone.
#[cfg(target_os = "linux")]
pub mod changes;
mod control;
pub mod dockerfile;
pub mod existing;
mod garbage;
mod hash;
pub mod ignore;
mod kept_folders;
pub mod layers;
mod layout_writer;
mod leads_outside;
mod manifest;
mod note;
mod origin;
mod product;
pub mod sbom;
mod store;
mod store_error;
mod stream;
#[cfg(test)]
mod testing;
#[doc(hidden)]
pub mod untrusted;

pub use control::WorkControl;
pub use garbage::{UnusedBlob, digests_in};
pub use kept_folders::{KeptFolder, KeptKind};
pub use layout_writer::write_layout;
pub use leads_outside::refuse_links_outside;
pub use manifest::Image;
pub use product::{Index, IndexEntry, Product};
pub use store::Store;
