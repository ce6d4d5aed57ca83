//! What the URLs of a service answer, and whether that is good.

/// What a URL answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    Status(u16),
    /// Why there was none.
    Nothing(String),
}

impl Answer {
    /// A server that answers works, whatever it says of this path; one that reports an
    /// error of its own does not.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Status(status) if *status < 500)
    }

    pub fn describe(&self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Nothing(_) => "no answer".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn server_that_answers_works() {
        assert!(Answer::Status(404).is_well());
        assert!(!Answer::Status(502).is_well());
        assert_eq!(Answer::Nothing("refused".into()).describe(), "no answer");
    }
}
