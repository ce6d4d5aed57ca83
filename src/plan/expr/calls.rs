//! The calls in the text of an expression, found without parsing it.
//!
//! The parser knows GitHub's functions alone and does not say which call is wrong. A
//! call of another function is parsed under the name of one of GitHub's that takes as
//! many arguments, padded to the same length, so that all places stay what they are.

use super::function::{Function, OwnFunction};
use crate::plan::span::Span;
use std::borrow::Cow;

/// A `name(…)` outside of strings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CallText {
    pub(super) name: Span,
    /// With its name and parentheses.
    pub(super) whole: Span,
    pub(super) arguments: usize,
}

/// A call of one of our own functions with a wrong number of arguments.
pub(super) struct WrongArity {
    pub(super) own: &'static OwnFunction,
    pub(super) whole: Span,
}

struct Open {
    name: Span,
    commas: usize,
    /// Where the last argument begins.
    argument: usize,
}

/// All calls, inner ones first.
pub(super) fn calls(source: &str) -> Vec<CallText> {
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut quoted = false;
    for (at, byte) in source.bytes().enumerate() {
        quoted ^= byte == b'\'';
        match byte {
            b'(' if !quoted => {
                open.push(Open { name: name_before(source, at), commas: 0, argument: at + 1 });
            }
            b',' if !quoted => {
                if let Some(open) = open.last_mut() {
                    open.commas += 1;
                    open.argument = at + 1;
                }
            }
            b')' if !quoted => {
                if let Some(Open { name, commas, argument }) = open.pop()
                    && !name.is_empty()
                {
                    let last = usize::from(!source[argument..at].trim().is_empty());
                    let whole = name.start..at + 1;
                    found.push(CallText { name, whole, arguments: commas + last });
                }
            }
            _ => {}
        }
    }
    found
}

fn name_before(source: &str, at: usize) -> Span {
    let before = source[..at].trim_end();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    before.trim_end_matches(is_name).len()..before.len()
}

/// The text as the parser can read it.
pub(super) fn for_parser(source: &str) -> Result<Cow<'_, str>, WrongArity> {
    let mut text = Cow::Borrowed(source);
    if !source.contains('(') {
        return Ok(text);
    }
    for call in calls(source) {
        let Some(own) = Function::own(&source[call.name.clone()]) else { continue };
        if call.arguments != own.arguments {
            return Err(WrongArity { own, whole: call.whole });
        }
        text.to_mut().replace_range(call.name, own.parsed_as);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{calls, for_parser};

    #[test]
    fn calls_are_found_with_their_arguments() {
        let source = "f('a(', g(), (x)) && h (a, ) || i";
        let found: Vec<_> =
            calls(source).into_iter().map(|it| (&source[it.whole], it.arguments)).collect();
        assert_eq!(found, [("g()", 0), ("f('a(', g(), (x))", 3), ("h (a, )", 1)]);
    }

    #[test]
    fn own_functions_are_parsed_under_other_names() {
        let text = |source| for_parser(source).map_or_else(|_| String::new(), String::from);
        assert_eq!(text("LOWER('lower(')"), "join ('lower(')");
        assert_eq!(text("slug(replace (upper(x), 'a', ''))"), "join(format  (join (x), 'a', ''))");
        assert_eq!(text("contains(lower.x, y)"), "contains(lower.x, y)");
        assert_eq!(text("lower()"), "");
    }
}
