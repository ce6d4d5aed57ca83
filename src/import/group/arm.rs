//! The expressions of Resource Manager's templates, as far as they are known before a
//! deployment: parameters with defaults, variables, and functions of texts.

use crate::import::yaml::{Kind, Yaml};

/// Variables that name each other in a circle end here, and so do calls within calls.
const MAX_DEPTH: usize = 16;

/// A template's parameters and variables.
pub struct Template<'a> {
    pub parameters: &'a Yaml,
    pub variables: &'a Yaml,
}

/// A call or a literal of an expression.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Term {
    Text(String),
    Call { name: String, arguments: Vec<Term>, members: Vec<String> },
}

impl Template<'_> {
    /// A text of the template, or why it is not known.
    pub fn text(&self, source: &str) -> Result<String, String> {
        self.resolve(source, 0)
    }

    fn resolve(&self, source: &str, depth: usize) -> Result<String, String> {
        // `[[` is a text that begins with a bracket.
        if let Some(literal) = source.strip_prefix("[[") {
            return Ok(format!("[{literal}"));
        }
        let Some(inner) = source.strip_prefix('[').and_then(|it| it.strip_suffix(']')) else {
            return Ok(source.to_owned());
        };
        let unknown = || format!("`{source}` is known only to Resource Manager, and was left out");
        if depth > MAX_DEPTH {
            return Err(unknown());
        }
        let mut parser = Parser { rest: inner, depth: 0 };
        let term = parser.term().filter(|_| parser.rest.trim().is_empty()).ok_or_else(unknown)?;
        self.evaluate(&term, depth).map_err(|why| why.unwrap_or_else(unknown))
    }

    /// `Err(None)` where there is nothing more to say than that it is unknown.
    fn evaluate(&self, term: &Term, depth: usize) -> Result<String, Option<String>> {
        let Term::Call { name, arguments, members } = term else {
            let Term::Text(text) = term else { return Err(None) };
            return Ok(text.clone());
        };
        let lower = name.to_ascii_lowercase();
        if ["parameters", "variables"].contains(&lower.as_str()) {
            let Some(Term::Text(key)) = arguments.first() else { return Err(None) };
            return self.named(&lower, key, members, depth);
        }
        if lower == "resourcegroup" && members == &["location"] {
            // The plan's own default.
            return Ok(String::new());
        }
        if !members.is_empty() {
            return Err(None);
        }
        let values: Result<Vec<String>, _> =
            arguments.iter().map(|argument| self.evaluate(argument, depth)).collect();
        call(&lower, &values?).ok_or(None)
    }

    fn named(
        &self,
        kind: &str,
        key: &str,
        members: &[String],
        depth: usize,
    ) -> Result<String, Option<String>> {
        let mut value = if kind == "parameters" {
            let parameter = self.parameters.get_any_case(key);
            let default = parameter.get_any_case("defaultValue");
            if default.is_null() {
                let secure = parameter.get_any_case("type").text().unwrap_or_default();
                let text = if secure.to_ascii_lowercase().starts_with("secure") {
                    format!(
                        "the parameter `{key}` is secret: declare it under `secrets` and use \
                             it where it was left out"
                    )
                } else {
                    format!(
                        "the parameter `{key}` has no default: write its value where it was \
                             left out"
                    )
                };
                return Err(Some(text));
            }
            default
        } else {
            self.variables.get_any_case(key)
        };
        for member in members {
            value = value.get_any_case(member);
        }
        let text = match &value.kind {
            Kind::Text(text) => text.clone(),
            _ => return Err(None),
        };
        self.resolve(&text, depth + 1).map_err(Some)
    }
}

/// A function whose result depends on its arguments alone.
fn call(name: &str, values: &[String]) -> Option<String> {
    Some(match (name, values) {
        ("concat", values) => values.concat(),
        ("format", [template, values @ ..]) => {
            let mut text = template.clone();
            for (at, value) in values.iter().enumerate() {
                text = text.replace(&format!("{{{at}}}"), value);
            }
            text
        }
        ("tolower", [text]) => text.to_lowercase(),
        ("toupper", [text]) => text.to_uppercase(),
        ("replace", [text, from, to]) => text.replace(from.as_str(), to),
        ("trim", [text]) => text.trim().to_owned(),
        ("string" | "int" | "json", [text]) => text.clone(),
        ("substring", [text, start, length]) => {
            let (start, length): (usize, usize) = (start.parse().ok()?, length.parse().ok()?);
            text.get(start..start.checked_add(length)?)?.to_owned()
        }
        _ => return None,
    })
}

struct Parser<'t> {
    rest: &'t str,
    /// How many calls are open.
    depth: usize,
}

impl Parser<'_> {
    fn term(&mut self) -> Option<Term> {
        self.rest = self.rest.trim_start();
        if let Some(text) = self.rest.strip_prefix('\'') {
            let mut value = String::new();
            let mut letters = text.char_indices().peekable();
            while let Some((at, letter)) = letters.next() {
                if letter != '\'' {
                    value.push(letter);
                } else if letters.peek().is_some_and(|(_, next)| *next == '\'') {
                    letters.next();
                    value.push('\'');
                } else {
                    self.rest = &text[at + 1..];
                    return Some(Term::Text(value));
                }
            }
            return None;
        }
        let name = self.word()?;
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Term::Text(name));
        }
        self.rest = self.rest.strip_prefix('(')?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let arguments = self.arguments()?;
        self.depth -= 1;
        let mut members = Vec::new();
        while let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            members.push(self.word()?);
        }
        Some(Term::Call { name, arguments, members })
    }

    fn word(&mut self) -> Option<String> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn arguments(&mut self) -> Option<Vec<Term>> {
        let mut arguments = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                return Some(arguments);
            }
            if !arguments.is_empty() {
                self.rest = self.rest.strip_prefix(',')?;
            }
            arguments.push(self.term()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Template;
    use crate::import::yaml::Yaml;

    #[test]
    fn texts_are_resolved_as_far_as_they_are_known() {
        let document = Yaml::parse(
            r#"{
  "parameters": {"name": {"defaultValue": "shop"}, "image": {"type": "string"}, "key": {"type": "securestring"}},
  "variables": {"label": "[concat(parameters('name'), '-web')]", "loop": "[variables('loop')]", "o": {"a": 1}}
}"#,
        )
        .expect("JSON");
        let template = Template {
            parameters: document.get("parameters"),
            variables: document.get("variables"),
        };
        let text = |source: &str| template.text(source).unwrap_or_else(|why| format!("! {why}"));
        let table = [
            ("plain", "plain"),
            ("[[x]", "[x]"),
            ("[variables('label')]", "shop-web"),
            ("[format('{0}.{1}', toLower('A'), variables('o').a)]", "a.1"),
            ("[resourceGroup().location]", ""),
            ("[concat('it''s ', 'a')]", "it's a"),
            (
                "[uniqueString(parameters('name'))]",
                "! `[uniqueString(parameters('name'))]` is known only to Resource Manager, and was left out",
            ),
            (
                "[parameters('image')]",
                "! the parameter `image` has no default: write its value where it was left out",
            ),
            (
                "[parameters('key')]",
                "! the parameter `key` is secret: declare it under `secrets` and use it where it was left out",
            ),
        ];
        for (source, expected) in table {
            assert_eq!(text(source), expected, "{source}");
        }
        assert!(template.text("[variables('loop')]").is_err());
        assert!(template.text("[concat(]").is_err());
    }
}
