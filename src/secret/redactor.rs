//! Masks secrets in everything that is written: child processes and servers echo them.

use super::line::{LineRedactor, show};
use super::matcher::Matcher;
use super::spellings::{LEAST, lines, parts, spellings};
use super::value::Secret;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Knows every secret of this process. A cheap handle on one shared list.
#[derive(Clone, Default)]
pub struct Redactor {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
    /// Held while a secret is registered, so that every listener knows it before anything
    /// else does.
    listeners: Mutex<Vec<Listener>>,
}

type Listener = Box<dyn Fn(&str) + Send>;

#[derive(Default)]
struct Known {
    secrets: Vec<Secret>,
    spellings: BTreeSet<String>,
    /// The values and their lines.
    values: BTreeSet<String>,
    /// Rebuilt at its first use after a secret was registered.
    matcher: Option<Arc<Matcher>>,
}

/// A secret that is too short to be masked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the value of `{secret}` has fewer than 4 characters")]
pub struct TooShort {
    /// The source of the secret, as the plan names it.
    pub secret: String,
}

impl Redactor {
    /// Registers a secret of the plan.
    pub fn register(&self, source: &str, value: String) -> Result<Secret, TooShort> {
        if value.trim().chars().count() < LEAST {
            return Err(TooShort { secret: source.to_owned() });
        }
        Ok(self.adopt(source, value))
    }

    /// Registers a value that a server issued or that was derived from secrets, such as a
    /// token. One that is too short to be masked is returned all the same.
    pub fn adopt(&self, source: &str, value: String) -> Secret {
        let secret = Secret::new(source, value);
        let listeners = self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known(|known| known.take_in(&secret)) {
            for listener in listeners.iter() {
                announce(&secret, listener);
            }
        }
        secret
    }

    /// Calls `listener` with each line that is to be masked: now for all known secrets,
    /// and later for each new one before it is returned. The listener may redact, but
    /// must not register a secret.
    pub fn on_new(&self, listener: impl Fn(&str) + Send + 'static) {
        let mut listeners = self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = self.known(|known| known.secrets.clone());
        let listener: Listener = Box::new(listener);
        for secret in &secrets {
            announce(secret, &listener);
        }
        listeners.push(listener);
    }

    /// Replaces every known secret in a text by `***`, in any spelling. Overlapping secrets
    /// are replaced as one.
    pub fn redact(&self, text: &str) -> String {
        let secrets = self.matcher().find(text.as_bytes());
        if secrets.is_empty() { text.to_owned() } else { show(text.as_bytes(), &secrets) }
    }

    /// Redacts a line that arrives in pieces.
    pub fn line(&self) -> LineRedactor {
        LineRedactor::new(self.clone())
    }

    pub(super) fn matcher(&self) -> Arc<Matcher> {
        self.known(|known| {
            let Known { spellings, values, matcher, .. } = known;
            matcher.get_or_insert_with(|| Arc::new(Matcher::new(spellings, values))).clone()
        })
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.shared.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Known {
    /// Whether it is new and long enough to be masked.
    fn take_in(&mut self, secret: &Secret) -> bool {
        let value = secret.expose();
        if value.trim().chars().count() < LEAST
            || self.secrets.iter().any(|known| known.expose() == value)
        {
            return false;
        }
        self.spellings.extend(spellings(value));
        self.values.extend(parts(value).into_iter().map(str::to_owned));
        self.secrets.push(secret.clone());
        self.matcher = None;
        true
    }
}

fn announce(secret: &Secret, listener: &Listener) {
    for line in lines(secret.expose()) {
        listener(line);
    }
}

#[cfg(test)]
mod tests {
    use super::{Redactor, TooShort};
    use std::sync::{Arc, Mutex};

    fn knowing(values: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for value in values {
            redactor.register("test", (*value).to_owned()).expect("a long enough secret");
        }
        redactor
    }

    #[test]
    fn a_secret_inside_a_secret_leaves_no_tail() {
        assert_eq!(knowing(&["hunter", "hunter22"]).redact("pw=hunter22"), "pw=***");
        assert_eq!(knowing(&["hunter22", "hunter"]).redact("pw=hunter22"), "pw=***");
    }

    #[test]
    fn overlapping_secrets_are_masked_as_one() {
        let redactor = knowing(&["abcdef", "defghi", "cdef", "hijk"]);
        assert_eq!(redactor.redact("<abcdefghijk>"), "<***>");
        assert_eq!(redactor.redact("abcdef and cdef"), "*** and ***");
    }

    #[test]
    fn a_short_secret_is_refused() {
        let refused = Redactor::default().register("secrets.pin", "123".into());

        let error = refused.expect_err("three characters");
        assert_eq!(error, TooShort { secret: "secrets.pin".into() });
        assert_eq!(error.to_string(), "the value of `secrets.pin` has fewer than 4 characters");
        let blank = Redactor::default().register("secrets.pin", "    \n".into());
        assert!(blank.is_err(), "white space alone would mask all white space");
    }

    #[test]
    fn a_short_token_is_held_but_not_masked() {
        let redactor = Redactor::default();
        assert_eq!(redactor.adopt("a token", "no".into()).expose(), "no");
        assert_eq!(redactor.redact("no"), "no");
    }

    #[test]
    fn listeners_hear_of_each_line_once() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let redactor = knowing(&["before it all"]);
        let into = heard.clone();
        redactor.on_new(move |line| into.lock().expect("no panic").push(line.to_owned()));

        for _ in 0..2 {
            redactor.adopt("key", "first line\n}\n second line \n".into());
        }

        let heard = heard.lock().expect("no panic");
        assert_eq!(*heard, ["before it all", "first line", "second line"]);
    }

    #[test]
    fn secret_that_is_split_or_rewritten_on_a_terminal_is_masked() {
        let redactor = knowing(&["hunter22"]);
        for (text, masked) in [
            ("pw=hunt\rer22!", "pw=***!"),
            ("pw=hunt\r\u{1b}[Ker22!", "pw=***!"),
            ("pw=hunx\u{8}ter22!", "pw=***!"),
            ("pw=hun\u{7}ter\u{7f}22!", "pw=***!"),
            ("pw=huntXX\u{1b}[2Der22!", "pw=***!"),
            ("xxxxer22\rhunt\nnext", "xxxx***\nnext"),
            ("hunter\r\u{1b}[6C22", "***"),
        ] {
            assert_eq!(redactor.redact(text), masked, "{text:?}");
        }
        assert_eq!(redactor.redact("10%\r20%\r\n"), "10%\r20%\r\n");
    }

    #[test]
    fn text_beside_secrets_stays_whole() {
        let redactor = knowing(&["pässwörd"]);
        assert_eq!(redactor.redact("ü pässwörd ß"), "ü *** ß");
        assert_eq!(redactor.redact("pässwör"), "pässwör");
        assert_eq!(Redactor::default().redact("nothing known"), "nothing known");
    }
}
