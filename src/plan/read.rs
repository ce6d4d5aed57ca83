//! Text in, plan and mistakes out.

use super::check::check;
use super::diagnostic::{self, Diagnostic};
use super::parse::parse;
use super::schema::Plan;
use super::tree::load;

/// The largest plan, in bytes. A thousand services fit in twice.
pub const LARGEST: usize = 1 << 20;

/// What came of reading a plan.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The plan, where no diagnostic is an error.
    pub plan: Option<Plan>,
    /// Everything that is wrong with it, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a plan: its syntax, its types, and what it says.
pub fn read(text: &str) -> Reading {
    let mut diagnostics = Vec::new();
    let plan = if text.len() > LARGEST {
        diagnostics.push(too_large(text.len()));
        None
    } else {
        typed(text, &mut diagnostics)
    };
    diagnostic::sort(&mut diagnostics);
    let good = !diagnostics.iter().any(Diagnostic::is_error);
    Reading { plan: plan.filter(|_| good), diagnostics }
}

/// Reads a plan from what a file holds. The text that comes with it is the one
/// that the diagnostics are to be drawn in.
pub fn read_bytes(bytes: &[u8]) -> (String, Reading) {
    let refused = |diagnostic| Reading { plan: None, diagnostics: vec![diagnostic] };
    if bytes.len() > LARGEST {
        return (String::new(), refused(too_large(bytes.len())));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), read(text)),
        Err(error) => {
            let at = error.valid_up_to();
            let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
            let diagnostic = Diagnostic::error("not-utf-8", "a plan is text in UTF-8", &span);
            let found = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => diagnostic.label("this is UTF-16"),
                _ => diagnostic.label(format!("the byte {:#04x} here is not", bytes[at])),
            };
            (String::from_utf8_lossy(bytes).into_owned(), refused(found))
        }
    }
}

fn typed(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Plan> {
    let root = load(text, diagnostics);
    // One that is no YAML is reported as that alone.
    if root.is_none() && !diagnostics.is_empty() {
        return None;
    }
    let parsed = parse(text, root.as_ref(), diagnostics)?;
    check(text, &parsed, diagnostics);
    Some(parsed.plan)
}

fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("a plan has at most {LARGEST} bytes, and this has {bytes}");
    Diagnostic::error("too-large", message, &(0..0))
}
