//! A program to be run, as data.

use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A program, its arguments, and what it gets beside them.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Looked for on the PATH.
    pub program: String,
    /// Never hold a secret.
    pub args: Vec<String>,
    /// Added to what it inherits.
    pub env: BTreeMap<String, String>,
    /// The same, for values that must not be seen.
    pub secrets: BTreeMap<String, Secret>,
    /// Where it runs; where we are when absent.
    pub directory: Option<PathBuf>,
}

impl Invocation {
    pub(super) fn new(program: &str, args: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            directory: None,
        }
    }

    pub(super) fn arg(&mut self, arg: impl Into<String>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// `--name value`
    pub(super) fn option(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.arg(name).arg(value)
    }

    /// As a person would type it, less the environment.
    pub fn command_line(&self) -> String {
        let words = [&self.program].into_iter().chain(&self.args);
        words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// For a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::Invocation;

    #[test]
    fn a_command_line_can_be_typed() {
        let invocation = Invocation::new("docker", &["build", "--label", "a=it's", ""]);
        assert_eq!(invocation.command_line(), r"docker build --label 'a=it'\''s' ''");
    }
}
