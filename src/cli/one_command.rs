//! Reads a command line with the arguments of its own command alone. To make those of all
//! commands takes a tenth of the processor time of a deploy.

use super::{Arguments, plan_search};
use clap::{Command, FromArgMatches as _};
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
pub fn read(words: &[OsString], commands: &[CommandArguments]) -> Option<Arguments> {
    let name = words.get(1)?.to_str()?;
    let (variant, add) = commands.iter().find(|(variant, _)| in_kebab_case(variant) == name)?;
    let name: &'static str = Box::leak(in_kebab_case(variant).into_boxed_str());
    let program = Command::new("shipway").subcommand(add(Command::new(name)));
    let found = plan_search::with_found_plan(program).try_get_matches_from(words).ok()?;
    Arguments::from_arg_matches(&found).ok()
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

#[cfg(test)]
mod tests {
    use super::super::{Arguments, COMMANDS, plan_search};
    use super::read;
    use clap::{CommandFactory as _, FromArgMatches as _};
    use std::ffi::OsString;

    #[test]
    fn a_command_line_is_read_as_with_all_commands() {
        for line in [
            "shipway run --set a=b --only web shop.yml",
            "shipway dry-run --detach",
            "shipway secrets set token",
            "shipway local fault --clear",
            "shipway exec web -- ls -l",
            "shipway complete -- shipway ru",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let all = plan_search::with_found_plan(Arguments::command());
            let all = all.try_get_matches_from(&words).expect("a command line");
            let all = Arguments::from_arg_matches(&all).expect("a command");
            let own = read(&words, COMMANDS).expect("a command");
            assert_eq!(format!("{own:?}"), format!("{all:?}"), "{line}");
        }
    }

    #[test]
    fn help_and_mistakes_are_left_to_all_commands() {
        for line in ["shipway", "shipway rum", "shipway --version", "shipway run --help"] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(read(&words, COMMANDS).is_none(), "{line}");
        }
        let wrong = ["shipway", "run", "--no-such-option"].map(OsString::from);
        assert!(read(&wrong, COMMANDS).is_none());
    }
}
