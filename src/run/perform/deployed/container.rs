//! A container of a deployed resource, and how it is.

/// A container of a deployed resource. In a list, its state is not known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeployedContainer {
    pub name: String,
    pub image: String,
    pub health: Health,
    pub is_running: bool,
    /// When its current instance was started: RFC 3339.
    pub started: Option<String>,
    /// Of its current instance, if that has ended.
    pub exit_code: Option<i64>,
    /// The instance before, if it was started again.
    pub previous: Option<PastInstance>,
}

/// How an instance of a container ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PastInstance {
    pub exit_code: Option<i64>,
    /// What the cloud says of it; may be empty.
    pub detail: String,
}

/// The state of a container, as a person wants to know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    pub word: &'static str,
    pub restarts: u32,
    /// Of the current run of the container if it has ended, else of the run before.
    pub exit_code: Option<i64>,
    /// What the cloud says, such as `ErrImagePull: …`; may be empty.
    pub detail: String,
    /// Whether it runs, or has ended with 0 where it is not started again.
    pub is_well: bool,
}

impl Health {
    pub fn new(word: &'static str, restarts: u32) -> Self {
        Self { word, restarts, exit_code: None, detail: String::new(), is_well: false }
    }

    /// The exit code of the run before says little of a container that runs again; JSON
    /// has it. Such as `running`, `running, 2 restarts` or `restarting, exit code 137, 4 restarts`.
    pub fn describe(&self) -> String {
        let code = self.exit_code.filter(|_| self.word != "running");
        let code = code.map(|code| format!(", exit code {code}")).unwrap_or_default();
        let restarts = match self.restarts {
            0 => String::new(),
            1 => ", 1 restart".to_owned(),
            many => format!(", {many} restarts"),
        };
        format!("{}{code}{restarts}", self.word)
    }
}
