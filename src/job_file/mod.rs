//! Job files of Batch AI and of Azure Batch: JSON that people keep, into which the image of
//! a container is written. What is beside it stays as it is, to the byte.

mod check;
mod image;
mod text;

pub use image::{JobCredentials, JobFormat, JobImage};

use serde_json::Value;

/// Why a job file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JobFileError {
    #[error("it is not JSON")]
    Json(#[from] serde_json::Error),
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("`{0}` is not an object")]
    NoObject(String),
    #[error("`{0}` stands there twice")]
    Twice(String),
    /// What the specification of the job asks for, one sentence each.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
}

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
