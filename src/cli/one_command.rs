//! Reads a command line with the arguments of its own command alone. To make those of all
//! commands takes a tenth of the processor time of a deploy.

use super::plan_search::with_found_plan;
use clap::{ArgMatches, Command};
use std::ffi::OsString;

/// A command: the name of its variant, and what adds its arguments.
pub type CommandArguments = (&'static str, fn(Command) -> Command);

/// Defines the enum of the commands, and the arguments of each by its name.
macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($arguments:ty),)*) => {
        #[derive(Debug, clap::Subcommand)]
        enum Command {
            $($(#[$attribute])* $name($arguments),)*
            /// Run as a GitHub action, with the inputs from its variables
            Action,
        }

        const COMMANDS: &[one_command::CommandArguments] =
            &[$((stringify!($name), <$arguments as clap::Args>::augment_args),)*];
    };
}
pub(super) use commands;

/// The arguments of a command line that names its command first. `None` where that is no
/// command, where help is asked for, and for each mistake: only all commands together can say
/// what is meant.
pub fn read(words: &[OsString], commands: &[CommandArguments]) -> Option<ArgMatches> {
    let name = words.get(1)?.to_str()?;
    let (variant, add) = commands.iter().find(|(variant, _)| in_kebab_case(variant) == name)?;
    let name: &'static str = Box::leak(in_kebab_case(variant).into_boxed_str());
    let program = Command::new("shipway").subcommand(add(Command::new(name)));
    with_found_plan(program).try_get_matches_from(words).ok()
}

/// `DryRun` is `dry-run` on a command line.
fn in_kebab_case(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
