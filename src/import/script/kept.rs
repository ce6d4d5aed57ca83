//! Statements that are kept, and the `run` step that is made of them.

use super::lexer::{Lexer, mask, unmask};
use super::origin::Script;
use super::statements::Statement;
use crate::draft::{Node, StepDraft};
use crate::import::names::kebab;
use crate::import::workflow::expression::{NoCounterpart, text};
use crate::import::workflow::scope::{Scope, Use};
use std::collections::BTreeMap;

/// Statements that wait for a `run` step.
#[derive(Default)]
pub struct Kept {
    statements: Vec<(usize, String)>,
    /// Assignments before them, of which they may use the variables.
    assignments: Vec<(String, String)>,
}

/// The text of a `run` step and its first line.
pub struct KeptText {
    pub line: usize,
    pub text: String,
}

impl Kept {
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub fn keep(&mut self, statement: &Statement) {
        self.statements.push((statement.line, statement.text.clone()));
    }

    pub fn assignment(&mut self, name: &str, statement: &Statement) {
        self.assignments.push((name.to_owned(), statement.text.clone()));
    }

    /// What was kept since the last time, with the assignments that it uses.
    pub fn take(&mut self) -> Option<KeptText> {
        let line = self.statements.first()?.0;
        let statements: Vec<String> =
            std::mem::take(&mut self.statements).into_iter().map(|(_, text)| text).collect();
        let mut used = String::new();
        let mut text = statements.join("\n");
        // From the last to the first, since one may use another.
        for (name, assignment) in self.assignments.iter().rev() {
            if uses(&text, name) || uses(&used, name) {
                used = format!("{assignment}\n{used}");
            }
        }
        text.insert_str(0, &used);
        Some(KeptText { line, text })
    }
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
    if let Some(folder) = origin.folder {
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
