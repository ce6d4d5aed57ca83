//! Text in, plan and mistakes out.

use super::check::check;
use super::diagnostic::{self, Diagnostic};
use super::parsed::parse;
use super::schema::Plan;
use super::tree::load;

/// A thousand services fit in twice.
pub const MAX_PLAN_BYTES: usize = 1 << 20;

/// The result of reading a plan.
#[derive(Clone, Debug)]
pub struct Reading {
    /// `None` where a diagnostic is an error.
    pub plan: Option<Plan>,
    /// As far as a plan with errors could be read, for what is said about it.
    pub draft: Option<Plan>,
    /// In the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a plan: its syntax, its types, and what it says.
pub fn read(text: &str) -> Reading {
    let mut diagnostics = Vec::new();
    let plan = if text.len() > MAX_PLAN_BYTES {
        diagnostics.push(too_large(text.len()));
        None
    } else {
        typed(text, &mut diagnostics)
    };
    diagnostic::sort(&mut diagnostics);
    let good = !diagnostics.iter().any(Diagnostic::is_error);
    let (plan, draft) = if good { (plan, None) } else { (None, plan) };
    Reading { plan, draft, diagnostics }
}

/// Reads a plan from the bytes of a file. Returns the text beside it in which
/// the diagnostics are to be drawn.
pub fn read_bytes(bytes: &[u8]) -> (String, Reading) {
    let refused = |diagnostic| Reading { plan: None, draft: None, diagnostics: vec![diagnostic] };
    if bytes.len() > MAX_PLAN_BYTES {
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
    // One that is not YAML is reported as that alone.
    if root.is_none() && !diagnostics.is_empty() {
        return None;
    }
    let parsed = parse(text, root.as_ref(), diagnostics)?;
    check(text, &parsed, diagnostics);
    Some(parsed.plan)
}

fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("a plan has at most {MAX_PLAN_BYTES} bytes, and this has {bytes}");
    Diagnostic::error("too-large", message, &(0..0))
}
