//! A script, and where it stands.

use std::collections::BTreeMap;

/// A script, and where it stands.
#[derive(Clone)]
pub struct Script<'a> {
    pub text: &'a str,
    /// The line of its first line.
    pub line: usize,
    /// The id of its step, whose outputs it may write.
    pub id: Option<&'a str>,
    pub name: Option<&'a str>,
    /// The `working-directory` of its step.
    pub folder: Option<&'a str>,
    pub condition: Option<String>,
    pub continue_on_error: bool,
    /// What the step's own `env` says, as texts of the workflow.
    pub env: BTreeMap<String, String>,
}
