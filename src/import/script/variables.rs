//! What the variables of a script stand for.

use super::lexer::{Lexer, Piece, Word, unmask};
use super::statements::Assigned;
use crate::import::workflow::scope::{Fact, Scope, default_variable};
use std::collections::BTreeMap;

/// What is known of a variable. Texts are those of the workflow, with their expressions.
#[derive(Clone, Debug)]
pub enum Known {
    Text(String),
    List(Vec<Option<String>>),
    /// Only a run knows it.
    Nothing,
}

pub struct Shell {
    variables: BTreeMap<String, Known>,
    expressions: Vec<String>,
}

impl Shell {
    pub fn new(expressions: Vec<String>) -> Self {
        Self { variables: BTreeMap::new(), expressions }
    }

    pub fn set(&mut self, name: &str, known: Known) {
        match (self.variables.get_mut(name), known) {
            (Some(Known::List(items)), Known::List(more))
                if more.first() == Some(&None) && more.len() > 1 =>
            {
                items.extend(more.into_iter().skip(1));
            }
            (_, known) => {
                self.variables.insert(name.to_owned(), known);
            }
        }
    }

    pub fn unmask(&self, text: &str) -> String {
        unmask(text, &self.expressions)
    }

    /// What an assignment makes known.
    pub fn assigned(&self, value: &Assigned, scope: &Scope<'_>) -> Known {
        match value {
            Assigned::Word(word) => self.expand(word, scope).map_or(Known::Nothing, Known::Text),
            Assigned::List { items, appends } => {
                // Marked by a first item without a value.
                let mark = appends.then_some(None);
                Known::List(mark.into_iter().chain(self.expand_all(items, scope)).collect())
            }
        }
    }

    /// Words with the values of variables; `None` for one that only a run knows.
    pub fn expand_all(&self, words: &[Word], scope: &Scope<'_>) -> Vec<Option<String>> {
        let mut expanded = Vec::new();
        for word in words {
            match word.as_slice() {
                [Piece::AllOf(name)] => match self.variables.get(name) {
                    Some(Known::List(items)) => expanded.extend(items.iter().cloned()),
                    _ => expanded.push(None),
                },
                _ => expanded.push(self.expand(word, scope)),
            }
        }
        expanded
    }

    fn expand(&self, word: &Word, scope: &Scope<'_>) -> Option<String> {
        let pieces = word.iter().map(|piece| match piece {
            Piece::Text(text) => Some(self.unmask(text)),
            Piece::Variable(name) => self.variable(name, scope),
            Piece::Output(command) => output_of(command, self, scope),
            Piece::AllOf(_) => None,
        });
        pieces.collect()
    }

    fn variable(&self, spelled: &str, scope: &Scope<'_>) -> Option<String> {
        if let Some(fact) = default_variable(spelled) {
            return Some(fact.as_source());
        }
        let end = spelled.find([':', '#', '%', '/', ',', '^']).unwrap_or(spelled.len());
        let (name, operation) = spelled.split_at(end);
        let value = match self.variables.get(name) {
            Some(Known::Text(text)) => Some(text.clone()),
            Some(Known::List(_) | Known::Nothing) => return None,
            None => scope.env.get(name).cloned(),
        };
        let value = value.unwrap_or_else(|| Fact::Expression(format!("env.{name}")).as_source());
        match operation {
            "" => Some(value),
            _ if operation.starts_with(":-") && value.contains("=env.") => Some(
                Fact::Expression(format!(
                    "env.{name} || '{}'",
                    self.unmask(&operation[2..]).replace('\'', "''")
                ))
                .as_source(),
            ),
            _ if operation.starts_with(":-") || operation.starts_with(":?") => Some(value),
            ",," if !value.contains("${{") => Some(value.to_lowercase()),
            _ => None,
        }
    }
}

/// Deeper substitutions are not looked into, each of which is read once for every level.
const MAX_SUBSTITUTIONS: usize = 8;

/// What a command prints, where that is known without it.
fn output_of(command: &str, shell: &Shell, scope: &Scope<'_>) -> Option<String> {
    if command.matches("$(").count() > MAX_SUBSTITUTIONS {
        return None;
    }
    let words = shell.expand_all(&Lexer::new(command).words(), scope);
    let word = |at: usize| words.get(at).cloned().flatten().unwrap_or_default();
    let option = |names: &[&str]| {
        let at = words
            .iter()
            .position(|word| word.as_deref().is_some_and(|word| names.contains(&word)))?;
        words.get(at + 1).cloned().flatten()
    };
    let plan = |expression: &str| Some(Fact::Expression(expression.to_owned()).as_source());
    let query = option(&["--query"]).unwrap_or_default();
    match (word(0).as_str(), word(1).as_str(), word(2).as_str()) {
        ("az", "container", "show") if query.contains("fqdn") => plan("steps.deploy.outputs.fqdn"),
        ("az", "container", "show") if query.contains(".ip") => plan("steps.deploy.outputs.ip"),
        ("az", "acr", "show") if query.contains("loginServer") => {
            Some(format!("{}.azurecr.io", option(&["--name", "-n"])?))
        }
        ("git", "rev-parse", "--short") | ("git", "log", _) => plan("git.short-sha"),
        ("git", "rev-parse", "HEAD") => plan("git.sha"),
        ("git", "describe", _) => plan("git.tag"),
        ("echo", _, _) if command.contains("GITHUB_SHA") && command.contains("cut -c") => {
            plan("git.short-sha")
        }
        _ => None,
    }
}
