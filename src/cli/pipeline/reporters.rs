//! Who watches a run.

use crate::cli::arguments::Output;
use crate::report::{self, Choice, Reporters, Terminal, choose, mask_in_actions};
use crate::secret::Redactor;

/// Who watches.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Audience {
    /// Somebody at a terminal, or a log; and whoever reads standard output.
    Command(Output),
    /// The runner of GitHub Actions, which reads commands on standard output.
    Action,
}

impl Audience {
    /// A redactor that, in a workflow, tells the runner of every secret before
    /// anything else can print it.
    pub(in crate::cli) fn redactor(self) -> Redactor {
        let redactor = Redactor::default();
        mask_in_actions(&self.choice(), &redactor);
        redactor
    }

    /// Their reporters.
    pub(in crate::cli) fn reporters(self, redactor: &Redactor) -> Reporters {
        choose(&self.choice(), redactor)
    }

    fn choice(self) -> Choice {
        let output = match self {
            Self::Command(Output::Json) => report::Output::Json,
            Self::Command(Output::Human) | Self::Action => report::Output::Human,
        };
        Choice {
            output,
            in_actions: std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true"),
            is_action: matches!(self, Self::Action),
            terminal: Terminal::of_stderr(),
        }
    }
}
