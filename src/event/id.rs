//! The id of a step.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A step of a service.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct StepId {
    /// Empty if the plan has a single service, given by top-level `steps`.
    #[serde(deserialize_with = "name")]
    pub service: String,
    /// Unique in the service.
    #[serde(deserialize_with = "name")]
    pub step: String,
}

/// Reads a name, which reports show as it is: a plan has none with control characters.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.contains(char::is_control) {
        return Err(D::Error::custom("a step has a name without control characters"));
    }
    Ok(name)
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.service.is_empty() {
            return f.write_str(&self.step);
        }
        write!(f, "{}.{}", self.service, self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::StepId;

    #[test]
    fn name_that_could_control_a_terminal_is_not_read() {
        let read = |step: &str| {
            let id = StepId { service: "web".into(), step: step.into() };
            let text = serde_json::to_string(&id).expect("an id is JSON");
            serde_json::from_str::<StepId>(&text).map(|id| id.to_string())
        };
        assert_eq!(read("push").expect("a name"), "web.push");
        assert_eq!(
            read("pu\u{8}sh\u{1b}[2J").expect_err("no name").to_string(),
            "a step has a name without control characters at line 1 column 42"
        );
    }
}
