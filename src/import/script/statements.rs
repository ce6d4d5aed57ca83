//! The statements of a shell script: continued lines, here-documents, arrays, loops.

use super::lexer::{Lexer, Piece, Token, Word, shown};

/// A statement and its first line, counted from 0.
#[derive(Clone, Debug)]
pub struct Statement {
    pub line: usize,
    pub text: String,
    pub form: Form,
}

#[derive(Clone, Debug)]
pub enum Form {
    /// `NAME=VALUE`, `NAME=(…)`, `NAME+=(…)`.
    Assignment {
        name: String,
        value: Assigned,
    },
    Command(Command),
    /// A loop, with the commands in its condition and its body.
    Loop {
        condition: Vec<Command>,
        body: Vec<Command>,
    },
    /// A statement that is not looked into.
    Opaque,
}

#[derive(Clone, Debug)]
pub enum Assigned {
    Word(Word),
    List { items: Vec<Word>, appends: bool },
}

#[derive(Clone, Debug, Default)]
pub struct Command {
    pub words: Vec<Word>,
    /// The file that standard output goes to.
    pub writes_to: Option<String>,
    /// The words of the command that it reads from.
    pub piped_from: Vec<Word>,
}

impl Command {
    /// The name of the program, without `sudo`.
    pub fn program(&self) -> &str {
        match self.words.first().map(Vec::as_slice) {
            Some([Piece::Text(name)]) => name,
            _ => "",
        }
    }
}

/// The statements of a script.
pub fn statements(script: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let lines = logical_lines(script);
    let mut at = 0;
    while at < lines.len() {
        let (line, text) = &lines[at];
        let end = compound_end(&lines, at);
        if end > at || is_compound(text) {
            let body: Vec<&str> = lines[at..=end].iter().map(|(_, text)| text.as_str()).collect();
            let text = body.join("\n");
            found.push(Statement { line: *line, form: compound(&text), text });
            at = end + 1;
            continue;
        }
        for part in split_commands(text) {
            found.push(Statement { line: *line, form: simple(&part), text: part });
        }
        at += 1;
    }
    found
}

/// Lines as the shell reads them: continued ones, open quotes and parentheses, and
/// here-documents joined; without comments and blank lines.
fn logical_lines(script: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = String::new();
    let mut begun = 0;
    let mut ends: Vec<String> = Vec::new();
    for (number, line) in script.lines().enumerate() {
        if let Some(end) = ends.first() {
            open.push('\n');
            open.push_str(line);
            if line.trim_start_matches('\t').trim_end() == end {
                ends.remove(0);
            }
            if ends.is_empty() {
                found.push((begun, std::mem::take(&mut open)));
            }
            continue;
        }
        if open.is_empty() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            begun = number;
        } else if line.trim_start().starts_with('#') && open.ends_with(' ') {
            // A comment between continued lines ends them for the shell, and people mean it
            // to be left out.
            continue;
        }
        match line.trim_end().strip_suffix('\\') {
            Some(continued) => {
                open.push_str(continued);
                open.push(' ');
                continue;
            }
            None => open.push_str(line),
        }
        let lexer = Lexer::new(&open);
        let (is_open, documents) = lexer.what_is_open();
        if is_open {
            open.push('\n');
        } else if documents.is_empty() {
            found.push((begun, std::mem::take(&mut open)));
        } else {
            ends = documents;
        }
    }
    if !open.trim().is_empty() {
        found.push((begun, open));
    }
    found
}

const OPENERS: [(&str, &str); 5] =
    [("if", "fi"), ("for", "done"), ("while", "done"), ("until", "done"), ("case", "esac")];

fn first_word(text: &str) -> &str {
    text.trim_start()
        .split(|letter: char| letter.is_whitespace() || letter == ';')
        .next()
        .unwrap_or_default()
}

fn is_compound(text: &str) -> bool {
    let first = first_word(text);
    let is_function = text.trim_end().ends_with("() {") || first == "function";
    OPENERS.iter().any(|(word, _)| *word == first) || is_function || ["{", "("].contains(&first)
}

/// The last logical line of the compound statement that begins here.
fn compound_end(lines: &[(usize, String)], at: usize) -> usize {
    if !is_compound(&lines[at].1) {
        return at;
    }
    let mut depth = 0_i32;
    for (offset, (_, text)) in lines[at..].iter().enumerate() {
        for token in Lexer::new(text).tokens() {
            let Token::Word(word) = &token else { continue };
            let [Piece::Text(word)] = word.as_slice() else { continue };
            if OPENERS.iter().any(|(opener, _)| opener == word) || word == "{" {
                depth += 1;
            } else if OPENERS.iter().any(|(_, closer)| closer == word) || word == "}" {
                depth -= 1;
            }
        }
        if depth <= 0 {
            return at + offset;
        }
    }
    lines.len() - 1
}

/// A loop by its commands; anything else is not looked into.
fn compound(text: &str) -> Form {
    if !["for", "while", "until"].contains(&first_word(text)) {
        return Form::Opaque;
    }
    let Some((head, body)) = text.split_once("do\n").or_else(|| text.split_once("do ")) else {
        return Form::Opaque;
    };
    let commands = |text: &str| -> Vec<Command> {
        let parts = text.lines().flat_map(split_commands);
        let keywords = ["if", "then", "else", "elif", "!", "do", "until", "while"];
        let without = parts.map(|part| {
            let mut part = part.trim();
            while let Some((first, rest)) =
                part.split_once(' ').filter(|(first, _)| keywords.contains(first))
            {
                let _: &str = first;
                part = rest.trim_start();
            }
            part.to_owned()
        });
        without
            .filter_map(|part| match simple(&part) {
                Form::Command(command) => Some(command),
                Form::Assignment { value: Assigned::Word(word), .. } => match word.as_slice() {
                    [Piece::Output(inner)] => {
                        Some(Command { words: Lexer::new(inner).words(), ..Command::default() })
                    }
                    _ => None,
                },
                _ => None,
            })
            .collect()
    };
    Form::Loop { condition: commands(head), body: commands(body) }
}

/// Parts between `;`, `&&` and newlines outside of quotes.
fn split_commands(text: &str) -> Vec<String> {
    if text.contains("<<") || !text.contains([';', '&']) {
        return vec![text.trim().to_owned()];
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, operator) in Lexer::new(text).operators() {
        if [";", "&&"].contains(&operator.as_str()) {
            parts.push(text[start..at].trim().to_owned());
            start = at + operator.len();
        }
    }
    parts.push(text[start..].trim().to_owned());
    parts.retain(|part| !part.is_empty());
    parts
}

fn simple(text: &str) -> Form {
    if text.contains("<<") && !text.contains("<<<") {
        return Form::Opaque;
    }
    if let Some(form) = assignment(text) {
        return form;
    }
    let mut command = Command::default();
    let mut tokens = Lexer::new(text).tokens().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => command.words.push(word),
            Token::Operator(operator) if operator == "|" => {
                command = Command { piped_from: command.words, ..Command::default() };
            }
            Token::Operator(operator) if operator.starts_with('>') => {
                if let Some(Token::Word(file)) = tokens.next() {
                    command.writes_to = Some(shown(&file));
                }
            }
            // Errors that go elsewhere change nothing here.
            Token::Operator(operator) if operator.starts_with("2>") => {
                if operator != "2>&1" {
                    tokens.next();
                }
            }
            // `command || true` is the command, whose failure does not matter.
            Token::Operator(operator) if operator == "||" => break,
            Token::Operator(_) => return Form::Opaque,
        }
    }
    if command.program() == "sudo" {
        command.words.remove(0);
    }
    Form::Command(command)
}

fn assignment(text: &str) -> Option<Form> {
    let text = ["export ", "readonly ", "local ", "declare "]
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .unwrap_or(text);
    let (name, value) = text.split_once('=')?;
    let (name, appends) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if !is_name {
        return None;
    }
    let name = name.to_owned();
    if let Some(inner) = value.strip_prefix('(').and_then(|it| it.trim_end().strip_suffix(')')) {
        let without_comments: Vec<&str> =
            inner.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let items = Lexer::new(&without_comments.join("\n")).words();
        return Some(Form::Assignment { name, value: Assigned::List { items, appends } });
    }
    let mut words = Lexer::new(value).words();
    // `NAME=value command` sets it for the command alone.
    let value = match words.len() {
        0 => Vec::new(),
        1 => words.remove(0),
        _ => return Some(Form::Opaque),
    };
    Some(Form::Assignment { name, value: Assigned::Word(value) })
}
