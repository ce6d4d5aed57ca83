//! Expressions, evaluated over an event and a secret.

#![no_main]

mod limits;

use libfuzzer_sys::fuzz_target;
use shipway::testing::plan::untrusted::{Evaluated, evaluate};
use std::time::Duration;

/// Its parts are not found in input by chance.
const SECRET: &str = "q9Zx-7Kw#2Lp";

/// How much of the secret makes a text secret.
const LEAK_BYTES: usize = 6;

fn has_part_of_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let secret = SECRET.to_ascii_lowercase();
    secret
        .as_bytes()
        .windows(LEAK_BYTES)
        .any(|part| text.as_bytes().windows(LEAK_BYTES).any(|other| other == part))
}

fuzz_target!(|input: &str| {
    // The event stands behind a NUL.
    let (source, event) = input.split_once('\0').unwrap_or((input, "null"));
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    let limit = Duration::from_secs(1);
    let given = [source, &event.to_string()].iter().any(|text| has_short_part(text));
    match limits::within(limit, || evaluate(source, &event, SECRET)) {
        Evaluated::Plain(text) => assert!(given || !has_part_of_secret(&text), "{text:?}"),
        Evaluated::Secret(_) => {}
        Evaluated::Refused { message, span } => {
            assert!(given || !has_part_of_secret(&message), "{message:?}");
            assert!(span.start <= span.end && span.end <= source.len(), "{span:?}");
            // What is no expression by itself may be one with a parenthesis before it.
            return;
        }
    }
    // What `toJSON` writes, `fromJSON` reads.
    let written = evaluate(&format!("toJSON({source})"), &event, SECRET);
    let (Evaluated::Plain(json) | Evaluated::Secret(json)) = &written else { return };
    let back = evaluate(&format!("toJSON(fromJSON(toJSON({source})))"), &event, SECRET);
    match &back {
        Evaluated::Plain(again) | Evaluated::Secret(again) => assert_eq!(json, again),
        // JSON has no such numbers, and the whole may be deeper or longer than its part.
        Evaluated::Refused { message, .. } => assert!(
            json.contains("NaN")
                || json.contains("Infinity")
                || message.starts_with("the expression"),
            "{source:?} {json:?} {message:?}"
        ),
    }
});

/// Whether the input has a part of the secret itself, of which it may make more.
fn has_short_part(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let secret = SECRET.to_ascii_lowercase();
    (2..secret.len()).any(|end| text.contains(&secret[end - 2..end]))
}
