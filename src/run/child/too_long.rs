//! Which argument or variable is too long for the kernel, where it starts no program.

use crate::secret::Secret;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// `MAX_ARG_STRLEN` of Linux: the longest argument, and the longest variable with its
/// name, `=` and the byte that ends it.
const MAX_STRING_BYTES: usize = 128 * 1024;

/// What the kernel does not take. A value may be secret, so it is not shown.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum TooLong {
    #[error("{what} has {bytes} bytes, and Linux takes at most {MAX_STRING_BYTES}")]
    One {
        /// Such as ``the variable `A` ``.
        what: String,
        bytes: usize,
    },
    #[error(
        "its arguments and variables have {bytes} bytes in all, more than Linux takes; the \
         longest is {longest}, with {longest_bytes} bytes"
    )]
    All { bytes: usize, longest: String, longest_bytes: usize },
}

impl TooLong {
    /// Names the longest string, and all of them together where it alone would do.
    pub(super) fn of(
        environment: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        arguments: &[OsString],
    ) -> Self {
        let variable = |name: &String, value: &str| {
            (format!("the variable `{name}`"), name.len() + 1 + value.len() + 1)
        };
        let plain = environment.iter().map(|(name, value)| variable(name, value));
        let secret = secrets.iter().map(|(name, value)| variable(name, value.expose()));
        let arguments = arguments.iter().zip(1..);
        let arguments =
            arguments.map(|(text, number)| (format!("argument {number}"), text.len() + 1));
        let all: Vec<(String, usize)> = plain.chain(secret).chain(arguments).collect();
        let bytes = all.iter().map(|(_, bytes)| bytes).sum();
        let longest = all.into_iter().max_by_key(|(_, bytes)| *bytes);
        let (what, longest_bytes) = longest.unwrap_or_default();
        if longest_bytes > MAX_STRING_BYTES {
            return Self::One { what, bytes: longest_bytes };
        }
        Self::All { bytes, longest: what, longest_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::TooLong;
    use std::collections::BTreeMap;

    #[test]
    fn many_variables_are_too_long_together() {
        let text = "x".repeat(100_000);
        let environment = (0..30).map(|number| (format!("V{number:02}"), text.clone())).collect();
        assert_eq!(
            TooLong::of(&environment, &BTreeMap::new(), &["y".repeat(100_500).into()]).to_string(),
            "its arguments and variables have 3100651 bytes in all, more than Linux takes; the \
             longest is argument 1, with 100501 bytes"
        );
    }
}
