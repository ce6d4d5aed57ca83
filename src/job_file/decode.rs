//! Makes text of the bytes of a job file.

use super::error::JobFileError;

/// The text of a file, with a byte order mark if it has one.
pub fn decode(bytes: &[u8]) -> Result<&str, JobFileError> {
    if is_utf16(bytes) {
        return Err(JobFileError::Utf16);
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        JobFileError::NotUtf8 { line: before.split(|byte| *byte == b'\n').count() }
    })
}

/// By its byte order mark, or by its first character: one of JSON is ASCII, so that one of its
/// two bytes is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..])
}
