//! What a command line can go on with.

/// A word that can be written next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    pub value: String,
    /// Its meaning in a few words; may be empty.
    pub about: String,
}

impl Candidate {
    pub fn new(value: impl Into<String>, about: impl Into<String>) -> Self {
        Self { value: value.into(), about: about.into() }
    }
}
