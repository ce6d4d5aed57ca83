//! The redactor: no secret is shown as it is spelled, wherever the text is cut.

#![no_main]

mod bytes;

use libfuzzer_sys::fuzz_target;
use shipway::testing::secret::Redactor;

fuzz_target!(|input: &[u8]| {
    let mut bytes = bytes::Bytes(input);
    let redactor = Redactor::default();
    let mut secrets = Vec::new();
    for _ in 0..=bytes.byte() % 3 {
        let value = String::from_utf8_lossy(bytes.piece()).into_owned();
        // A mask could make such a value of what stands beside it.
        let is_apart = !value.contains(['*', '\u{fffd}', '\r', '\n']) && value.trim() == value;
        if is_apart && redactor.register("test", value.clone()).is_ok() {
            secrets.push(value);
        }
    }
    let text = text(&mut bytes, &secrets);
    check(&redactor.redact(&String::from_utf8_lossy(&text)), &secrets);
    let mut line = redactor.line();
    let mut shown = String::new();
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        let length = usize::from(bytes.byte()) * 97 + 1;
        let (part, after) = rest.split_at(length.min(rest.len()));
        shown.extend(line.push(part));
        rest = after;
    }
    shown.push_str(&line.finish());
    check(&shown, &secrets);
});

/// Pieces of the input, secrets, and long fillers, so that a line is shown in parts.
fn text(bytes: &mut bytes::Bytes<'_>, secrets: &[String]) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..12 {
        match bytes.byte() {
            kind @ 0..=99 if !secrets.is_empty() => {
                text.extend_from_slice(secrets[usize::from(kind) % secrets.len()].as_bytes());
            }
            100..=103 => {
                let length = 4_096 * (1 + usize::from(bytes.byte() % 20));
                let filler = [bytes.byte()];
                text.extend(filler.iter().cycle().take(length));
            }
            _ => text.extend_from_slice(bytes.piece()),
        }
    }
    text
}

fn check(shown: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(!shown.contains(secret.as_str()), "{secret:?} is in {shown:?}");
    }
}
