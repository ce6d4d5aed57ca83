//! The template of `format`: `{0}` for an argument, `{{` and `}}` for braces.

/// A piece of a template.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece<'template> {
    /// Text that is copied.
    Text(&'template str),
    /// An argument by its number, from 0.
    Argument(usize),
}

/// What is wrong with a template.
pub(super) struct TemplateMistake {
    pub message: String,
    pub help: Option<&'static str>,
}

/// The pieces of a template of a `format` with this number of arguments.
pub(super) fn checked(template: &str, arguments: usize) -> Result<Vec<Piece<'_>>, TemplateMistake> {
    let Some(pieces) = pieces(template) else {
        return Err(TemplateMistake {
            message: "a brace stands alone in the template of `format`".to_owned(),
            help: Some("arguments are `{0}`, `{1}`; a brace itself is `{{` or `}}`"),
        });
    };
    let missing = pieces.iter().find_map(|piece| match piece {
        Piece::Argument(at) if *at >= arguments => Some(*at),
        Piece::Argument(_) | Piece::Text(_) => None,
    });
    match missing {
        Some(at) => Err(TemplateMistake {
            message: format!("the template names `{{{at}}}`, for which there is no argument"),
            help: None,
        }),
        None => Ok(pieces),
    }
}

/// Cuts a template into pieces. `None` if it has an unmatched brace.
pub(super) fn pieces(template: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if from.starts_with("{{") || from.starts_with("}}") {
            pieces.push(Piece::Text(&rest[..=at]));
            rest = &from[2..];
            continue;
        }
        let inner = from.strip_prefix('{')?;
        let close = inner.find('}')?;
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Argument(argument(&inner[..close])?));
        rest = &inner[close + 1..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// GitHub counts arguments in one byte.
fn argument(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse::<u8>().ok().map(usize::from))?
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    #[test]
    fn braces_and_arguments() {
        use Piece::{Argument, Text};
        #[track_caller]
        fn case(template: &str, expected: &[Piece<'_>]) {
            assert_eq!(pieces(template).as_deref(), Some(expected), "{template}");
        }
        case("", &[Text("")]);
        case("a{0}b", &[Text("a"), Argument(0), Text("b")]);
        case("{1}{0}", &[Text(""), Argument(1), Text(""), Argument(0), Text("")]);
        case("{{0}}", &[Text("{"), Text("0}"), Text("")]);
        case("{{{0}}}", &[Text("{"), Text(""), Argument(0), Text("}"), Text("")]);
    }

    #[test]
    fn what_is_no_template() {
        for template in
            ["{", "}", "{}", "{a}", "{0", "0}", "{0}}", "{256}", "{-1}", "{0:x}", "}{0}"]
        {
            assert_eq!(pieces(template), None, "{template}");
        }
    }
}
