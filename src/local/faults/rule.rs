//! How a person writes a fault: `PUT containerGroups: 409 ContainerGroupTransitioning x2`.
//!
//! ```text
//! RULE     = [METHOD] PLACE ": " FAULT
//! PLACE    = "*" | "/" what the path begins with | what host and path contain
//! FAULT    = ["delay" DURATION] [EFFECT] ["after" N] ["x" N]
//! EFFECT   = STATUS [CODE] ["retry-after" SECONDS] | "reset" | "cut" | "failed" CODE
//! DURATION = N ("ms" | "s" | "m")
//! ```

use super::fault::{Effect, Fault, FaultAnswer, Requests};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A rule as it was written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct FaultRule(Fault);

/// What is wrong with a rule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FaultRuleError {
    #[error("it has no `: ` after the requests; {EXAMPLE}")]
    NoColon,
    #[error("it names no requests before the `:`, such as `PUT containerGroups`, or `*` for all")]
    NoPlace,
    #[error("`{0}` is no method, such as `GET`, `PUT` or `PATCH`")]
    Method(String),
    #[error("`{0}` names more than one place; {EXAMPLE}")]
    Places(String),
    #[error(
        "nothing goes wrong by it; write a status, `reset`, `cut`, `failed CODE` or \
         `delay DURATION` after the `:`"
    )]
    NoEffect,
    #[error("`{0}` is not known; {EXAMPLE}")]
    Word(String),
    #[error("`{0}` is not the status of a failure, which is from 400 to 599, such as `503`")]
    Status(String),
    #[error("`{0}` stands twice; write it once")]
    Twice(&'static str),
    #[error("`{0}` and `{1}` exclude each other; give each a rule of its own")]
    TwoEffects(String, String),
    #[error("`{0}` is not followed by {1}, {2}")]
    Value(&'static str, &'static str, &'static str),
    #[error("`retry-after` needs a status, such as `503 retry-after 2`")]
    RetryAfter,
    #[error("`{0}` is no number of times, such as `x2`")]
    Times(String),
}

const EXAMPLE: &str = "write it as in `PUT containerGroups: 409 ContainerGroupTransitioning x2`";

impl FaultRule {
    pub fn fault(&self) -> &Fault {
        &self.0
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.rule)
    }
}

impl From<FaultRule> for String {
    fn from(rule: FaultRule) -> Self {
        rule.0.rule
    }
}

impl TryFrom<String> for FaultRule {
    type Error = FaultRuleError;

    fn try_from(text: String) -> Result<Self, FaultRuleError> {
        text.parse()
    }
}

impl FromStr for FaultRule {
    type Err = FaultRuleError;

    fn from_str(text: &str) -> Result<Self, FaultRuleError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // A port follows a colon too.
        let (place, what) = match text.strip_suffix(':') {
            Some(place) => (place, ""),
            None => text.split_once(": ").ok_or(FaultRuleError::NoColon)?,
        };
        let requests = requests(place)?;
        let words = Words::read(what)?;
        Ok(Self(Fault {
            requests,
            delay: words.delay.unwrap_or_default(),
            after: words.after.unwrap_or_default(),
            times: words.times,
            effect: words.effect(&text)?,
            rule: text,
        }))
    }
}

fn requests(text: &str) -> Result<Requests, FaultRuleError> {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let (method, place) = match words[..] {
        [] => return Err(FaultRuleError::NoPlace),
        [word] if method(word) => return Err(FaultRuleError::NoPlace),
        [place] => ("", place),
        [first, place] if method(first) => (first, place),
        [first, _] => return Err(FaultRuleError::Method(first.to_owned())),
        _ => return Err(FaultRuleError::Places(text.to_owned())),
    };
    let lower = place.to_ascii_lowercase();
    let mut requests = Requests { method: method.to_owned(), ..Requests::default() };
    match place {
        "*" => {}
        _ if place.starts_with('/') => requests.path_begins = lower,
        _ => requests.contains = lower,
    }
    Ok(requests)
}

/// Whether a word is a method: one of the usual ones, whose names are in capitals.
fn method(word: &str) -> bool {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    known.iter().any(|method| method.as_str() == word)
}

/// The words after the requests.
#[derive(Default)]
struct Words {
    delay: Option<Duration>,
    status: Option<StatusCode>,
    code: Option<String>,
    retry_after: Option<u32>,
    reset: bool,
    cut: bool,
    failed: Option<String>,
    after: Option<u32>,
    times: Option<u32>,
}

impl Words {
    fn read(text: &str) -> Result<Self, FaultRuleError> {
        let mut read = Self::default();
        let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            match word {
                "delay" => {
                    let given = words.next().and_then(duration);
                    let missing = FaultRuleError::Value("delay", "a duration", "such as `3s`");
                    once(&mut read.delay, given.ok_or(missing)?, "delay")?;
                }
                "retry-after" => {
                    let (given, such) = (words.next().and_then(number), "such as `retry-after 2`");
                    let missing = FaultRuleError::Value("retry-after", "a number of seconds", such);
                    once(&mut read.retry_after, given.ok_or(missing)?, "retry-after")?;
                }
                "after" => {
                    let (given, such) = (words.next().and_then(number), "such as `after 1`");
                    let missing = FaultRuleError::Value("after", "a number of requests", such);
                    once(&mut read.after, given.ok_or(missing)?, "after")?;
                }
                "failed" => {
                    let given = words.next().filter(|word| code(word)).map(str::to_owned);
                    let such = "such as `failed InaccessibleImage`";
                    let missing = FaultRuleError::Value("failed", "an error code", such);
                    once(&mut read.failed, given.ok_or(missing)?, "failed")?;
                }
                "reset" => read.reset = true,
                "cut" => read.cut = true,
                _ if word.starts_with(|letter: char| letter.is_ascii_digit()) => {
                    if let Some(before) = read.status {
                        let before = before.as_u16().to_string();
                        return Err(FaultRuleError::TwoEffects(before, word.to_owned()));
                    }
                    read.status = Some(status(word)?);
                    read.code = words.next_if(|word| code(word)).map(str::to_owned);
                }
                _ if word.starts_with('x') => {
                    let given = number(&word[1..]).filter(|times| *times > 0);
                    let given = given.ok_or_else(|| FaultRuleError::Times(word.to_owned()))?;
                    once(&mut read.times, given, "x")?;
                }
                _ => return Err(FaultRuleError::Word(word.to_owned())),
            }
        }
        Ok(read)
    }

    /// The one effect of the rule.
    fn effect(self, rule: &str) -> Result<Effect, FaultRuleError> {
        let status = self.status.map(|status| status.as_u16().to_string());
        let named = [
            status.clone(),
            self.reset.then(|| "reset".to_owned()),
            self.cut.then(|| "cut".to_owned()),
            self.failed.as_ref().map(|_| "failed".to_owned()),
        ];
        let named: Vec<String> = named.into_iter().flatten().collect();
        if let [first, second, ..] = named.as_slice() {
            return Err(FaultRuleError::TwoEffects(first.clone(), second.clone()));
        }
        if self.retry_after.is_some() && status.is_none() {
            return Err(FaultRuleError::RetryAfter);
        }
        if named.is_empty() && self.delay.is_none() {
            return Err(FaultRuleError::NoEffect);
        }
        Ok(match (self.status, self.failed) {
            (Some(status), _) => Effect::Answer(FaultAnswer {
                status,
                code: self.code.unwrap_or_default(),
                message: format!("a rehearsed fault, `{rule}`"),
                retry_after: self.retry_after,
            }),
            (None, Some(code)) => Effect::Failed { code },
            (None, None) if self.reset => Effect::Reset,
            (None, None) if self.cut => Effect::Cut,
            (None, None) => Effect::None,
        })
    }
}

/// Sets what a word gives.
fn once<T>(field: &mut Option<T>, given: T, word: &'static str) -> Result<(), FaultRuleError> {
    match field.replace(given) {
        Some(_) => Err(FaultRuleError::Twice(word)),
        None => Ok(()),
    }
}

fn number(text: &str) -> Option<u32> {
    Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: u32 = count.parse().ok()?;
    let unit = match unit {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        _ => return None,
    };
    unit.checked_mul(count)
}

fn status(text: &str) -> Result<StatusCode, FaultRuleError> {
    let status = text.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.filter(|status| status.is_client_error() || status.is_server_error());
    status.ok_or_else(|| FaultRuleError::Status(text.to_owned()))
}

/// Whether a word may be an error code: all services begin them with a capital.
fn code(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::super::fault::{Effect, FaultAnswer};
    use super::FaultRule;
    use http::StatusCode;
    use std::time::Duration;

    fn rule(text: &str) -> FaultRule {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_word_is_read() {
        let fault =
            rule("PUT  containerGroups: delay 3s 503 ServiceUnavailable retry-after 2 after 1 x4 ");
        let fault = fault.fault();
        assert_eq!(
            fault.rule,
            "PUT containerGroups: delay 3s 503 ServiceUnavailable retry-after 2 after 1 x4"
        );
        assert_eq!((fault.requests.method.as_str(), fault.after), ("PUT", 1));
        assert_eq!(fault.requests.contains, "containergroups");
        assert_eq!((fault.delay, fault.times), (Duration::from_secs(3), Some(4)));
        let answer = Effect::Answer(FaultAnswer {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "ServiceUnavailable".into(),
            message: format!("a rehearsed fault, `{}`", fault.rule),
            retry_after: Some(2),
        });
        assert_eq!(fault.effect, answer);
    }

    #[test]
    fn each_effect_is_read() {
        let effect = |text: &str| rule(text).fault().effect.clone();
        assert_eq!(effect("*: delay 200ms"), Effect::None);
        assert_eq!(effect("GET /v2/: reset x1"), Effect::Reset);
        assert_eq!(effect("PATCH demo.azurecr.io:443/v2/: cut"), Effect::Cut);
        let failed = Effect::Failed { code: "InaccessibleImage".into() };
        assert_eq!(effect("PUT containerGroups: failed InaccessibleImage"), failed);
    }

    #[test]
    fn place_is_the_beginning_of_a_path_or_a_part_of_host_and_path() {
        let have = |text: &str, method: &str, host: &str, path: &str| {
            rule(text).fault().requests.have(method, host, path)
        };
        assert!(have("*: reset", "GET", "api.github.com", "/repos"));
        assert!(have("/v2/: reset", "GET", "demo.azurecr.io", "/v2/web/tags/list"));
        assert!(!have("/v2/: reset", "GET", "demo.azurecr.io", "/oauth2/v2/"));
        assert!(have("Demo.azurecr.io/V2: reset", "PUT", "demo.azurecr.io", "/v2/web"));
        assert!(have("GET vault.azure.net: reset", "GET", "a.vault.azure.net", "/secrets/x"));
        assert!(!have("GET vault.azure.net: reset", "PUT", "a.vault.azure.net", "/secrets/x"));
    }

    #[test]
    fn mistake_is_named_with_an_example() {
        #[track_caller]
        fn case(text: &str, expected: &str) {
            let error = text.parse::<FaultRule>().expect_err("a mistake").to_string();
            let like = "write it as in `PUT containerGroups: 409 ContainerGroupTransitioning x2`";
            assert_eq!(error, expected.replace("EXAMPLE", like));
        }
        case("", "it has no `: ` after the requests; EXAMPLE");
        case("delay 3s", "it has no `: ` after the requests; EXAMPLE");
        case("PUT x:503", "it has no `: ` after the requests; EXAMPLE");
        let nowhere =
            "it names no requests before the `:`, such as `PUT containerGroups`, or `*` for all";
        case(": 503", nowhere);
        case("PUT: 503", nowhere);
        case("put x: 503", "`put` is no method, such as `GET`, `PUT` or `PATCH`");
        case("PUT x y: 503", "`PUT x y` names more than one place; EXAMPLE");
        let nothing = "nothing goes wrong by it; write a status, `reset`, `cut`, `failed CODE` or \
                       `delay DURATION` after the `:`";
        case("PUT x:", nothing);
        case("PUT x: x2", nothing);
        case("PUT x: explode", "`explode` is not known; EXAMPLE");
        case("PUT x: 503 busy", "`busy` is not known; EXAMPLE");
        let no_failure = "is not the status of a failure, which is from 400 to 599, such as `503`";
        case("PUT x: 200", &format!("`200` {no_failure}"));
        case("PUT x: 3s", &format!("`3s` {no_failure}"));
        case("PUT x: delay 1s delay 2s", "`delay` stands twice; write it once");
        case("PUT x: 503 x1 x2", "`x` stands twice; write it once");
        case("PUT x: 503 504", "`503` and `504` exclude each other; give each a rule of its own");
        case(
            "PUT x: reset 503",
            "`503` and `reset` exclude each other; give each a rule of its own",
        );
        case(
            "PUT x: cut failed Busy",
            "`cut` and `failed` exclude each other; give each a rule of its own",
        );
        case("PUT x: delay 3", "`delay` is not followed by a duration, such as `3s`");
        case("PUT x: delay", "`delay` is not followed by a duration, such as `3s`");
        case(
            "PUT x: 503 retry-after 2s",
            "`retry-after` is not followed by a number of seconds, such as `retry-after 2`",
        );
        case(
            "PUT x: 503 after x1",
            "`after` is not followed by a number of requests, such as `after 1`",
        );
        case(
            "PUT x: failed",
            "`failed` is not followed by an error code, such as `failed InaccessibleImage`",
        );
        case(
            "PUT x: reset retry-after 2",
            "`retry-after` needs a status, such as `503 retry-after 2`",
        );
        case("PUT x: 503 x0", "`x0` is no number of times, such as `x2`");
        case("PUT x: 503 xyz", "`xyz` is no number of times, such as `x2`");
    }

    #[test]
    fn rule_is_written_as_text() {
        let json = serde_json::to_string(&rule("*:  reset")).expect("JSON");
        assert_eq!(json, "\"*: reset\"");
        assert_eq!(serde_json::from_str::<FaultRule>(&json).expect("a rule"), rule("*: reset"));
    }
}
