//! The vocabulary of OCI: digests, references, descriptors, platforms, media types,
//! and the JSON documents of images.
//!
//! Plain data that every other module may use, and the reader of tar archives that may be
//! hostile: nothing here knows a client, a file or a plan (OCI image specification 1.1, distribution specification 1.1).

mod descriptor;
mod digest;
mod document;
mod layer_file;
mod layer_reader;
mod reference;

pub use descriptor::{ANNOTATION_PREFIX, Descriptor, Platform, media_type};
pub use digest::{Digest, Hasher};
pub use document::{ImageConfig, ImageProcess, LAYOUT_INDEX, Manifest};
pub use layer_file::open_layer;
pub use layer_reader::LayerReader;
pub use reference::{InvalidReference, Reference, is_azure_registry, registry_host};
