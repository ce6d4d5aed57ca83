//! The folder that the commands of a script run in, as `cd` changes it.

use crate::value::path_below;

/// What a change of the folder led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    Known,
    /// Only the script knows where.
    Unknown,
}

/// The folder, relative to the plan's, and those to come back to.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    current: String,
    previous: String,
    pushed: Vec<String>,
}

impl Folders {
    /// Begins in the `working-directory` of a step.
    pub fn new(folder: Option<&str>) -> Self {
        let current = folder.unwrap_or_default();
        let current = current.trim_start_matches("./").trim_end_matches('/');
        let current = if current == "." { "" } else { current };
        Self { current: current.to_owned(), ..Self::default() }
    }

    /// The folder, unless it is the plan's.
    pub fn current(&self) -> Option<&str> {
        Some(self.current.as_str()).filter(|folder| !folder.is_empty())
    }

    /// A path of a command, relative to the plan.
    pub fn path(&self, path: &str) -> String {
        if path.starts_with("${{") || path.contains("://") {
            return path.to_owned();
        }
        let whole = joined(&self.current, path).unwrap_or_else(|| path.to_owned());
        if whole.is_empty() { ".".to_owned() } else { whole }
    }

    /// `cd`, `pushd` or `popd`.
    pub fn change(&mut self, program: &str, target: Option<&str>) -> Change {
        let wanted = match (program, target) {
            ("popd", _) => self.pushed.pop(),
            (_, Some("-")) => Some(self.previous.clone()),
            (_, Some(path)) => joined(&self.current, path),
            (_, None) => None,
        };
        let Some(wanted) = wanted else { return Change::Unknown };
        if program == "pushd" {
            self.pushed.push(self.current.clone());
        }
        self.previous = std::mem::replace(&mut self.current, wanted);
        Change::Known
    }
}

/// A path below a folder; `None` where it leads out of the plan's or a run alone knows it.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('~') { None } else { path_below(folder, path) }
}

#[cfg(test)]
mod tests {
    use super::{Change, Folders};

    #[test]
    fn folder_is_followed_and_left_again() {
        let mut folders = Folders::new(Some("./services/"));
        assert_eq!(folders.path("."), "services");
        assert_eq!(folders.change("cd", Some("api")), Change::Known);
        assert_eq!(folders.path("./Dockerfile"), "services/api/Dockerfile");
        assert_eq!(folders.change("pushd", Some("../web/")), Change::Known);
        assert_eq!(folders.current(), Some("services/web"));
        assert_eq!(folders.change("popd", None), Change::Known);
        assert_eq!(folders.change("cd", Some("../..")), Change::Known);
        assert_eq!(folders.current(), None);
        assert_eq!(folders.path("."), ".");
        assert_eq!(folders.change("cd", Some("-")), Change::Known);
        assert_eq!(folders.current(), Some("services/api"));
        assert_eq!(folders.change("cd", Some("../../..")), Change::Unknown);
        assert_eq!(folders.change("cd", Some("/srv")), Change::Unknown);
        assert_eq!(folders.change("cd", None), Change::Unknown);
        assert_eq!(folders.current(), Some("services/api"));
    }
}
