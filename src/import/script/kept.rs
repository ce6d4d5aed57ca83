//! Statements that are kept, and the `run` step that is made of them.

use super::lexer::{Lexer, Piece, mask, unmask};
use super::origin::Script;
use super::statements::{Assigned, Form, Statement};
use crate::draft::{Node, StepDraft};
use crate::import::names::kebab;
use crate::import::workflow::expression::{NoCounterpart, text};
use crate::import::workflow::scope::{Scope, Use};
use std::collections::BTreeMap;

/// Statements that wait for a `run` step.
#[derive(Default)]
pub struct Kept {
    statements: Vec<Statement>,
    /// Assignments before them, of which they may use the variables.
    assignments: Vec<(String, String)>,
}

/// The text of a `run` step and its first line.
pub struct KeptText {
    pub line: usize,
    pub text: String,
    /// The command that it is for.
    pub shown: String,
    /// Whether it names an argument of the script.
    pub names_argument: bool,
}

impl Kept {
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub fn keep(&mut self, statement: &Statement) {
        self.statements.push(statement.clone());
    }

    pub fn assignment(&mut self, name: &str, statement: &Statement) {
        self.assignments.push((name.to_owned(), statement.text.clone()));
    }

    /// What was kept since the last time, with the assignments that it uses.
    pub fn take(&mut self) -> Option<KeptText> {
        let statements = std::mem::take(&mut self.statements);
        let line = statements.first()?.line;
        let shown = shown(&statements);
        let names_argument = statements.iter().any(names_argument);
        let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
        let text = self.with_assignments(&texts.join("\n"));
        Some(KeptText { line, text, shown, names_argument })
    }

    /// A text, with the assignments before it that it uses.
    pub fn with_assignments(&self, text: &str) -> String {
        let mut used = String::new();
        // From the last to the first, since one may use another.
        for (name, assignment) in self.assignments.iter().rev() {
            if uses(text, name) || uses(&used, name) {
                used = format!("{assignment}\n{used}");
            }
        }
        used + text
    }
}

/// The first line of the first statement that does something, and how many more do.
fn shown(statements: &[Statement]) -> String {
    let lines = statements.iter().filter(|statement| !only_prepares(&statement.form));
    let lines: Vec<&str> = lines.filter_map(|statement| first_line(&statement.text)).collect();
    let any = || statements.iter().find_map(|statement| first_line(&statement.text));
    match lines.as_slice() {
        [] => format!("`{}`", any().unwrap_or_default()),
        [one] => format!("`{one}`"),
        [first, _] => format!("`{first}` and 1 more command"),
        [first, more @ ..] => format!("`{first}` and {} more commands", more.len()),
    }
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a statement only sets what those after it use, or tells people something.
fn only_prepares(form: &Form) -> bool {
    match form {
        Form::Assignment { .. } => true,
        Form::Command(command) => {
            let programs = ["cd", "echo", "export", "printf", "set", "sleep", "source", ".", ":"];
            command.writes_to.is_none() && programs.contains(&command.program())
        }
        Form::Loop { .. } | Form::Opaque => false,
    }
}

/// `$1` is an argument of the script, or in a function one of that.
fn names_argument(statement: &Statement) -> bool {
    let is_argument = |piece: &Piece| match piece {
        Piece::Variable(name) => name.starts_with(|first: char| "123456789".contains(first)),
        Piece::Text(_) | Piece::AllOf(_) | Piece::Output(_) => false,
    };
    let words = match &statement.form {
        Form::Command(command) => command.words.clone(),
        Form::Assignment { value: Assigned::Word(word), .. } => vec![word.clone()],
        Form::Assignment { value: Assigned::List { items, .. }, .. } => items.clone(),
        Form::Loop { .. } | Form::Opaque => Vec::new(),
    };
    words.iter().flatten().any(is_argument)
}

fn uses(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        matches!(before, Some('$' | '{'))
            && !after.is_some_and(|it| it.is_ascii_alphanumeric() || it == '_')
    })
}

/// The `run` step of a script. Expressions reach it as variables, since a plan lets no
/// text that others have written into a script.
pub fn step(
    script: &str,
    origin: &Script<'_>,
    folder: Option<&str>,
    scope: &mut Scope<'_>,
) -> Result<StepDraft, NoCounterpart> {
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    let mut variables = Variables { env: &mut env, scope };
    let body = variables.moved(script)?;
    let body = body.replace("GITHUB_OUTPUT", "SHIPWAY_OUTPUT");
    // A program may read any of them, whether or not the script names it.
    for (name, source) in &origin.env {
        env.insert(name.clone(), text(source, Use::Value, scope)?);
    }
    let used = origin_variables(&body, scope);
    for name in used {
        if !env.contains_key(&name)
            && let Some(source) = scope.env.get(&name).cloned()
        {
            env.insert(name, text(&source, Use::Value, scope)?);
        }
    }
    let body = if body.trim_end().contains('\n') {
        format!("{}\n", body.trim_end())
    } else {
        body.trim().to_owned()
    };
    let mut step = StepDraft::default();
    let given = [
        ("id", origin.id.map(|id| Node::text(kebab(id)))),
        ("name", origin.name.filter(|name| !name.contains("${{")).map(Node::text)),
        ("if", origin.condition.clone().map(Node::text)),
    ];
    step.keys.extend(given.into_iter().filter_map(|(key, value)| Some((key, value?))));
    step = step.with("run", Node::text(body));
    if let Some(folder) = folder {
        step = step.with("working-directory", Node::text(folder));
    }
    if !env.is_empty() {
        let env = env.iter().map(|(name, value)| (name.as_str(), Node::text(value.clone())));
        step = step.with("env", Node::block(env));
    }
    if origin.continue_on_error {
        step = step.with("continue-on-error", Node::plain(true));
    }
    Ok(step)
}

/// The ranges of a script that are here-documents.
fn here_documents(script: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Vec<String>)> = None;
    let mut start = 0;
    for line in script.split_inclusive('\n') {
        if let Some((begun, ends)) = &mut open {
            if ends.first().is_some_and(|end| line.trim() == end) {
                ends.remove(0);
            }
            if ends.is_empty() {
                found.push(*begun..start + line.len());
                open = None;
            }
        } else {
            let (_, ends) = Lexer::new(line).what_is_open();
            open = (!ends.is_empty()).then(|| (start + line.len(), ends));
        }
        start += line.len();
    }
    found
}

/// The variables of the workflow that a script names.
fn origin_variables(script: &str, scope: &Scope<'_>) -> Vec<String> {
    scope.env.keys().filter(|name| uses(script, name)).cloned().collect()
}

struct Variables<'a, 'n> {
    env: &'a mut BTreeMap<String, String>,
    scope: &'a mut Scope<'n>,
}

impl Variables<'_, '_> {
    /// The script with a variable in place of each expression.
    fn moved(&mut self, script: &str) -> Result<String, NoCounterpart> {
        let (masked, expressions) = mask(script);
        let mut out = String::new();
        let mut quote = None;
        let mut escaped = false;
        let documents = here_documents(&masked);
        for (at, letter) in masked.char_indices() {
            let expression = unmask(&letter.to_string(), &expressions);
            let inside = documents.iter().any(|document| document.contains(&at));
            if expression.starts_with("${{") {
                let value = text(&expression, Use::Value, self.scope)?;
                // Quotes are text in a here-document, and variables are replaced in it.
                let quote = if inside { Some('"') } else { quote };
                out.push_str(&self.reference(&expression, value, quote));
                continue;
            }
            if inside {
                out.push(letter);
                continue;
            }
            match (letter, quote) {
                _ if escaped => {}
                ('\'' | '"', None) => quote = Some(letter),
                (letter, Some(open)) if letter == open => quote = None,
                _ => {}
            }
            escaped = letter == '\\' && !escaped && quote != Some('\'');
            out.push(letter);
        }
        // Quotes that only an expression stood between.
        Ok(out.replace("''\"${", "\"${").replace("}\"''", "}\""))
    }

    /// What stands for an expression inside of these quotes.
    fn reference(&mut self, expression: &str, value: String, quote: Option<char>) -> String {
        if !value.contains("${{") {
            return value;
        }
        let name = self.name(expression, value);
        match quote {
            Some('"') => format!("${{{name}}}"),
            // Out of the single quotes and into them again.
            Some(_) => format!("'\"${{{name}}}\"'"),
            None => format!("\"${{{name}}}\""),
        }
    }

    fn name(&mut self, expression: &str, value: String) -> String {
        let inner = expression.trim_start_matches("${{").trim_end_matches("}}").trim();
        let last = inner.rsplit('.').next().unwrap_or(inner);
        let is_word = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        let base = if is_word(last) {
            last.replace('-', "_").to_ascii_uppercase()
        } else {
            "VALUE".to_owned()
        };
        let base = base.trim_start_matches(|first: char| first.is_ascii_digit()).to_owned();
        let base = if base.is_empty() { "VALUE".to_owned() } else { base };
        let mut name = base.clone();
        let mut at = 2;
        while self.env.get(&name).is_some_and(|known| *known != value) {
            name = format!("{base}_{at}");
            at += 1;
        }
        self.env.insert(name.clone(), value);
        name
    }
}
