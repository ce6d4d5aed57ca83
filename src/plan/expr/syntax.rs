//! Parses an expression, and lists what it names.
//!
//! The checks work on these lists: which contexts an expression refers to, where
//! and whether their text can come out of it, and which functions it calls.

use crate::plan::span::Span;
use github_actions_expressions::call::{self, Call, Function};
use github_actions_expressions::literal::Literal;
use github_actions_expressions::op::{BinExpr, BinOp};
use github_actions_expressions::{Error, Expr, SpannedExpr};

/// As at GitHub.
const MAX_EXPRESSION_BYTES: usize = 21_000;
/// The parser's tree is as deep as there are binary operators, and code that walks
/// it recursively must not run out of stack.
const MOST_OPERATORS: usize = 300;

/// All functions, in their usual spelling.
pub const FUNCTIONS: [(&str, Function); 13] = [
    ("contains", Function::Contains),
    ("startsWith", Function::StartsWith),
    ("endsWith", Function::EndsWith),
    ("format", Function::Format),
    ("join", Function::Join),
    ("toJSON", Function::ToJSON),
    ("fromJSON", Function::FromJSON),
    ("hashFiles", Function::HashFiles),
    ("case", Function::Case),
    ("success", Function::Success),
    ("failure", Function::Failure),
    ("always", Function::Always),
    ("cancelled", Function::Cancelled),
];

/// A text that is not an expression.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    pub message: String,
    /// In the plan's text, by the offset that was given to the parser.
    pub span: Span,
    pub help: Option<String>,
}

/// A step of a path such as `github.event['pull_request'].labels[0].*`.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// `.name` or `['name']`, as it is spelled. Names ignore case.
    Name(String),
    /// An index that is a number: `[0]`.
    Index(f64),
    /// Every member: `.*`.
    Any,
    /// An index that is only known when it is evaluated.
    Computed,
}

/// A context that an expression refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextRef {
    /// The context's name first.
    pub path: Vec<Segment>,
    pub span: Span,
    /// Whether its text can come out of the expression: not where it is only
    /// compared, negated or searched.
    pub flows: bool,
    /// Whether it is a left side of `||`, so that something else stands in for an empty text.
    pub has_fallback: bool,
}

impl ContextRef {
    /// The context's name, as it is spelled.
    pub fn context(&self) -> &str {
        match self.path.first() {
            Some(Segment::Name(name)) => name,
            Some(Segment::Index(_) | Segment::Any | Segment::Computed) | None => "",
        }
    }
}

/// A function that an expression calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionRef {
    /// In its usual spelling.
    pub name: &'static str,
    pub span: Span,
}

impl FunctionRef {
    /// Whether it asks for the state of the run, which only an `if` can.
    pub fn is_status(&self) -> bool {
        ["success", "failure", "always", "cancelled"].contains(&self.name)
    }
}

/// The contexts that an expression refers to, in the order they stand in it.
/// `offset` is where the expression starts in the plan's text.
pub fn references(source: &str, offset: usize) -> Result<Vec<ContextRef>, SyntaxError> {
    let mut walk = Walk { offset, ..Walk::default() };
    walk.expression(&parse(source, offset)?, true);
    Ok(walk.contexts)
}

/// The functions that an expression calls, in the order they stand in it.
pub fn functions(source: &str, offset: usize) -> Result<Vec<FunctionRef>, SyntaxError> {
    let mut walk = Walk { offset, ..Walk::default() };
    walk.expression(&parse(source, offset)?, true);
    Ok(walk.functions)
}

/// Parses an expression that starts at `offset` in the plan's text.
pub(super) fn parse(source: &str, offset: usize) -> Result<SpannedExpr<'_>, SyntaxError> {
    let whole = offset..offset + source.len();
    if source.len() > MAX_EXPRESSION_BYTES {
        let message = format!("the expression is longer than {MAX_EXPRESSION_BYTES} characters");
        return Err(SyntaxError { message, span: whole, help: None });
    }
    if operators(source) > MOST_OPERATORS {
        let message = format!("the expression has more than {MOST_OPERATORS} operators");
        return Err(SyntaxError { message, span: whole, help: None });
    }
    Expr::parse(source).map_err(|error| explain(source, offset, &error))
}

pub(super) fn function_name(function: Function) -> &'static str {
    FUNCTIONS.iter().find(|(_, known)| *known == function).map_or("", |(name, _)| name)
}

/// An upper bound for the number of binary operators outside of strings.
fn operators(source: &str) -> usize {
    let mut quoted = false;
    let mut previous = false;
    let mut count = 0;
    for byte in source.bytes() {
        quoted ^= byte == b'\'';
        let operator = !quoted && b"&|=<>".contains(&byte);
        count += usize::from(operator && !previous);
        previous = operator;
    }
    count
}

fn explain(source: &str, offset: usize, error: &Error) -> SyntaxError {
    let (message, at, help) = match error {
        Error::Syntax(_) if source.trim().is_empty() => {
            ("there is no expression here".to_owned(), 0..source.len(), None)
        }
        Error::Syntax(error) => {
            let at = letter_at(source, error.offset);
            let help = advice(&source[at.clone()]);
            (error.message.to_owned(), at, help)
        }
        Error::Depth => {
            ("the expression is nested deeper than 50".to_owned(), 0..source.len(), None)
        }
        Error::Call(call::Error::UnknownFunction(name)) => {
            let known: Vec<_> = FUNCTIONS.iter().map(|(known, _)| format!("`{known}`")).collect();
            let help = format!("there are {}", known.join(", "));
            let at =
                calls(source).find(|at| called(source, at) == *name).unwrap_or(0..source.len());
            let at = at.start..at.start + name.len().min(at.len());
            (format!("no function is called `{name}`"), at, Some(help))
        }
        Error::Call(call::Error::Arity(function, takes)) => {
            let name = function_name(*function);
            (format!("`{name}` takes {takes}"), miscalled(source, *function), None)
        }
    };
    SyntaxError { message, span: at.start + offset..at.end + offset, help }
}

/// The span of the letter at an offset, or of the last one.
fn letter_at(source: &str, offset: usize) -> Span {
    let found = source.char_indices().find(|(at, _)| *at >= offset);
    let (start, letter) = found.or_else(|| source.char_indices().last()).unwrap_or((0, ' '));
    start..(start + letter.len_utf8()).min(source.len())
}

fn advice(at: &str) -> Option<String> {
    let help = match at {
        "\"" => "strings stand in single quotes",
        "+" | "-" | "*" | "/" | "%" => "expressions have no arithmetic",
        "$" | "{" | "}" => "an expression holds no further `${{ }}`",
        _ => return None,
    };
    Some(help.to_owned())
}

/// The spans of all `name(…)` outside of strings.
fn calls(source: &str) -> impl Iterator<Item = Span> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut quoted = false;
    for (at, byte) in source.bytes().enumerate() {
        quoted ^= byte == b'\'';
        match byte {
            b'(' if !quoted => {
                let name = source[..at].trim_end();
                let is_name =
                    |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
                open.push(name.trim_end_matches(is_name).len());
            }
            b')' if !quoted => found.extend(open.pop().map(|start| start..at + 1)),
            _ => {}
        }
    }
    found.into_iter()
}

fn called<'a>(source: &'a str, at: &Span) -> &'a str {
    let call = &source[at.clone()];
    call.split('(').next().unwrap_or_default().trim_end()
}

/// The span of a call with a wrong number of arguments. The parser does not say
/// which: it is the first that is wrong by itself too.
fn miscalled(source: &str, function: Function) -> Span {
    calls(source)
        .find(|at| {
            let error = Expr::parse(&source[at.clone()]).err();
            matches!(error, Some(Error::Call(call::Error::Arity(wrong, _))) if wrong == function)
        })
        .unwrap_or(0..source.len())
}

#[derive(Default)]
struct Walk {
    offset: usize,
    has_fallback: bool,
    contexts: Vec<ContextRef>,
    functions: Vec<FunctionRef>,
}

impl Walk {
    fn span(&self, expression: &SpannedExpr<'_>) -> Span {
        let span = expression.origin.span;
        span.start + self.offset..span.end + self.offset
    }

    fn expression(&mut self, expression: &SpannedExpr<'_>, flows: bool) {
        match &expression.inner {
            Expr::Literal(_) | Expr::Star | Expr::Identifier(_) => {}
            Expr::Call(call) => self.call(expression, call, flows),
            Expr::Index(index) => self.expression(index, flows),
            Expr::Context(context) => self.context(expression, &context.parts, flows),
            Expr::BinExpr(BinExpr { lhs, op, rhs }) => {
                // `&&` gives its left side only where that is empty or false.
                let outside = self.has_fallback;
                self.has_fallback |= *op == BinOp::Or;
                self.expression(lhs, flows && *op == BinOp::Or);
                self.has_fallback = outside;
                self.expression(rhs, flows && matches!(op, BinOp::And | BinOp::Or));
            }
            Expr::UnExpr { op: _, expr } => self.expression(expr, false),
        }
    }

    fn call(&mut self, expression: &SpannedExpr<'_>, call: &Call<'_>, flows: bool) {
        let span = self.span(expression);
        self.functions.push(FunctionRef { name: function_name(call.func), span });
        for (at, argument) in call.args.iter().enumerate() {
            let passes = match call.func {
                Function::Format | Function::Join | Function::ToJSON | Function::FromJSON => true,
                Function::Case => at % 2 == 1 || at + 1 == call.args.len(),
                Function::Contains
                | Function::StartsWith
                | Function::EndsWith
                | Function::HashFiles
                | Function::Success
                | Function::Failure
                | Function::Always
                | Function::Cancelled => false,
            };
            self.expression(argument, flows && passes);
        }
    }

    fn context(&mut self, whole: &SpannedExpr<'_>, parts: &[SpannedExpr<'_>], flows: bool) {
        let Some((head, rest)) = parts.split_first() else { return };
        if matches!(head.inner, Expr::Identifier(_)) {
            let path = parts.iter().map(segment).collect();
            let span = self.span(whole);
            let has_fallback = self.has_fallback;
            self.contexts.push(ContextRef { path, span, flows, has_fallback });
        } else {
            self.expression(head, flows);
        }
        for part in rest {
            self.expression(part, false);
        }
    }
}

fn segment(part: &SpannedExpr<'_>) -> Segment {
    match &part.inner {
        Expr::Identifier(name) => Segment::Name(name.as_str().to_owned()),
        Expr::Star => Segment::Any,
        Expr::Index(index) => match &index.inner {
            Expr::Star => Segment::Any,
            Expr::Literal(Literal::String(name)) => Segment::Name(name.to_string()),
            Expr::Literal(Literal::Number(number)) => Segment::Index(*number),
            _ => Segment::Computed,
        },
        _ => Segment::Computed,
    }
}

#[cfg(test)]
mod tests {
    use super::{FunctionRef, Segment, functions, references};

    #[test]
    fn left_side_of_or_has_a_fallback() {
        let source = "a.x || format('{0}', b.x || c.x) || d.x && e.x";
        let found = references(source, 0).expect("valid");
        let found: Vec<_> = found.iter().map(|it| (it.context(), it.has_fallback)).collect();
        let expected = [("a", true), ("b", true), ("c", true), ("d", false), ("e", false)];
        assert_eq!(found, expected);
    }

    /// The paths, those whose text cannot come out in parentheses.
    fn named(source: &str) -> Vec<String> {
        let shown = |segment: &Segment| match segment {
            Segment::Name(name) => name.clone(),
            Segment::Index(index) => index.to_string(),
            Segment::Any => "*".to_owned(),
            Segment::Computed => "?".to_owned(),
        };
        let found = references(source, 0).expect("is an expression");
        let paths = found.iter().map(|found| {
            let path = found.path.iter().map(shown).collect::<Vec<_>>().join(".");
            if found.flows { path } else { format!("({path})") }
        });
        paths.collect()
    }

    #[test]
    fn contexts_are_found_wherever_they_stand() {
        assert_eq!(named("github.event['a b'].c[0].*"), ["github.event.a b.c.0.*"]);
        assert_eq!(named("vars[env.NAME]"), ["vars.?", "(env.NAME)"]);
        assert_eq!(named("fromJSON(vars.list)[run.attempt].x"), ["vars.list", "(run.attempt)"]);
        assert_eq!(named("(pr || git).branch"), ["pr", "git"]);
        assert_eq!(named("'github.sha'"), [""; 0]);
    }

    #[test]
    fn text_comes_out_of_what_is_not_only_asked_about() {
        assert_eq!(
            named("git.tag == 'v1' && git.branch || git.sha"),
            ["(git.tag)", "git.branch", "git.sha"]
        );
        assert_eq!(named("!pr.fork"), ["(pr.fork)"]);
        assert_eq!(named("contains(pr.branch, 'x')"), ["(pr.branch)"]);
        assert_eq!(named("format('{0}', join(pr.*, git.sha))"), ["pr.*", "git.sha"]);
        assert_eq!(
            named("case(pr.fork, pr.branch, git.sha)"),
            ["(pr.fork)", "pr.branch", "git.sha"]
        );
    }

    #[test]
    fn a_reference_knows_its_place_in_the_plan() {
        let found = references("git.sha == pr.head-sha", 100).expect("is an expression");
        assert_eq!(
            found.iter().map(|found| found.span.clone()).collect::<Vec<_>>(),
            [100..107, 111..122]
        );
        assert_eq!(found[1].context(), "pr");
    }

    #[test]
    fn functions_are_found_under_their_usual_names() {
        let found =
            functions("SUCCESS() || contains(toJson(git), 'x')", 10).expect("is an expression");
        let expected = [("success", 10..19), ("contains", 23..49), ("toJSON", 32..43)];
        assert_eq!(found, expected.map(|(name, span)| FunctionRef { name, span }));
        assert_eq!(
            found.iter().map(FunctionRef::is_status).collect::<Vec<_>>(),
            [true, false, false]
        );
    }

    #[test]
    fn mistakes_are_explained_where_they_are() {
        #[track_caller]
        fn case(source: &str, at: &str, message: &str, help: Option<&str>) {
            let error = references(source, 0).expect_err("is no expression");
            assert_eq!(&source[error.span.clone()], at, "{source}");
            assert_eq!(error.to_string(), message, "{source}");
            assert_eq!(error.help.as_deref(), help, "{source}");
        }
        case("  ", "  ", "there is no expression here", None);
        case(
            "git.branch == \"main\"",
            "\"",
            "unexpected symbol",
            Some("strings stand in single quotes"),
        );
        case("git.branch = 'main'", "=", "expected `==`", None);
        case(
            "vars.cpu + 1",
            "+",
            "invalid numeric literal",
            Some("expressions have no arithmetic"),
        );
        case("git.sha ==", "=", "unexpected end of expression", None);
        case("'x", "'", "unterminated string literal", None);
        case("git.sha | 1", "|", "expected `||`", None);
        case("größe", "g", "unexpected symbol", None);
        case(&"!".repeat(60), &"!".repeat(60), "the expression is nested deeper than 50", None);
        case(
            "format('a(', 1) == contians(git.tag, 'x')",
            "contians",
            "no function is called `contians`",
            Some(
                "there are `contains`, `startsWith`, `endsWith`, `format`, `join`, `toJSON`, `fromJSON`, \
                 `hashFiles`, `case`, `success`, `failure`, `always`, `cancelled`",
            ),
        );
        case(
            "contains('a', 'b') && contains(git.tag)",
            "contains(git.tag)",
            "`contains` takes exactly 2 arguments",
            None,
        );
    }

    #[test]
    fn one_that_is_too_long_is_refused_before_it_is_read() {
        let long = format!("'{}'", "x".repeat(21_000));
        let error = references(&long, 0).expect_err("is too long");
        assert_eq!(error.message, "the expression is longer than 21000 characters");
        let deep = vec!["1"; 302].join("<");
        let error = references(&deep, 0).expect_err("has too many operators");
        assert_eq!(error.message, "the expression has more than 300 operators");
        let fits = vec!["1"; 301].join("<");
        assert!(references(&fits, 0).is_ok());
    }
}
