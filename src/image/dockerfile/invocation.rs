//! A command as data, to be run by the caller.

use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A program with its arguments and environment.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Looked up on the `PATH`.
    pub program: String,
    /// Must not contain secrets, since process lists show them.
    pub args: Vec<String>,
    /// Added to the inherited environment.
    pub env: BTreeMap<String, String>,
    /// Environment variables whose values must not be shown.
    pub secrets: BTreeMap<String, Secret>,
    /// The working directory; the caller's when absent.
    pub directory: Option<PathBuf>,
}

impl Invocation {
    pub fn new(program: &str, args: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: BTreeMap::new(),
            secrets: BTreeMap::new(),
            directory: None,
        }
    }

    pub fn arg(&mut self, arg: impl Into<String>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    pub fn option(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.arg(name).arg(value)
    }

    /// The command line as it could be typed into a shell, without the environment.
    pub fn command_line(&self) -> String {
        let words = [&self.program].into_iter().chain(&self.args);
        words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// Quotes a word for a POSIX shell.
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
