//! Text in, plan and mistakes out.

use super::check::check;
use super::diagnostic::{self, Diagnostic};
use super::include::{self, Open};
use super::parsed::parse;
use super::plan_text::{PlanPart, PlanText};
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

/// Reads a plan that includes nothing: its syntax, its types, and what it says.
#[cfg(test)]
pub fn read(text: &str) -> Reading {
    read_text(&PlanText::of("shipway.yml", text))
}

/// Reads a plan and what it includes.
pub fn read_text(text: &PlanText) -> Reading {
    reading(text, Vec::new())
}

/// As [`read_text`], with what is wrong with the files that it includes.
fn reading(text: &PlanText, mut diagnostics: Vec<Diagnostic>) -> Reading {
    let bytes = text.text().len();
    let plan = if bytes > MAX_PLAN_BYTES {
        diagnostics.push(too_large(bytes));
        None
    } else {
        typed(text, &mut diagnostics)
    };
    diagnostic::sort(&mut diagnostics);
    let good = !diagnostics.iter().any(Diagnostic::is_error);
    let (plan, draft) = if good { (plan, None) } else { (None, plan) };
    Reading { plan, draft, diagnostics }
}

/// Reads a plan from the bytes of its file, and those that it includes with `open`, by their
/// paths relative to the folder of the plan. `name` is the path as it is shown.
pub fn read_files(name: &str, bytes: &[u8], open: Open<'_>) -> (PlanText, Reading) {
    let (text, refused) = decoded(bytes);
    let mut text = PlanText::of(name, &text);
    if let Some(refused) = refused {
        return (text, Reading { plan: None, draft: None, diagnostics: vec![refused] });
    }
    let mut found = Vec::new();
    include::add_files(&mut text, open, &mut found);
    let reading = reading(&text, found);
    (text, reading)
}

/// Reads a plan that includes nothing from the bytes of a file. Returns the text beside it
/// in which the diagnostics are to be drawn.
pub fn read_bytes(bytes: &[u8]) -> (String, Reading) {
    let mut none = |_: &str| Err("only the file of a plan can include others".to_owned());
    let (text, reading) = read_files("shipway.yml", bytes, &mut none);
    (text.text().to_owned(), reading)
}

/// The text of a file, and why it is not read.
fn decoded(bytes: &[u8]) -> (String, Option<Diagnostic>) {
    if bytes.len() > MAX_PLAN_BYTES {
        return (String::new(), Some(too_large(bytes.len())));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(error) => {
            let at = error.valid_up_to();
            let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
            let diagnostic = Diagnostic::error("not-utf-8", "a plan is text in UTF-8", &span);
            let found = match bytes {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => diagnostic.label("this is UTF-16"),
                _ => diagnostic.label(format!("the byte {:#04x} here is not", bytes[at])),
            };
            (String::from_utf8_lossy(bytes).into_owned(), Some(found))
        }
    }
}

fn typed(text: &PlanText, diagnostics: &mut Vec<Diagnostic>) -> Option<Plan> {
    // What is missing may be in a file that cannot be read.
    let mut is_whole = diagnostics.is_empty();
    // In a text of its own each file is preceded by as many bytes as in the whole, so that
    // all spans are those of the whole.
    let own: Vec<String> = text.parts().skip(1).map(own_text).collect();
    let first = text.parts().next().map_or("", |part| part.text);
    let mut root = load(first, diagnostics);
    // One that is not YAML is reported as that alone.
    if root.is_none() && !diagnostics.is_empty() {
        return None;
    }
    let mut included = Vec::new();
    for (part, own) in text.parts().skip(1).zip(&own) {
        let known = diagnostics.len();
        let tree = load(own, diagnostics);
        if tree.is_none() && diagnostics.len() == known {
            diagnostics.push(include::empty(&(part.start..part.start)));
        }
        is_whole &= tree.is_some();
        included.extend(tree);
    }
    if let Some(root) = &mut root {
        is_whole &= include::merge(root, included, text, diagnostics);
    }
    if !is_whole {
        return None;
    }
    let parsed = parse(text.text(), root.as_ref(), diagnostics)?;
    check(text.text(), &parsed, diagnostics);
    include::check_hashes(text, &parsed.plan, diagnostics);
    Some(parsed.plan)
}

fn own_text(part: PlanPart<'_>) -> String {
    let mut text = "\n".repeat(part.start);
    text.push_str(part.text);
    text
}

fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("a plan has at most {MAX_PLAN_BYTES} bytes, and this has {bytes}");
    Diagnostic::error("too-large", message, &(0..0))
}
