//! The functions of expressions: GitHub's, and those that Shipway has beside them.

use github_actions_expressions::call::Function as ParserFunction;

/// A function that an expression may call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Format,
    Join,
    ToJson,
    FromJson,
    HashFiles,
    Case,
    Lower,
    Upper,
    Replace,
    Slug,
    Match,
    Pep440,
    Date,
    Success,
    Failure,
    Always,
    Cancelled,
}

/// All functions, in their usual spelling.
pub const FUNCTIONS: [(&str, Function); 20] = [
    ("contains", Function::Contains),
    ("startsWith", Function::StartsWith),
    ("endsWith", Function::EndsWith),
    ("format", Function::Format),
    ("join", Function::Join),
    ("toJSON", Function::ToJson),
    ("fromJSON", Function::FromJson),
    ("hashFiles", Function::HashFiles),
    ("case", Function::Case),
    ("lower", Function::Lower),
    ("upper", Function::Upper),
    ("replace", Function::Replace),
    ("slug", Function::Slug),
    ("match", Function::Match),
    ("pep440", Function::Pep440),
    ("date", Function::Date),
    ("success", Function::Success),
    ("failure", Function::Failure),
    ("always", Function::Always),
    ("cancelled", Function::Cancelled),
];

/// A function that the parser does not know.
pub(super) struct OwnFunction {
    pub(super) function: Function,
    pub(super) arguments: usize,
    /// In words that fit after "takes".
    pub(super) takes: &'static str,
    /// A function of the parser that takes as many arguments, with spaces up to the
    /// length of the name.
    pub(super) parsed_as: &'static str,
}

const OWN_FUNCTIONS: [OwnFunction; 7] = [
    OwnFunction {
        function: Function::Lower,
        arguments: 1,
        takes: "exactly 1 argument",
        parsed_as: "join ",
    },
    OwnFunction {
        function: Function::Upper,
        arguments: 1,
        takes: "exactly 1 argument",
        parsed_as: "join ",
    },
    OwnFunction {
        function: Function::Replace,
        arguments: 3,
        takes: "exactly 3 arguments",
        parsed_as: "format ",
    },
    OwnFunction {
        function: Function::Slug,
        arguments: 1,
        takes: "exactly 1 argument",
        parsed_as: "join",
    },
    OwnFunction {
        function: Function::Match,
        arguments: 2,
        takes: "exactly 2 arguments",
        parsed_as: "join ",
    },
    OwnFunction {
        function: Function::Pep440,
        arguments: 2,
        takes: "exactly 2 arguments",
        parsed_as: "join  ",
    },
    OwnFunction {
        function: Function::Date,
        arguments: 2,
        takes: "exactly 2 arguments",
        parsed_as: "join",
    },
];

impl Function {
    /// In its usual spelling.
    pub fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether the function can give another value for the same arguments: it looks at
    /// the state of the run or at files.
    pub fn is_pure(self) -> bool {
        !self.is_status() && self != Self::HashFiles
    }

    /// Whether it asks for the state of the run, which only an `if` can.
    pub fn is_status(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Always | Self::Cancelled)
    }

    /// Finds a function that the parser does not know, ignoring case as it does.
    pub(super) fn own(name: &str) -> Option<&'static OwnFunction> {
        OWN_FUNCTIONS.iter().find(|own| own.function.name().eq_ignore_ascii_case(name))
    }
}

impl From<ParserFunction> for Function {
    fn from(function: ParserFunction) -> Self {
        match function {
            ParserFunction::Contains => Self::Contains,
            ParserFunction::StartsWith => Self::StartsWith,
            ParserFunction::EndsWith => Self::EndsWith,
            ParserFunction::Format => Self::Format,
            ParserFunction::Join => Self::Join,
            ParserFunction::ToJSON => Self::ToJson,
            ParserFunction::FromJSON => Self::FromJson,
            ParserFunction::HashFiles => Self::HashFiles,
            ParserFunction::Case => Self::Case,
            ParserFunction::Success => Self::Success,
            ParserFunction::Failure => Self::Failure,
            ParserFunction::Always => Self::Always,
            ParserFunction::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OWN_FUNCTIONS;

    #[test]
    fn stand_ins_are_as_long_as_the_names() {
        for own in &OWN_FUNCTIONS {
            assert_eq!(own.parsed_as.len(), own.function.name().len(), "{}", own.function.name());
        }
    }
}
