//! The choice of what containers run in, as the command line and the initial
//! state make it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

// The doc comments of the variants are the help text of `--runtime`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeChoice {
    /// docker or podman where one answers, else the built-in runtime.
    #[default]
    Auto,
    Docker,
    Podman,
    /// The runtime inside this program.
    BuiltIn,
    /// Plain processes, as if the kernel refused namespaces. For tests.
    #[value(skip)]
    Plain,
}
