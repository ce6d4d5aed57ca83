//! The state of a container and of an address, in words, and whether it is good.

use crate::azure::container_instances::{ContainerState, ContainerView};

/// The state of a container, as a person wants to know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    pub word: &'static str,
    pub restarts: u32,
    /// Of the current run of the container if it has ended, else of the run before.
    pub exit_code: Option<i64>,
    /// What Azure says, such as `ErrImagePull: …`; may be empty.
    pub detail: String,
    /// Whether it runs, or has ended with 0 where the group does not restart it.
    pub is_well: bool,
}

impl Health {
    /// `policy` is the group's restart policy in Azure's word.
    pub fn of(view: Option<&ContainerView>, policy: &str) -> Self {
        let Some(view) = view else { return Self::new("pending", 0) };
        let Some(current) = &view.current_state else {
            return Self::new("pending", view.restart_count);
        };
        let previous = view.previous_state.as_ref().and_then(|state| state.exit_code);
        let mut health = match current.state.as_str() {
            "Running" => Self { is_well: true, ..Self::new("running", view.restart_count) },
            // Azure waits before the first start too, to pull the image.
            "Waiting" if view.restart_count > 0 || is_back_off(current) => {
                Self::new("restarting", view.restart_count)
            }
            "Waiting" => Self::new("waiting", view.restart_count),
            "Terminated" => {
                let is_well = current.exit_code == Some(0) && policy != "Always";
                let word = if is_well { "completed" } else { "ended" };
                Self { is_well, ..Self::new(word, view.restart_count) }
            }
            _ => Self::new("unknown", view.restart_count),
        };
        health.exit_code = current.exit_code.or(previous);
        health.detail.clone_from(&current.detail_status);
        health
    }

    fn new(word: &'static str, restarts: u32) -> Self {
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

/// Whether Azure delays the next start of a container because it keeps failing.
fn is_back_off(state: &ContainerState) -> bool {
    state.detail_status.contains("BackOff")
}

/// What a URL answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    Status(u16),
    /// Why there was none.
    Nothing(String),
}

impl Answer {
    /// A server that answers works, whatever it says of this path; one that reports an
    /// error of its own does not.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Status(status) if *status < 500)
    }

    pub fn describe(&self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Nothing(_) => "no answer".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Health};
    use crate::azure::container_instances::ContainerView;
    use serde_json::{Value, json};

    fn described(view: &Value, policy: &str) -> (String, bool) {
        let view: ContainerView = serde_json::from_value(view.clone()).expect("a view");
        let health = Health::of(Some(&view), policy);
        (health.describe(), health.is_well)
    }

    #[test]
    fn state_restarts_and_exit_code_decide() {
        let case = |view: Value, policy: &str, words: &str, is_well: bool| {
            assert_eq!(described(&view, policy), (words.to_owned(), is_well), "{view}");
        };
        case(json!({ "currentState": { "state": "Running" } }), "Always", "running", true);
        case(
            json!({ "restartCount": 2, "currentState": { "state": "Running" },
                "previousState": { "state": "Terminated", "exitCode": 1 } }),
            "Always",
            "running, 2 restarts",
            true,
        );
        case(
            json!({ "restartCount": 4, "currentState": { "state": "Waiting", "detailStatus": "CrashLoopBackOff" },
                "previousState": { "state": "Terminated", "exitCode": 137 } }),
            "Always",
            "restarting, exit code 137, 4 restarts",
            false,
        );
        case(
            json!({ "currentState": { "state": "Waiting", "detailStatus": "Pulling" } }),
            "Always",
            "waiting",
            false,
        );
        let ended =
            |code: i64| json!({ "currentState": { "state": "Terminated", "exitCode": code } });
        case(ended(0), "Never", "completed, exit code 0", true);
        case(ended(0), "Always", "ended, exit code 0", false);
        case(ended(3), "Never", "ended, exit code 3", false);
        case(json!({}), "Always", "pending", false);
        assert_eq!(Health::of(None, "Always").describe(), "pending");
    }

    #[test]
    fn server_that_answers_works() {
        assert!(Answer::Status(404).is_well());
        assert!(!Answer::Status(502).is_well());
        assert_eq!(Answer::Nothing("refused".into()).describe(), "no answer");
    }
}
