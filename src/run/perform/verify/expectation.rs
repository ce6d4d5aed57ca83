//! What the plan expects of an answer, its expressions evaluated.

use super::exchange::{Exchange, HttpAnswer, Redirects};
use crate::plan::expr::Scope;
use crate::plan::literal::StatusCode;
use crate::plan::schema::{Expect, Text};
use crate::run::outcome::StepError;
use crate::run::perform::names::public;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

/// Conditions that an answer must meet, all of them.
#[derive(Default)]
pub struct Expectation {
    status: Vec<u16>,
    headers: Vec<(String, String)>,
    contains: Vec<String>,
    matches: Vec<Regex>,
    json: Vec<(String, JsonPath, String)>,
}

impl Expectation {
    /// Evaluates what the plan expects.
    pub fn new(expect: &Expect, scope: &Scope) -> Result<Self, StepError> {
        let mut expectation = Self::default();
        for status in &expect.status {
            let StatusCode(status) = status.resolve(scope)?;
            expectation.status.push(status);
        }
        for (name, value) in expect.headers.iter() {
            let value = filled(value, HEADER, scope)?;
            expectation.headers.push((name.value.to_ascii_lowercase(), value));
        }
        for body in &expect.body {
            if let Some(text) = &body.contains {
                expectation.contains.push(filled(text, TEXT, scope)?);
            }
            if let Some(text) = &body.matches {
                let pattern = filled(text, PATTERN, scope)?;
                let pattern = Regex::new(&pattern).map_err(|error| {
                    StepError::new(format!("`{pattern}` is not a regular expression"))
                        .because(error.to_string())
                })?;
                expectation.matches.push(pattern);
            }
        }
        for (path, value) in expect.json.iter() {
            let parsed = JsonPath::parse(&path.value).map_err(|error| {
                StepError::new(format!("`{}` is not a JSON path", path.value))
                    .because(error.to_string())
                    .help("a JSON path begins with `$`, as in `$.commit`")
            })?;
            let value = filled(value, VALUE, scope)?;
            expectation.json.push((path.value.clone(), parsed, value));
        }
        Ok(expectation)
    }

    /// What the plan expects of every version, the status: content describes the version
    /// that the plan deploys, such as its commit.
    pub fn of_any_version(expect: &Expect, scope: &Scope) -> Result<Self, StepError> {
        let literal = expect.status.iter().filter(|status| status.text.as_literal().is_some());
        let status = literal.map(|status| Ok(status.resolve(scope)?.0));
        Ok(Self { status: status.collect::<Result<_, StepError>>()?, ..Self::default() })
    }

    /// What is wrong where redirects are followed and the last answer is one: it leads nowhere.
    pub fn redirect_left(&self, exchange: &Exchange, redirects: Redirects) -> Option<String> {
        let status = exchange.answer.as_ref().ok()?.status;
        let is_left = redirects == Redirects::Followed && (300..400).contains(&status);
        (is_left && self.status.is_empty()).then(|| {
            format!("the status is {status}, a redirect to no address that can be followed")
        })
    }

    /// The first condition that the answer does not meet, as a sentence.
    pub fn missed(&self, answer: &HttpAnswer) -> Option<String> {
        self.status_missed(answer)
            .or_else(|| self.header_missed(answer))
            .or_else(|| self.body_missed(answer))
            .or_else(|| self.json_missed(answer))
    }

    fn status_missed(&self, answer: &HttpAnswer) -> Option<String> {
        let status = answer.status;
        if self.status.is_empty() {
            return (status >= 400).then(|| format!("the status is {status}, not below 400"));
        }
        let wanted: Vec<String> = self.status.iter().map(u16::to_string).collect();
        (!self.status.contains(&status))
            .then(|| format!("the status is {status}, not {}", wanted.join(" or ")))
    }

    fn header_missed(&self, answer: &HttpAnswer) -> Option<String> {
        self.headers.iter().find_map(|(name, wanted)| {
            let mut found = answer.headers.iter().filter(|(known, _)| known == name).peekable();
            if found.peek().is_none() {
                return Some(format!("the header `{name}` is not there"));
            }
            let values: Vec<&str> = found.map(|(_, value)| value.as_str()).collect();
            (!values.contains(&wanted.as_str())).then(|| {
                format!("the header `{name}` is `{}`, not `{wanted}`", values.join("`, `"))
            })
        })
    }

    fn body_missed(&self, answer: &HttpAnswer) -> Option<String> {
        let lacks = |text: &&String| !answer.body.contains(text.as_str());
        if let Some(text) = self.contains.iter().find(lacks) {
            return Some(format!("the body does not contain `{text}`"));
        }
        let misses = self.matches.iter().find(|pattern| !pattern.is_match(&answer.body));
        misses.map(|pattern| format!("the body does not match `{pattern}`"))
    }

    fn json_missed(&self, answer: &HttpAnswer) -> Option<String> {
        if self.json.is_empty() {
            return None;
        }
        let body: Value = match serde_json::from_str(&answer.body) {
            Ok(body) => body,
            Err(error) => return Some(format!("the body is not JSON: {error}")),
        };
        self.json.iter().find_map(|(shown, path, wanted)| {
            let found = path.query(&body).all();
            let Some(first) = found.first() else {
                return Some(format!("`{shown}` is not in the body"));
            };
            (!found.iter().any(|value| equals(value, wanted)))
                .then(|| format!("`{shown}` is `{}`, not `{wanted}`", as_text(first)))
        })
    }
}

/// Whether a value equals the plan's text, as text or as JSON.
fn equals(value: &Value, wanted: &str) -> bool {
    as_text(value) == wanted
        || serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *value)
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a text is for: as a noun, and as something of use only where it is not empty.
#[derive(Clone, Copy)]
struct Purpose {
    noun: &'static str,
    filled: &'static str,
}

const BODY: &str = "what the body must have";
const TEXT: Purpose = Purpose { noun: "expected text", filled: BODY };
const PATTERN: Purpose = Purpose { noun: "expected pattern", filled: BODY };
const HEADER: Purpose = Purpose { noun: "expected header", filled: "an expected header" };
const VALUE: Purpose = Purpose { noun: "expected value", filled: "an expected value" };

/// A text that an answer has to have. One in which an expression is empty would be found in
/// almost any body, and is equal to what a service answers that knows as little.
fn filled(text: &Text, purpose: Purpose, scope: &Scope) -> Result<String, StepError> {
    public(text, text.render_filled(scope, purpose.filled), purpose.noun)
}

/// Checks what is known of the texts before the first step.
pub fn check_texts(expect: &Expect, scope: &Scope) -> Result<(), StepError> {
    let headers = expect.headers.iter().map(|(_, text)| (text, HEADER));
    let json = expect.json.iter().map(|(_, text)| (text, VALUE));
    let texts = expect.body.iter().filter_map(|body| Some((body.contains.as_ref()?, TEXT)));
    let patterns = expect.body.iter().filter_map(|body| Some((body.matches.as_ref()?, PATTERN)));
    let all = headers.chain(json).chain(texts).chain(patterns);
    let mut known = all.filter(|(text, _)| text.is_known_early());
    known.try_for_each(|(text, purpose)| filled(text, purpose, scope).map(drop))
}

#[cfg(test)]
mod tests {
    use super::{Expectation, HttpAnswer};
    use regex::Regex;
    use serde_json_path::JsonPath;

    fn answer() -> HttpAnswer {
        HttpAnswer {
            status: 200,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: r#"{"commit":"12e4567","ok":true,"n":1.0,"list":[1,2]}"#.into(),
        }
    }

    fn json(path: &str, value: &str) -> Expectation {
        let parsed = JsonPath::parse(path).expect("a path");
        Expectation { json: vec![(path.into(), parsed, value.into())], ..Expectation::default() }
    }

    #[track_caller]
    fn misses(expectation: &Expectation, expected: &str) {
        assert_eq!(expectation.missed(&answer()).as_deref(), Some(expected));
    }

    #[test]
    fn without_expectations_a_status_below_400_passes() {
        let expectation = Expectation::default();
        assert_eq!(expectation.missed(&answer()), None);
        let broken = HttpAnswer { status: 503, ..answer() };
        let missed = expectation.missed(&broken);
        assert_eq!(missed.as_deref(), Some("the status is 503, not below 400"));
    }

    #[test]
    fn a_missed_condition_is_described() {
        let expectation = Expectation { status: vec![204, 404], ..Expectation::default() };
        misses(&expectation, "the status is 200, not 204 or 404");
        let header = |name: &str, value: &str| Expectation {
            headers: vec![(name.into(), value.into())],
            ..Expectation::default()
        };
        misses(&header("x-a", "b"), "the header `x-a` is not there");
        misses(
            &header("content-type", "text/html"),
            "the header `content-type` is `text/plain`, not `text/html`",
        );
        let contains = Expectation { contains: vec!["hello".into()], ..Expectation::default() };
        misses(&contains, "the body does not contain `hello`");
        let pattern = Regex::new("^a+$").expect("a pattern");
        let matches = Expectation { matches: vec![pattern], ..Expectation::default() };
        misses(&matches, "the body does not match `^a+$`");
        misses(&json("$.commit", "12e4568"), "`$.commit` is `12e4567`, not `12e4568`");
        misses(&json("$.nothing", "1"), "`$.nothing` is not in the body");
    }

    #[test]
    fn json_values_compare_as_text_or_as_json() {
        for (path, value) in
            [("$.commit", "12e4567"), ("$.ok", "true"), ("$.n", "1.0"), ("$.list", "[1, 2]")]
        {
            assert_eq!(json(path, value).missed(&answer()), None, "{path}");
        }
        let text = HttpAnswer { body: "hello".into(), ..answer() };
        assert_eq!(
            json("$.a", "1").missed(&text).as_deref(),
            Some("the body is not JSON: expected value at line 1 column 1")
        );
    }
}
