//! Parses the `WWW-Authenticate` header (RFC 9110, section 11.6.1), tolerating what the
//! registries in use send.

/// One authentication scheme that a registry offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// `basic`, `bearer`, in lower case.
    pub scheme: String,
    /// Names are in lower case.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of one header. Unreadable parts are left out.
pub fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = Scanner { text: header };
    loop {
        rest.skip(|c| c == ',' || c.is_ascii_whitespace());
        let Some(word) = rest.token() else { break };
        let spaces = rest.skip(|c| c.is_ascii_whitespace());
        let is_parameter = rest.text.starts_with('=') && (spaces == 0 || !found.is_empty());
        if is_parameter && let Some(challenge) = found.last_mut() {
            rest.skip(|c| c == '=' || c.is_ascii_whitespace());
            challenge.parameters.push((word.to_ascii_lowercase(), rest.value()));
        } else {
            found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
        }
    }
    found
}

/// Every parameter of every challenge of a header.
pub fn parameters(header: &str) -> Vec<(String, String)> {
    parse(header).into_iter().flat_map(|challenge| challenge.parameters).collect()
}

struct Scanner<'a> {
    text: &'a str,
}

impl<'a> Scanner<'a> {
    /// Skips characters for which `of` holds. Returns the number of bytes.
    fn skip(&mut self, of: impl Fn(char) -> bool) -> usize {
        let rest = self.text.trim_start_matches(of);
        let skipped = self.text.len() - rest.len();
        self.text = rest;
        skipped
    }

    fn token(&mut self) -> Option<&'a str> {
        let word = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:".contains(c);
        let end = self.text.find(|c| !word(c)).unwrap_or(self.text.len());
        if end == 0 {
            // Skip a character that is not allowed here.
            let mut characters = self.text.chars();
            characters.next()?;
            self.text = characters.as_str();
            return self.token();
        }
        let (token, rest) = self.text.split_at(end);
        self.text = rest;
        Some(token)
    }

    fn value(&mut self) -> String {
        let Some(quoted) = self.text.strip_prefix('"') else {
            let end = self
                .text
                .find(|c: char| c == ',' || c.is_ascii_whitespace())
                .unwrap_or(self.text.len());
            let (value, rest) = self.text.split_at(end);
            self.text = rest;
            return value.to_owned();
        };
        let mut value = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => value.extend(characters.next()),
                other => value.push(other),
            }
        }
        self.text = characters.as_str();
        value
    }
}

#[cfg(test)]
mod tests {
    use super::{Challenge, parse};

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        let parameters =
            parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Challenge { scheme: scheme.into(), parameters }
    }

    #[test]
    fn a_bearer_challenge_has_quoted_strings_with_commas() {
        let header = r#"Bearer realm="https://demo.azurecr.io/oauth2/token",service="demo.azurecr.io",scope="repository:web:pull,push""#;

        assert_eq!(
            parse(header),
            [challenge(
                "bearer",
                &[
                    ("realm", "https://demo.azurecr.io/oauth2/token"),
                    ("service", "demo.azurecr.io"),
                    ("scope", "repository:web:pull,push"),
                ]
            )]
        );
    }

    #[test]
    fn several_challenges_in_one_header() {
        assert_eq!(
            parse(r#"Basic realm="a \"b\" c", Bearer Realm = "x" , service=y,Negotiate"#),
            [
                challenge("basic", &[("realm", "a \"b\" c")]),
                challenge("bearer", &[("realm", "x"), ("service", "y")]),
                challenge("negotiate", &[]),
            ]
        );
    }

    #[test]
    fn nonsense_yields_no_way_in() {
        assert_eq!(parse(""), []);
        assert_eq!(parse("==,,\"\""), []);
        assert_eq!(parse("Bearer realm=\"open").first().and_then(|c| c.get("realm")), Some("open"));
    }
}
