//! Setting response headers.

use http::header::IntoHeaderName;
use http::{HeaderMap, HeaderValue};

/// Sets a header. A value that is not allowed in a header is left out: all
/// values here are digests, paths and numbers, which always are.
pub fn set_header(headers: &mut HeaderMap, name: impl IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
