//! What was looked at, and how it is.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Ok,
    /// It works, but not as well as it could.
    Warning,
    Failed,
    /// Something else has to be mended first.
    NotChecked,
}

impl State {
    pub fn mark(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warning => "!",
            Self::Failed => "✗",
            Self::NotChecked => "-",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotChecked => "not-checked",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// Stable, for programs: `push demo.azurecr.io`.
    pub id: String,
    pub state: State,
    pub detail: String,
    /// The command that mends it.
    pub fix: Option<String>,
    /// What to do where no command can do it.
    pub help: Option<String>,
}

impl Check {
    pub fn new(id: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self { id: id.into(), state, detail: detail.into(), fix: None, help: None }
    }

    pub fn ok(id: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(id, State::Ok, detail)
    }

    pub fn failed(id: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(id, State::Failed, detail)
    }

    pub fn warning(id: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(id, State::Warning, detail)
    }

    pub fn not_checked(id: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(id, State::NotChecked, why)
    }

    #[must_use]
    pub fn fix(self, command: impl Into<String>) -> Self {
        Self { fix: Some(command.into()), ..self }
    }

    #[must_use]
    pub fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}
