//! Requests to one registry and their answers: where they go, what they carry,
//! who may see the token, how long they may take.
//!
//! Nothing here knows what a push is.

mod address;
mod answer;
mod bodies;
mod host;
mod pauses;
mod payload;
mod remote;
mod request;

pub(super) use address::Address;
pub(super) use answer::words as error_words;
pub(super) use answer::{digest_of, expect_digest, header, length_of, refused, refused_with};
pub(super) use host::Host;
pub(super) use pauses::{Pauses, broke};
pub(super) use payload::{Meter, Payload};
pub use remote::RemoteBlob;
pub(super) use request::{Request, Scope};
