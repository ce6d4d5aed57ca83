//! Images: layers, OCI layouts and archives, Dockerfile builders.
//!
//! Everything ends up as blobs in a [`Store`], and an [`Image`] says which of
//! them belong together. Nothing here talks to a registry or starts a program:
//! `registry` sends what is here, and the run starts what is described here.

pub mod dockerfile;
pub mod existing;
pub mod export;
mod hash;
pub mod ignore;
pub mod layers;
mod manifest;
mod origin;
mod product;
pub mod sbom;
mod store;
mod stream;
#[doc(hidden)]
pub mod untrusted;
mod watch;

pub use manifest::Image;
pub use product::{Child, Index, Product};
pub use store::Store;
pub use watch::Watch;
