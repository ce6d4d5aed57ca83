//! Job files of Batch AI and of Azure Batch: JSON that people keep, into which the image of
//! a container is written. What is beside it stays as it is, to the byte.

mod check;
mod decode;
mod error;
mod image;
mod login;
mod scan;
mod shape;
mod text;

pub use decode::decode;
pub use error::JobFileError;
pub use image::{JobCredentials, JobFormat, JobImage};
pub use login::login_of_another;

use serde::de::IgnoredAny;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The text of a job file with an image in it. Fails where it is no job of this format.
pub fn write(text: &str, format: JobFormat, image: &JobImage) -> Result<String, JobFileError> {
    let (mark, json) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(json) => (BYTE_ORDER_MARK, json),
        None => ("", text),
    };
    // The scanner of the text relies on JSON that is valid. Nothing is made of its values, whose
    // numbers and depths may be larger than `serde_json::Value` takes.
    serde_json::from_str::<IgnoredAny>(json)?;
    if !json.trim_start().starts_with('{') {
        return Err(JobFileError::NotAnObject);
    }
    let mut written = json.to_owned();
    for change in image.changes(format) {
        written = match &change.value {
            Some(value) => text::set(&written, &change.path, value)?,
            None => text::remove(&written, &change.path)?,
        };
    }
    let mistakes = check::mistakes(&shape::value(&written), format);
    if mistakes.is_empty() {
        Ok(format!("{mark}{written}"))
    } else {
        Err(JobFileError::Invalid(mistakes))
    }
}

#[cfg(test)]
mod tests;
