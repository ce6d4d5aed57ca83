//! The pull request of the event, whose head moves when something is pushed to its branch.

use crate::local::initial_state::PullRequest;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug, Default)]
pub struct EventPullRequest(Arc<Mutex<Option<PullRequest>>>);

impl EventPullRequest {
    pub fn new(pull_request: Option<PullRequest>) -> Self {
        Self(Arc::new(Mutex::new(pull_request)))
    }

    pub fn get(&self) -> Option<PullRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves the head to a commit. Only a pull request that is simulated can be pushed to:
    /// the others are as they were described.
    pub fn push(&self, commit: &str) {
        let mut pull_request = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pull_request) = pull_request.as_mut().filter(|it| it.simulated) {
            commit.clone_into(&mut pull_request.head_sha);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EventPullRequest;
    use crate::local::initial_state::PullRequest;

    #[test]
    fn only_the_head_of_a_simulated_pull_request_moves() {
        let head = |simulated: bool| {
            let mut described: PullRequest = serde_json::from_str(
                r#"{"number": 1, "head-sha": "first", "head-ref": "topic", "base-ref": "main"}"#,
            )
            .expect("a pull request");
            described.simulated = simulated;
            let pull_request = EventPullRequest::new(Some(described));
            pull_request.push("second");
            pull_request.get().expect("there").head_sha
        };
        assert_eq!((head(true), head(false)), ("second".to_owned(), "first".to_owned()));
    }
}
