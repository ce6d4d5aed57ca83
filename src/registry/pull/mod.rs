//! Pulls and lists: what a reference stands for, its blobs as files, the tags and
//! repositories of a registry.

mod blob;
mod image;
mod list;
mod manifests;

pub use list::{next_target, pages};
