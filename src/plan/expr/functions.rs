//! What the functions of expressions give.

use super::coerce::same;
use super::evaluate::{EvalError, Evaluator};
use super::format::{Piece, checked};
use super::function::Function;
use super::json;
use super::primitive::folded;
use super::scope::Status;
use super::tree::{Call, Node};
use super::value::{Kind, MAX_TEXT_BYTES, Taint, Value};
use crate::value::{PEP440_PARTS, pep440, slug};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use regex::RegexBuilder;

/// What the program of a pattern may take: enough for all of Unicode several times.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// The value of a call.
pub(super) fn call(
    evaluator: &Evaluator<'_>,
    at: &Node<'_>,
    call: &Call<'_>,
) -> Result<Value, EvalError> {
    let calling = Calling { evaluator, at, call };
    match call.function {
        Function::Contains => calling.contains(),
        Function::StartsWith => calling.compares(|text, part| text.starts_with(part)),
        Function::EndsWith => calling.compares(|text, part| text.ends_with(part)),
        Function::Format => calling.format(),
        Function::Join => calling.join(),
        Function::ToJson => calling.write_json(),
        Function::FromJson => calling.parse_json(),
        Function::HashFiles => calling.hash_files(),
        Function::Case => calling.case(),
        Function::Lower => calling.converts(str::to_lowercase),
        Function::Upper => calling.converts(str::to_uppercase),
        Function::Slug => calling.converts(slug),
        Function::Replace => calling.replace(),
        Function::Match => calling.matches(),
        Function::Pep440 => calling.pep440(),
        Function::Date => calling.date(),
        Function::Success => Ok(calling.status(Status::Success)),
        Function::Failure => Ok(calling.status(Status::Failure)),
        Function::Cancelled => Ok(calling.status(Status::Cancelled)),
        Function::Always => Ok(Value::from(true)),
    }
}

struct Calling<'a> {
    evaluator: &'a Evaluator<'a>,
    at: &'a Node<'a>,
    call: &'a Call<'a>,
}

impl Calling<'_> {
    fn argument(&self, at: usize) -> Result<Value, EvalError> {
        self.call
            .arguments
            .get(at)
            .map_or(Ok(Value::NULL), |argument| self.evaluator.value(argument))
    }

    fn error(&self, code: &'static str, message: impl Into<String>) -> EvalError {
        self.evaluator.error(code, self.at, message.into())
    }

    fn status(&self, status: Status) -> Value {
        Value::from(self.evaluator.scope.status() == status)
    }

    /// A text that a function made, unless it is too large.
    fn made(&self, text: String, taint: &Taint) -> Result<Value, EvalError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(self.error("too-large", "the text would be larger than 10 MiB"));
        }
        Ok(Value::from(text).tainted(taint))
    }

    fn contains(&self) -> Result<Value, EvalError> {
        let (all, part) = (self.argument(0)?, self.argument(1)?);
        let holds = match &all.kind {
            Kind::Array(items) | Kind::Filtered(items) => {
                items.iter().any(|item| same(&part, item))
            }
            Kind::Object(_) => false,
            Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::String(_) => {
                !part.is_collection() && folded(&all.to_text()).contains(&folded(&part.to_text()))
            }
        };
        Ok(Value::from(holds).tainted(&all.text_taint()).tainted(&part.text_taint()))
    }

    fn compares(&self, holds: impl Fn(&str, &str) -> bool) -> Result<Value, EvalError> {
        let (text, part) = (self.argument(0)?, self.argument(1)?);
        let are_texts = !text.is_collection() && !part.is_collection();
        let holds = are_texts && holds(&folded(&text.to_text()), &folded(&part.to_text()));
        Ok(Value::from(holds).tainted(text.taint()).tainted(part.taint()))
    }

    fn format(&self) -> Result<Value, EvalError> {
        let template = self.argument(0)?;
        let template_text = template.to_text();
        let given = self.call.arguments.len().saturating_sub(1);
        let pieces = checked(&template_text, given).map_err(|mistake| EvalError {
            help: mistake.help.map(str::to_owned),
            ..self.error("bad-format", mistake.message)
        })?;
        let mut text = String::new();
        let mut taint = template.text_taint();
        // Each once, however often the template names it: nested calls would
        // double the work at every level.
        let mut arguments: Vec<Option<Value>> = vec![None; self.call.arguments.len()];
        for piece in pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Argument(at) => {
                    let argument = match arguments[at + 1].take() {
                        Some(argument) => argument,
                        None => self.argument(at + 1)?,
                    };
                    text.push_str(&argument.to_text());
                    taint = taint.union(&argument.text_taint());
                    arguments[at + 1] = Some(argument);
                }
            }
            if text.len() > MAX_TEXT_BYTES {
                break;
            }
        }
        self.made(text, &taint)
    }

    fn join(&self) -> Result<Value, EvalError> {
        let all = self.argument(0)?;
        let (Kind::Array(items) | Kind::Filtered(items)) = &all.kind else {
            let text = if all.is_collection() { String::new() } else { all.to_text().into_owned() };
            return self.made(text, &all.text_taint());
        };
        let mut taint = all.text_taint();
        let mut separator = ",".to_owned();
        if self.call.arguments.len() > 1 && items.len() > 1 {
            let given = self.argument(1)?;
            if !given.is_collection() {
                separator = given.to_text().into_owned();
                taint = taint.union(&given.text_taint());
            }
        }
        let mut text = String::new();
        for (at, item) in items.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { &separator });
            text.push_str(&item.to_text());
            if text.len() > MAX_TEXT_BYTES {
                break;
            }
        }
        self.made(text, &taint)
    }

    fn converts(&self, convert: impl Fn(&str) -> String) -> Result<Value, EvalError> {
        let text = self.argument(0)?;
        self.made(convert(&text.to_text()), &text.text_taint())
    }

    /// Every occurrence, as it is spelled; an empty text occurs nowhere.
    fn replace(&self) -> Result<Value, EvalError> {
        let (text, from, to) = (self.argument(0)?, self.argument(1)?, self.argument(2)?);
        let taint = text.text_taint().union(&from.text_taint()).union(&to.text_taint());
        let (text, from, to) = (text.to_text(), from.to_text(), to.to_text());
        if from.is_empty() {
            return self.made(text.into_owned(), &taint);
        }
        // Known before it is made, which could take all of the memory.
        let found = text.matches(&*from).count();
        let bytes = text.len().saturating_add(found.saturating_mul(to.len()));
        if bytes.saturating_sub(found * from.len()) > MAX_TEXT_BYTES {
            return Err(self.error("too-large", "the text would be larger than 10 MiB"));
        }
        self.made(text.replace(&*from, &to), &taint)
    }

    /// The first group of the first match, or all of it without a group; empty without a
    /// match.
    fn matches(&self) -> Result<Value, EvalError> {
        let (text, pattern) = (self.argument(0)?, self.argument(1)?);
        let taint = text.text_taint().union(&pattern.text_taint());
        let built = RegexBuilder::new(&pattern.to_text()).size_limit(MAX_PATTERN_BYTES).build();
        let built = built.map_err(|_| EvalError {
            help: Some(
                "it is a regular expression of Rust's crate `regex`, such as `^web-v(.+)$`"
                    .to_owned(),
            ),
            ..self.error("bad-pattern", "the pattern of `match` is no regular expression")
        })?;
        let text = text.to_text();
        let found = built.captures(&text);
        let part = found.as_ref().and_then(|found| found.get(1).or_else(|| found.get(0)));
        self.made(part.map_or_else(String::new, |part| part.as_str().to_owned()), &taint)
    }

    fn pep440(&self) -> Result<Value, EvalError> {
        let (text, part) = (self.argument(0)?, self.argument(1)?);
        let taint = text.text_taint().union(&part.text_taint());
        let version = pep440(&text.to_text(), &part.to_text());
        let known = PEP440_PARTS.map(|part| format!("`{part}`")).join(", ");
        let version = version.ok_or_else(|| EvalError {
            help: Some(format!("it is one of {known}")),
            ..self.error("bad-part", "the second argument of `pep440` is no part of a version")
        })?;
        self.made(version, &taint)
    }

    /// A time in a format of `strftime`, in UTC; empty for an empty text.
    fn date(&self) -> Result<Value, EvalError> {
        let (time, format) = (self.argument(0)?, self.argument(1)?);
        let taint = time.text_taint().union(&format.text_taint());
        let (time, format) = (time.to_text(), format.to_text());
        let mistake = |message: &'static str, help: &str| EvalError {
            help: Some(help.to_owned()),
            ..self.error("bad-date", message)
        };
        let no_time = || {
            mistake(
                "the first argument of `date` is no time",
                "it is a time of RFC 3339, such as `run.started` or `git.commit-time`",
            )
        };
        let is_empty = time.trim().is_empty();
        let time = if is_empty { Ok(Timestamp::UNIX_EPOCH) } else { time.trim().parse() };
        let time = time.map_err(|_| no_time())?.to_zoned(TimeZone::UTC);
        // A format without a conversion is most likely one of another language: `YYYYMMDD`.
        let date = strtime::format(&*format, &time).ok().filter(|_| format.contains('%'));
        let date = date.ok_or_else(|| {
            mistake(
                "the second argument of `date` is no format of `strftime`",
                "it is one such as `%Y%m%d` or `%Y-%m-%dT%H-%M`; times are in UTC",
            )
        })?;
        self.made(if is_empty { String::new() } else { date }, &taint)
    }

    fn write_json(&self) -> Result<Value, EvalError> {
        let value = self.argument(0)?;
        self.made(json::to_json(&value), &value.text_taint())
    }

    fn parse_json(&self) -> Result<Value, EvalError> {
        let text = self.argument(0)?;
        match json::from_json(&text.to_text()) {
            Ok(value) => Ok(value.tainted(text.taint())),
            Err(_) if text.to_text().trim().is_empty() => {
                Err(self.error("bad-json", "`fromJSON` was given an empty text"))
            }
            Err(why) => Err(self.error("bad-json", format!("`fromJSON` was given no JSON: {why}"))),
        }
    }

    fn hash_files(&self) -> Result<Value, EvalError> {
        let Some(hash_files) = self.evaluator.scope.hash_files() else {
            return Err(self.error("hash-files", "`hashFiles` has no files here"));
        };
        let mut taint = Taint::default();
        let mut patterns = Vec::new();
        for at in 0..self.call.arguments.len() {
            let pattern = self.argument(at)?;
            taint = taint.union(&pattern.text_taint());
            patterns.push(pattern.to_text().into_owned());
        }
        let digest = hash_files(&patterns).map_err(|why| self.error("hash-files", why))?;
        Ok(Value::from(digest).tainted(&taint))
    }

    /// The first value whose condition is `true`; conditions are not coerced.
    fn case(&self) -> Result<Value, EvalError> {
        let last = self.call.arguments.len().saturating_sub(1);
        for at in (0..last).step_by(2) {
            let condition = self.argument(at)?;
            let Kind::Boolean(holds) = condition.kind else {
                let at = &self.call.arguments[at];
                let message =
                    format!("the condition `{}` of `case` is neither true nor false", at.source);
                return Err(self.evaluator.error("bad-case", at, message));
            };
            if holds {
                return self.argument(at + 1);
            }
        }
        self.argument(last)
    }
}
