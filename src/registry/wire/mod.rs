//! Requests to one registry and their responses: where they go, what they carry,
//! who may see the token, how long they may take.
//!
//! Nothing here knows what a push is, or where the bytes of a body come from.

mod address;
mod concurrency;
mod host;
mod payload;
mod quick_retry;
mod request;
mod response;

pub use address::{Address, NamedHosts};
pub use host::{Host, drain};
pub use payload::{BodySource, BodyStream, Meter, Payload};
pub use quick_retry::{QuickRetry, is_broken_connection};
pub use request::{Request, Scope};
pub use response::message as error_message;
pub use response::{
    begins_at, digest_header, header, length_header, one_line, refused, refused_with_digests,
    verify_digest,
};
