//! Rewrites a line of a script so that it takes from a variable what was put into
//! it.

use crate::plan::expr::Segment;
use crate::plan::schema::{Map, Part, Text};
use crate::plan::span::Spanned;

/// A longer line is left out of the help.
const MAX_SCRIPT_BYTES: usize = 400;

/// An expression that is to become a variable, and the path that names it.
pub(super) struct Replaced<'u> {
    pub(super) expression: &'u Spanned<&'u str>,
    pub(super) path: &'u [Segment],
}

/// For each expression, in the order of the text, the line that it is on with
/// all of them replaced, and the `env` that it then needs.
pub(super) fn rewrite(text: &Text, env: &Map<Text>, replaced: &[Replaced<'_>]) -> Vec<String> {
    let names = names(env, replaced);
    let mut quotes = Quotes::default();
    let mut lines = vec![Line::default()];
    let mut next = 0;
    for part in &text.parts {
        match part {
            Part::Literal(literal) => {
                quotes.read(literal);
                let mut pieces = literal.split('\n');
                push(&mut lines, pieces.next().unwrap_or_default());
                for piece in pieces {
                    lines.push(Line { text: piece.to_owned(), ..Line::default() });
                }
            }
            Part::Expression(one) => {
                let is_next =
                    replaced.get(next).is_some_and(|replaced| replaced.expression.span == one.span);
                if is_next {
                    push(&mut lines, &quotes.variable(&names[next]));
                    if let Some(line) = lines.last_mut() {
                        line.variables.push(next);
                    }
                    next += 1;
                } else {
                    push(&mut lines, &format!("${{{{ {} }}}}", one.value));
                }
            }
        }
    }
    let single = lines.iter().filter(|line| !line.text.trim().is_empty()).count() == 1;
    let mut helps = Vec::with_capacity(replaced.len());
    for line in &lines {
        let help = help(line, single, &names, replaced);
        helps.extend(line.variables.iter().map(|_| help.clone()));
    }
    helps
}

#[derive(Default)]
struct Line {
    text: String,
    variables: Vec<usize>,
}

fn push(lines: &mut [Line], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.text.push_str(text);
    }
}

fn help(line: &Line, single: bool, names: &[String], replaced: &[Replaced<'_>]) -> String {
    let mut variables: Vec<String> = Vec::new();
    for at in &line.variables {
        let value = replaced[*at].expression.value.replace('\\', "\\\\").replace('"', "\\\"");
        let variable = format!("{}: \"${{{{ {value} }}}}\"", names[*at]);
        if !variables.contains(&variable) {
            variables.push(variable);
        }
    }
    // Quotes around nothing are left where the expression had them to itself.
    let script = line.text.trim().replace("''\"${", "\"${").replace("}\"''", "}\"");
    let run = match (single, plain(&script)) {
        _ if script.len() > MAX_SCRIPT_BYTES => "run: …".to_owned(),
        (true, true) => format!("run: {script}"),
        (true, false) => format!("run: |\n  {script}"),
        (false, _) => format!("run: |\n  …\n  {script}"),
    };
    format!("give it to the script in a variable:\n{run}\nenv: {{ {} }}", variables.join(", "))
}

/// Whether YAML takes this line as it is (YAML 1.2.2, section 7.3.3).
fn plain(line: &str) -> bool {
    let first = line.chars().next().unwrap_or(' ');
    !"-?:,[]{}#&*!|>'\"%@` ".contains(first)
        && !line.contains(": ")
        && !line.contains(" #")
        && !line.ends_with(':')
}

/// A name for each: the same for the same expression, another for another.
fn names(env: &Map<Text>, replaced: &[Replaced<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, one) in replaced.iter().enumerate() {
        let same = replaced[..at]
            .iter()
            .position(|before| before.expression.value == one.expression.value);
        let name = match same {
            Some(before) => names[before].clone(),
            None => unused(&name(one.path), |name| names.contains(name) || env.get(name).is_some()),
        };
        names.push(name);
    }
    names
}

fn unused(name: &str, is_taken: impl Fn(&String) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !is_taken(name))
        .unwrap_or_default()
}

/// `github.event.pull_request.title` is best called `PULL_REQUEST_TITLE`.
fn name(path: &[Segment]) -> String {
    let words: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Name(name) => Some(
                name.to_ascii_uppercase()
                    .replace(|letter: char| !letter.is_ascii_alphanumeric(), "_"),
            ),
            Segment::Index(_) | Segment::Any | Segment::Computed => None,
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let short: &[&str] = match words.as_slice() {
        ["GITHUB", "EVENT", rest @ ..] | ["SECRETS" | "STEPS" | "SERVICES" | "ENV", rest @ ..]
            if !rest.is_empty() =>
        {
            rest
        }
        all => all,
    };
    let short: Vec<&str> = short.iter().filter(|word| **word != "OUTPUTS").copied().collect();
    let name = short.join("_");
    if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        name
    } else {
        format!("VALUE_{name}")
    }
}

/// In which quotes of a shell script a place is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Quotes {
    #[default]
    None,
    Single,
    Double,
}

impl Quotes {
    /// Goes on over a piece of the script. Here-documents are read as what is
    /// around them.
    fn read(&mut self, script: &str) {
        let mut letters = script.chars().peekable();
        let mut before = '\n';
        while let Some(letter) = letters.next() {
            match (*self, letter) {
                (Self::None | Self::Double, '\\') => {
                    letters.next();
                }
                (Self::None, '\'') => *self = Self::Single,
                (Self::None, '"') => *self = Self::Double,
                (Self::Single, '\'') | (Self::Double, '"') => *self = Self::None,
                (Self::None, '#') if before.is_whitespace() => {
                    while letters.next_if(|letter| *letter != '\n').is_some() {}
                }
                _ => {}
            }
            before = letter;
        }
    }

    /// A variable as it is written here, so that it stays one word.
    fn variable(self, name: &str) -> String {
        match self {
            Self::None => format!("\"${{{name}}}\""),
            Self::Double => format!("${{{name}}}"),
            Self::Single => format!("'\"${{{name}}}\"'"),
        }
    }
}
