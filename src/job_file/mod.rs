//! Job files of Batch AI and of Azure Batch: JSON that people keep, into which the image of
//! a container is written. What is beside it stays as it is, to the byte.

mod check;
mod error;
mod image;
mod text;

pub use error::JobFileError;
pub use image::{JobCredentials, JobFormat, JobImage};

use serde_json::Value;

/// The text of a job file with an image in it. Fails where it is no job of this format.
pub fn write(text: &str, format: JobFormat, image: &JobImage) -> Result<String, JobFileError> {
    // The scanner of the text relies on JSON that is valid.
    let value: Value = serde_json::from_str(text)?;
    if !value.is_object() {
        return Err(JobFileError::NotAnObject);
    }
    let mut written = text.to_owned();
    for (path, value) in image.members(format) {
        written = text::set(&written, &path, &value)?;
    }
    let mistakes = check::mistakes(&serde_json::from_str(&written)?, format);
    if mistakes.is_empty() { Ok(written) } else { Err(JobFileError::Invalid(mistakes)) }
}

#[cfg(test)]
mod tests;
