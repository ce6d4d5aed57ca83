/// Why a job file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JobFileError {
    #[error("it is in UTF-16, and job files are read as UTF-8")]
    Utf16,
    #[error("it is not UTF-8: its line {line} has other bytes")]
    NotUtf8 { line: usize },
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

impl JobFileError {
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Utf16 => Some("save it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE` prints it so"),
            Self::NotUtf8 { .. } => Some(
                "save it as UTF-8: `iconv -f ISO-8859-1 -t UTF-8 FILE` prints text of Latin-1 so",
            ),
            Self::Json(_)
            | Self::NotAnObject
            | Self::NoObject(_)
            | Self::Twice(_)
            | Self::Invalid(_) => None,
        }
    }
}
