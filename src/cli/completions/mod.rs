//! `shipway completions`: the script that completes command lines in a shell.
//!
//! The scripts know nothing of Shipway. They ask the hidden `shipway complete` what a
//! command line can go on with, so that all shells offer the same, names of the plan
//! included, and never more than the installed version has.

mod candidate;
mod cursor;
mod values;

use super::exit::Exit;
use super::say;
use candidate::Candidate;
use clap::{Args, Command, ValueEnum};
use cursor::{Cursor, Wanted};
use values::PlanNames;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  source <(shipway completions bash)
  shipway completions zsh > ~/.zfunc/_shipway           a folder of $fpath
  shipway completions fish > ~/.config/fish/completions/shipway.fish
  shipway completions powershell | Out-String | Invoke-Expression

Exit codes: 0 done; 2 the command line is wrong")]
pub struct CompletionsArguments {
    /// Print the script for this shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Shell {
    /// bash, also before version 5
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    #[value(help = "PowerShell")]
    Powershell,
}

#[derive(Args, Clone, Debug)]
pub struct CompleteArguments {
    /// The word that is being written
    #[arg(long, default_value = "", value_name = "WORD")]
    pub current: String,
    /// The words before it, without the program
    #[arg(last = true, value_name = "WORD")]
    pub words: Vec<String>,
}

/// Prints the script.
pub fn completions(arguments: &CompletionsArguments) -> Exit {
    say::result(match arguments.shell {
        Shell::Bash => include_str!("shipway.bash"),
        Shell::Zsh => include_str!("shipway.zsh"),
        Shell::Fish => include_str!("shipway.fish"),
        Shell::Powershell => include_str!("shipway.ps1"),
    });
    Exit::Done
}

/// Prints what a command line can go on with: a line for each word, with its meaning after
/// a tab. `:files` and `:folders` ask the shell for paths.
pub fn complete(arguments: &CompleteArguments, mut program: Command) -> Exit {
    program.build();
    let text = answer(arguments, &program);
    // A shell shows nothing where there is nothing.
    if !text.is_empty() {
        say::result(text.trim_end());
    }
    Exit::Done
}

fn answer(arguments: &CompleteArguments, program: &Command) -> String {
    let CompleteArguments { current, words } = arguments;
    let cursor = Cursor::find(program, words);
    // `--env=pre` is completed as a whole.
    if let Wanted::Word = cursor.wanted
        && let Some((option, start)) = current.split_once('=')
        && let Some(wanted) = cursor.option(option)
    {
        let names = PlanNames::new(&cursor);
        let found = values::of(wanted, &cursor, &names);
        let found = found.candidates.into_iter().filter(|found| found.value.starts_with(start));
        return lines(found.map(|found| Candidate {
            value: format!("{option}={}", found.value),
            about: found.about,
        }));
    }
    let names = PlanNames::new(&cursor);
    let mut text = String::new();
    let mut candidates = Vec::new();
    if let Wanted::Word = cursor.wanted {
        if current.starts_with('-') {
            candidates = cursor.options();
        } else {
            candidates = cursor.subcommands();
        }
    }
    let is_option = current.starts_with('-') && matches!(cursor.wanted, Wanted::Word);
    if let Some(argument) = cursor.argument().filter(|_| !is_option) {
        let found = values::of(argument, &cursor, &names);
        candidates.extend(found.candidates);
        text = found.paths.map(|paths| format!(":{paths}\n")).unwrap_or_default();
    }
    let fitting = candidates.into_iter().filter(|found| found.value.starts_with(current.as_str()));
    lines(fitting) + &text
}

fn lines(candidates: impl Iterator<Item = Candidate>) -> String {
    candidates
        .map(|Candidate { value, about }| match about.as_str() {
            "" => format!("{value}\n"),
            about => format!("{value}\t{about}\n"),
        })
        .collect()
}
