//! Why a run ended without an image.

use std::error::Error;

/// Why a run gave no image, in lines for its log.
#[derive(Debug)]
pub enum BuildError {
    /// The engine's words, and the exit code of the build.
    Failed {
        lines: Vec<String>,
        code: i32,
    },
    Cancelled,
}

impl BuildError {
    /// A failure that an error describes.
    pub fn of(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.ends_with(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        Self::Failed { lines: vec![text], code: 1 }
    }

    pub fn said(text: impl Into<String>) -> Self {
        Self::Failed { lines: vec![text.into()], code: 1 }
    }
}
