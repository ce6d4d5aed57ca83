//! How a group is set apart from this machine.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StageMode {
    /// In namespaces of its own.
    Isolated,
    /// As plain processes, because namespaces are refused here.
    Plain,
    /// Only finds out whether [`StageMode::Isolated`] works.
    Probe,
}

impl StageMode {
    /// The value as the second argument of a stage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Plain => "plain",
            Self::Probe => "probe",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Isolated, Self::Plain, Self::Probe].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The first argument that starts the parent of a group.
pub const GROUP: &str = "__runtime-group";
/// The first argument that starts a group's init process.
pub const INIT: &str = "__runtime-init";
/// The first argument that starts a container.
pub const CONTAINER: &str = "__runtime-container";
/// The first argument that starts a command in a running container.
pub const EXEC: &str = "__runtime-exec";
