//! Who watches a run, and the reporters that this takes.

use crate::cli::say;
use crate::report::{
    Choice, LiveOptions, Notify, Output, Reporters, Terminal, choose, mask_in_actions,
};
use crate::secret::Redactor;
use clap::Args;

/// How a run is shown. Not among its `RunOptions`: each process of a run is
/// shown as its own command line says.
#[derive(Args, Clone, Debug, Default)]
pub struct ViewOptions {
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// In a terminal, show the output of this `run` or `build` step line by line
    #[arg(long, value_name = "STEP")]
    pub logs: Vec<String>,
    /// In a terminal, open the URL in the browser when the run ends well
    #[arg(long)]
    pub open: bool,
    /// In a terminal, announce the end of a run that took more than 30 seconds
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub notify: Notify,
    /// Show the log of the libraries too
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// People at a terminal or reading a log, and programs on standard output.
    Command(&'a ViewOptions),
    /// The runner of GitHub Actions, which reads commands on standard output.
    Action,
}

impl<'a> Audience<'a> {
    /// A redactor that, in a workflow, tells the runner of every secret before
    /// anything else can print it.
    pub fn redactor(self) -> Redactor {
        let redactor = Redactor::default();
        mask_in_actions(self.choice(), &redactor);
        redactor
    }

    /// `live` is asked where the run is shown live, in a terminal.
    pub fn reporters(self, redactor: &Redactor, live: impl FnOnce() -> LiveOptions) -> Reporters {
        choose(self.choice(), redactor, || LiveOptions { logs: self.logs().to_vec(), ..live() })
    }

    /// The steps whose output is shown line by line.
    pub fn logs(self) -> &'a [String] {
        match self {
            Self::Command(view) => &view.logs,
            Self::Action => &[],
        }
    }

    /// Whether the URL is opened in the browser.
    pub fn opens(self) -> bool {
        match self {
            Self::Command(view) => view.open,
            Self::Action => false,
        }
    }

    pub fn is_verbose(self) -> bool {
        match self {
            Self::Command(view) => view.verbose,
            // "Enable debug logging" of a workflow's second attempt.
            Self::Action => std::env::var("RUNNER_DEBUG").is_ok_and(|value| value == "1"),
        }
    }

    fn choice(self) -> Choice {
        Choice {
            output: match self {
                Self::Command(view) => view.output,
                Self::Action => Output::Human,
            },
            in_actions: say::in_actions(),
            is_action: matches!(self, Self::Action),
            terminal: Terminal::of_stderr(),
            notify: match self {
                Self::Command(view) => view.notify,
                Self::Action => Notify::Never,
            },
        }
    }
}
