//! Parses an expression, and lists what it names.
//!
//! The checks work on these lists: which contexts an expression refers to, where
//! and whether their text can come out of it, and which functions it calls.

use super::calls::{WrongArity, calls, for_parser};
use super::function::{FUNCTIONS, Function};
use super::tree::{Binary, Call, Expr, Literal, Node, Operator};
use crate::plan::span::Span;
use github_actions_expressions::call;
use github_actions_expressions::{Error, Expr as ParserExpr};

/// As at GitHub.
const MAX_EXPRESSION_BYTES: usize = 21_000;
/// The parser's tree is as deep as there are binary operators, and code that walks
/// it recursively must not run out of stack.
const MOST_OPERATORS: usize = 300;

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
    pub function: Function,
    pub span: Span,
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
pub(super) fn parse(source: &str, offset: usize) -> Result<Node<'_>, SyntaxError> {
    let refuse = |message: String, at: Span| SyntaxError {
        message,
        span: at.start + offset..at.end + offset,
        help: None,
    };
    if source.len() > MAX_EXPRESSION_BYTES {
        let message = format!("the expression is longer than {MAX_EXPRESSION_BYTES} characters");
        return Err(refuse(message, 0..source.len()));
    }
    if operators(source) > MOST_OPERATORS {
        let message = format!("the expression has more than {MOST_OPERATORS} operators");
        return Err(refuse(message, 0..source.len()));
    }
    let text = for_parser(source).map_err(|WrongArity { own, whole }| {
        refuse(format!("`{}` takes {}", own.function.name(), own.takes), whole)
    })?;
    match ParserExpr::parse(&text) {
        Ok(parsed) => Ok(Node::of(&parsed, source)),
        Err(error) => Err(explain(&text, offset, &error)),
    }
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
            let mut names = calls(source).into_iter().map(|call| call.name);
            let at = names.find(|at| source[at.clone()] == **name).unwrap_or(0..source.len());
            (format!("no function is called `{name}`"), at, Some(help))
        }
        Error::Call(call::Error::Arity(function, takes)) => {
            let name = Function::from(*function).name();
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

/// The span of a call with a wrong number of arguments. The parser does not say
/// which: it is the first that is wrong by itself too.
fn miscalled(source: &str, function: call::Function) -> Span {
    calls(source)
        .into_iter()
        .map(|call| call.whole)
        .find(|at| {
            let error = ParserExpr::parse(&source[at.clone()]).err();
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
    fn span(&self, node: &Node<'_>) -> Span {
        node.span.start + self.offset..node.span.end + self.offset
    }

    fn expression(&mut self, node: &Node<'_>, flows: bool) {
        match &node.expr {
            Expr::Literal(_) | Expr::Star | Expr::Identifier(_) => {}
            Expr::Call(call) => self.call(node, call, flows),
            Expr::Index(index) => self.expression(index, flows),
            Expr::Path(parts) => self.context(node, parts, flows),
            Expr::Binary(Binary { left, operator, right }) => {
                // `&&` gives its left side only where that is empty or false.
                let outside = self.has_fallback;
                self.has_fallback |= *operator == Operator::Or;
                self.expression(left, flows && *operator == Operator::Or);
                self.has_fallback = outside;
                let passes = matches!(operator, Operator::And | Operator::Or);
                self.expression(right, flows && passes);
            }
            Expr::Not(inner) => self.expression(inner, false),
        }
    }

    fn call(&mut self, node: &Node<'_>, call: &Call<'_>, flows: bool) {
        self.functions.push(FunctionRef { function: call.function, span: self.span(node) });
        for (at, argument) in call.arguments.iter().enumerate() {
            let passes = match call.function {
                Function::Format
                | Function::Join
                | Function::ToJson
                | Function::FromJson
                | Function::Lower
                | Function::Upper
                | Function::Replace
                | Function::Slug
                | Function::Match
                | Function::Pep440
                | Function::Date => true,
                Function::Case => at % 2 == 1 || at + 1 == call.arguments.len(),
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

    fn context(&mut self, whole: &Node<'_>, parts: &[Node<'_>], flows: bool) {
        let Some((head, rest)) = parts.split_first() else { return };
        if matches!(head.expr, Expr::Identifier(_)) {
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

fn segment(part: &Node<'_>) -> Segment {
    match &part.expr {
        Expr::Identifier(name) => Segment::Name((*name).to_owned()),
        Expr::Star => Segment::Any,
        Expr::Index(index) => match &index.expr {
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
    use crate::plan::expr::function::Function;

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
        assert_eq!(
            named("slug(replace(pr.branch, lower(a.b), (upper(c.d))))"),
            ["pr.branch", "a.b", "c.d"]
        );
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
        let expected =
            [(Function::Success, 10..19), (Function::Contains, 23..49), (Function::ToJson, 32..43)];
        assert_eq!(found, expected.map(|(function, span)| FunctionRef { function, span }));
        assert_eq!(
            found.iter().map(|found| found.function.is_status()).collect::<Vec<_>>(),
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
                 `hashFiles`, `case`, `lower`, `upper`, `replace`, `slug`, `match`, `pep440`, `date`, \
                 `success`, `failure`, `always`, `cancelled`",
            ),
        );
        case(
            "contains('a', 'b') && contains(git.tag)",
            "contains(git.tag)",
            "`contains` takes exactly 2 arguments",
            None,
        );
        case(
            "contains(lower(git.branch)) || slug(git.tag) && replace(git.tag, 'v')",
            "replace(git.tag, 'v')",
            "`replace` takes exactly 3 arguments",
            None,
        );
        case("x && Upper()", "Upper()", "`upper` takes exactly 1 argument", None);
        case(
            "slug(x) || contains(lower(x))",
            "contains(lower(x))",
            "`contains` takes exactly 2 arguments",
            None,
        );
        case("lower(x) ==", "=", "unexpected end of expression", None);
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
