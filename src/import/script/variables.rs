//! What the variables of a script stand for.

use super::lexer::{Lexer, Piece, Token, Word, shown, unmask};
use super::statements::Assigned;
use crate::import::workflow::scope::{Fact, Scope, default_variable, plan_expression};
use std::collections::BTreeMap;

/// What is known of a variable. Texts are those of the workflow, with their expressions.
#[derive(Clone, Debug)]
pub enum Known {
    Text(String),
    List(Vec<Option<String>>),
    /// Only a run knows it, and a `run` step can find it out.
    Computed {
        /// The assignment.
        statement: String,
        value: Word,
    },
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
        let (name, operation) = split_operation(spelled);
        let value = match self.variables.get(name) {
            Some(Known::Text(text)) => text.clone(),
            Some(Known::List(_) | Known::Computed { .. } | Known::Nothing) => return None,
            None => match scope.env.get(name) {
                Some(value) => value.clone(),
                None => Fact::Expression(format!("env.{}", variable_of(name)?)).as_source(),
            },
        };
        if let Some(default) = default_of(operation) {
            return self.or_default(value, default, scope);
        }
        match operation {
            "" => Some(value),
            _ if operation.starts_with(":?") || operation.starts_with('?') => Some(value),
            ":0:7" | "::7" | ":0:8" | "::8" if value == sha() => {
                Some(Fact::Expression("git.short-sha".to_owned()).as_source())
            }
            ",," if !value.contains("${{") => Some(value.to_lowercase()),
            _ => None,
        }
    }

    /// `${NAME:-default}`: a text is never empty, and a value of the workflow is taken to be
    /// there.
    fn or_default(&self, value: String, default: &str, scope: &Scope<'_>) -> Option<String> {
        if !value.contains("${{") && !value.is_empty() {
            return Some(value);
        }
        let Some(expression) = plan_expression(&value) else { return Some(value) };
        let default = default_word(default)?;
        let default = self.expand(&default, scope)?;
        if value.is_empty() {
            return Some(default);
        }
        let default = plan_expression(&default)?;
        Some(Fact::Expression(format!("{expression} || {default}")).as_source())
    }

    /// How a variable that only a run knows is computed, by its statement and its value.
    pub fn computed(&self, name: &str) -> Option<(String, Word)> {
        match self.variables.get(name)? {
            Known::Computed { statement, value } => Some((statement.clone(), value.clone())),
            _ => None,
        }
    }

    /// Whether a `run` step may compute a word: all that it runs are programs that only read
    /// and print.
    pub fn is_computable(&self, word: &Word) -> bool {
        word.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Variable(spelled) => {
                let (name, operation) = split_operation(spelled);
                let is_name = variable_of(name).is_some_and(|variable| variable == name);
                let is_known =
                    !matches!(self.variables.get(name), Some(Known::List(_) | Known::Nothing));
                let default = default_of(operation).map(default_word);
                let is_safe = match default {
                    None => !operation.contains("$("),
                    Some(word) => word.is_some_and(|word| self.is_computable(&word)),
                };
                is_name && is_known && is_safe
            }
            Piece::AllOf(_) => false,
            Piece::Output(command) => only_prints(command),
        })
    }
}

/// Programs that read and print, so that a `run` step can call them again.
const PRINTERS: [&str; 19] = [
    "awk",
    "basename",
    "cat",
    "cut",
    "date",
    "echo",
    "git",
    "grep",
    "head",
    "jq",
    "node",
    "npm",
    "printf",
    "python3",
    "sed",
    "sha256sum",
    "tail",
    "tr",
    "yq",
];

fn only_prints(command: &str) -> bool {
    if command.matches("$(").count() > MAX_SUBSTITUTIONS {
        return false;
    }
    let mut begins = true;
    for token in Lexer::new(command).tokens() {
        match token {
            Token::Operator(operator) if operator.starts_with('>') || operator == "(" => {
                return false;
            }
            Token::Operator(operator) => {
                begins = ["|", "||", "&&", ";"].contains(&operator.as_str());
            }
            Token::Word(word) => {
                let program = shown(&word);
                if begins && !PRINTERS.contains(&program.as_str()) {
                    return false;
                }
                begins = false;
                let is_safe = |piece: &Piece| match piece {
                    Piece::Output(inner) => only_prints(inner),
                    Piece::Text(_) | Piece::Variable(_) | Piece::AllOf(_) => true,
                };
                if !word.iter().all(is_safe) {
                    return false;
                }
            }
        }
    }
    true
}

/// The name of a variable, and what is done with its value.
pub fn split_operation(spelled: &str) -> (&str, &str) {
    let ends = [':', '#', '%', '/', ',', '^', '-', '=', '?', '+', '@'];
    let end = spelled.char_indices().skip(1).find(|(_, letter)| ends.contains(letter));
    spelled.split_at(end.map_or(spelled.len(), |(at, _)| at))
}

/// The word of a default, in which quotes need not be.
fn default_word(default: &str) -> Option<Word> {
    if default.matches("${").count() > MAX_SUBSTITUTIONS {
        return None;
    }
    let quoted = if default.contains('"') { default.to_owned() } else { format!("\"{default}\"") };
    let mut words = Lexer::new(&quoted).words();
    (words.len() == 1).then(|| words.remove(0))
}

fn default_of(operation: &str) -> Option<&str> {
    [":-", ":=", "-", "="].iter().find_map(|operator| operation.strip_prefix(operator))
}

/// The variable of the process that is read for one of the script: for `$1` it is
/// `ARGUMENT_1`; `None` for those such as `$?`.
pub fn variable_of(name: &str) -> Option<String> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (is_number && name != "0", is_name) {
        (true, _) => Some(format!("ARGUMENT_{name}")),
        (_, true) => Some(name.to_owned()),
        _ => None,
    }
}

fn sha() -> String {
    Fact::Expression("git.sha".to_owned()).as_source()
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
        ("git", ..) => git_output(&words).and_then(plan),
        ("echo", _, _) if command.contains("GITHUB_SHA") && command.contains("cut -c") => {
            plan("git.short-sha")
        }
        _ => None,
    }
}

/// What git prints, where a plan has it. That of `describe` is the tag, or else the commit.
fn git_output(words: &[Option<String>]) -> Option<&'static str> {
    let words: Option<Vec<&str>> = words.iter().skip(1).map(Option::as_deref).collect();
    let words = words?;
    let has = |wanted: &str| words.contains(&wanted);
    let is_head = words.iter().skip(1).all(|word| word.starts_with('-') || *word == "HEAD");
    let prints = |format: &str| {
        let end = |word: &&str| word.strip_suffix(format).map(|start| start.ends_with(['=', ':']));
        words.iter().find_map(end) == Some(true)
    };
    match words.first().copied()? {
        "rev-parse" if is_head && has("--abbrev-ref") => Some("git.branch"),
        "rev-parse" if is_head && words.iter().any(|word| word.starts_with("--short")) => {
            Some("git.short-sha")
        }
        "rev-parse" if words == ["rev-parse", "HEAD"] => Some("git.sha"),
        "branch" if has("--show-current") => Some("git.branch"),
        "log" | "show" if is_head && prints("%h") => Some("git.short-sha"),
        "log" | "show" if is_head && prints("%H") => Some("git.sha"),
        "describe" if has("--exact-match") => Some("git.tag"),
        "describe" if !has("--long") && !has("--dirty") => Some("git.tag || git.short-sha"),
        _ => None,
    }
}
