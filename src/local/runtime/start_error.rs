//! A container that cannot be started, in whichever backend.

use super::engine::EngineError;
use super::image::ImageError;
use std::error::Error;

/// A container that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    BuiltIn(Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("{0}")]
    Refused(String),
}

impl StartError {
    /// The error with all its causes on one line, for a container event.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
