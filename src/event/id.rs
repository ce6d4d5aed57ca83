//! The id of a step.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A step of a service.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct StepId {
    /// Empty if the plan has a single service, given by top-level `steps`.
    pub service: String,
    /// Unique in the service.
    pub step: String,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.service.is_empty() {
            return f.write_str(&self.step);
        }
        write!(f, "{}.{}", self.service, self.step)
    }
}
