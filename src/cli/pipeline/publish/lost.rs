//! Outputs that could not be written, on which later steps of a workflow count.

use crate::cli::exit::Exit;
use crate::cli::say;
use crate::github::actions::Annotation;
use crate::report::error_text;
use crate::run::outcome::chain_of;
use crate::secret::Redactor;
use std::error::Error;
use std::io;
use std::path::Path;

/// Why the outputs of a run, or the file with its result, were not written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LostOutputs {
    chain: Vec<String>,
    help: &'static str,
}

impl LostOutputs {
    /// Of the file in `GITHUB_OUTPUT`.
    pub fn of(error: &dyn Error, redactor: &Redactor) -> Self {
        let chain = chain_of(error).iter().map(|cause| redactor.redact(cause)).collect();
        let help = "what the run did stands, but later steps of the workflow would read empty \
                    outputs; make the file in `GITHUB_OUTPUT` writable, and run it again";
        Self { chain, help }
    }

    pub fn of_result(path: &Path, error: &io::Error) -> Self {
        let what = format!("cannot write the result to `{}`", path.display());
        let help = "what the run did stands, and only its result is lost; free some space, or name \
                    another folder with `--state-dir`";
        Self { chain: vec![what, error.to_string()], help }
    }

    /// Shows it, in a workflow as an annotation, and returns the exit of the process. One
    /// that is not 0 anyway stays.
    pub fn show(&self, in_actions: bool, exit: Exit) -> Exit {
        if in_actions {
            let message = format!("{}\nhelp: {}", self.chain.join("\n"), self.help);
            say::command(&Annotation::error("the outputs are lost", &message));
        } else {
            say::tell(&error_text(&self.chain, Some(self.help)));
        }
        if exit == Exit::Done { Exit::Bug } else { exit }
    }
}
