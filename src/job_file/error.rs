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
