//! A push: missing blobs are uploaded, then the manifest is put under each name.
//!
//! In round trips, where nothing goes wrong: ask for the manifest and for all blobs at
//! once; open uploads for what is missing; send the bodies; put the manifest under
//! all tags. Where the manifest is there, the first round trip is the last. What an
//! index lists is put in a round trip before it. What is known from earlier pushes
//! saves requests, and the first round trip where it tells what is missing. A large
//! blob that several repositories lack costs one more, in which the others mount it.
//!
//! From the bottom up: `content` (what is pushed), `in_flight`, `repository`,
//! `transfer`, `ranges`, `open`, `upload` (one blob), `early`, `destination`, `put`,
//! `share`, `run`.

mod content;
mod destination;
mod early;
mod in_flight;
mod open;
mod put;
mod ranges;
mod repository;
mod run;
mod share;
mod transfer;
mod upload;

pub use content::{Blob, BlobSource, Push, PushManifest, Pushed};
pub use early::EarlyUploads;
