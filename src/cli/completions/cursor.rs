//! Where on a command line the cursor is: the command, and what is being written.

use super::candidate::Candidate;
use clap::{Arg, ArgAction, Command};

/// The place of the word that is being written.
pub struct Cursor<'c> {
    pub command: &'c Command,
    pub wanted: Wanted<'c>,
    /// The options that were given.
    given: Vec<&'c Arg>,
    /// The arguments by position that were given.
    positions: usize,
    /// The value of `--plan` or of PLAN.
    pub plan: Option<String>,
    /// The value of `--state-dir`.
    pub state_dir: Option<String>,
}

/// What can be written next.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'c> {
    /// An option, a subcommand or an argument.
    Word,
    /// The value of this option.
    Value(&'c Arg),
    /// An argument, since `--` was there.
    Argument,
}

impl<'c> Cursor<'c> {
    /// Reads the words before the one that is being written.
    pub fn find(program: &'c Command, words: &[String]) -> Self {
        let mut cursor = Self {
            command: program,
            wanted: Wanted::Word,
            given: Vec::new(),
            positions: 0,
            plan: None,
            state_dir: None,
        };
        for word in words {
            cursor.pass(word);
        }
        cursor
    }

    fn pass(&mut self, word: &str) {
        match self.wanted {
            Wanted::Value(option) => {
                self.keep(option, word);
                self.wanted = Wanted::Word;
            }
            Wanted::Argument => self.pass_argument(word),
            Wanted::Word if word == "--" => self.wanted = Wanted::Argument,
            Wanted::Word if word.len() > 1 && word.starts_with('-') => self.pass_option(word),
            Wanted::Word => {
                let subcommand = self.command.find_subcommand(word);
                match subcommand.filter(|_| self.positions == 0) {
                    Some(command) => {
                        self.command = command;
                        self.given.clear();
                    }
                    None => self.pass_argument(word),
                }
            }
        }
    }

    fn pass_option(&mut self, word: &str) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some(option) = self.option(name) else { return };
        self.given.push(option);
        match value {
            Some(value) => self.keep(option, value),
            None if takes_value(option) => self.wanted = Wanted::Value(option),
            None => {}
        }
    }

    fn pass_argument(&mut self, word: &str) {
        if let Some(argument) = self.argument() {
            self.keep(argument, word);
        }
        self.positions += 1;
    }

    fn keep(&mut self, argument: &Arg, value: &str) {
        match argument.get_id().as_str() {
            "plan" => self.plan = Some(value.to_owned()),
            "state_dir" => self.state_dir = Some(value.to_owned()),
            _ => {}
        }
    }

    /// The option that is spelled so, such as `--env` or `-f`.
    pub fn option(&self, name: &str) -> Option<&'c Arg> {
        let mut options = self.command.get_arguments().filter(|one| !one.is_positional());
        if let Some(long) = name.strip_prefix("--") {
            options.find(|one| {
                one.get_long() == Some(long)
                    || one.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
            })
        } else {
            // Of flags that are written together the last one may take a value.
            let letter = name.chars().next_back();
            options.find(|one| one.get_short() == letter)
        }
    }

    /// The argument whose value is being written.
    pub fn argument(&self) -> Option<&'c Arg> {
        if let Wanted::Value(option) = self.wanted {
            return Some(option);
        }
        let positions: Vec<_> = self.command.get_positionals().collect();
        let found = positions.get(self.positions).or(positions.last());
        found.copied().filter(|last| {
            let is_last = self.positions >= positions.len();
            !is_last || matches!(last.get_action(), ArgAction::Append)
        })
    }

    /// The options that can still be given.
    pub fn options(&self) -> Vec<Candidate> {
        let options = self.command.get_arguments().filter(|one| {
            let is_again = self.given.iter().any(|given| given.get_id() == one.get_id());
            let is_list = matches!(one.get_action(), ArgAction::Append);
            !one.is_hide_set() && (!is_again || is_list)
        });
        options
            .filter_map(|option| {
                let about = option.get_help().map(ToString::to_string).unwrap_or_default();
                Some(Candidate::new(format!("--{}", option.get_long()?), about))
            })
            .collect()
    }

    /// The commands that can follow.
    pub fn subcommands(&self) -> Vec<Candidate> {
        let commands = self.command.get_subcommands().filter(|one| !one.is_hide_set());
        commands
            .filter(|_| self.positions == 0)
            .map(|command| {
                let about = command.get_about().map(ToString::to_string).unwrap_or_default();
                Candidate::new(command.get_name(), about)
            })
            .collect()
    }
}

fn takes_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append)
}
