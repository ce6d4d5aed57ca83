//! The spellings of a value inside other text: encoded, escaped, quoted, or line by line.
//!
//! Spellings are only made here. The redactor searches for them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The fewest characters of a secret, and of a spelling of one, that are
/// looked for. Masking anything shorter would wreck every log.
pub(super) const LEAST: usize = 4;

/// All spellings of a value, those of its lines included. None is shorter than
/// [`LEAST`] characters.
pub(super) fn spellings(value: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in parts(value) {
        base64(part.as_bytes(), &mut found);
        // As PowerShell and .NET encode text.
        let units: Vec<u8> = part.encode_utf16().flat_map(u16::to_le_bytes).collect();
        base64(&units, &mut found);
        base32(part.as_bytes(), &mut found);
        hex(part, &mut found);
        json(part, &mut found);
        uri(part, &mut found);
        xml(part, &mut found);
        quoted(part, &mut found);
        found.insert(part.to_owned());
    }
    found.retain(|spelling| spelling.chars().count() >= LEAST);
    found
}

/// What a value is masked as: whole, and each of its lines.
pub(super) fn parts(value: &str) -> BTreeSet<&str> {
    let all = lines(value).chain([value, value.trim()]);
    all.filter(|part| part.chars().count() >= LEAST).collect()
}

/// The lines of a value that are long enough to be masked by themselves.
pub(super) fn lines(value: &str) -> impl Iterator<Item = &str> {
    value.lines().map(str::trim).filter(|line| line.chars().count() >= LEAST)
}

/// Base64 of the value alone, without its first and first two bytes as GitHub's
/// runner has it, and in the middle of something longer, where only the
/// characters that no neighbour has a bit in are known.
fn base64(bytes: &[u8], found: &mut BTreeSet<String>) {
    for skipped in 0..bytes.len().min(3) {
        let whole = STANDARD.encode(&bytes[skipped..]);
        found.insert(whole.trim_end_matches('=').to_owned());
        found.insert(whole);
        let whole = URL_SAFE.encode(&bytes[skipped..]);
        found.insert(whole.trim_end_matches('=').to_owned());
        found.insert(whole);
    }
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let first = (8 * before).div_ceil(6);
        let end = 8 * padded.len() / 6;
        for encoded in [STANDARD.encode(&padded), URL_SAFE.encode(&padded)] {
            found.extend(encoded.get(first..end).map(str::to_owned));
        }
    }
}

/// Base32 (RFC 4648) alone and in the middle of something longer, like [`base64`].
fn base32(bytes: &[u8], found: &mut BTreeSet<String>) {
    for before in 0..5 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let encoded = base32_text(&padded);
        let (first, end) = ((8 * before).div_ceil(5), 8 * padded.len() / 5);
        if let Some(inner) = encoded.get(first..end) {
            found.insert(inner.to_ascii_lowercase());
            found.insert(inner.to_owned());
        }
        if before == 0 {
            found.insert(encoded.to_ascii_lowercase());
            found.insert(encoded);
        }
    }
}

/// Without padding.
fn base32_text(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    for &byte in bytes {
        held = (held << 8 | u32::from(byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(DIGITS[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(DIGITS[(held << (5 - bits) & 31) as usize]));
    }
    text
}

fn hex(value: &str, found: &mut BTreeSet<String>) {
    found.insert(::hex::encode_upper(value));
    found.insert(::hex::encode(value));
}

/// As serde and most others write JSON, with `/` escaped, with HTML's letters
/// escaped as Go does, and with all but ASCII escaped as Python does; twice
/// over too, because JSON is put into JSON.
fn json(value: &str, found: &mut BTreeSet<String>) {
    let plain = json_text(value);
    let html = plain.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    let ascii = plain.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").expect("a string takes all that is written to it");
            }
        }
        text
    });
    found.insert(plain.replace('/', "\\/"));
    found.insert(json_text(&plain));
    found.extend([plain, html, ascii]);
    found.insert(value.escape_debug().to_string());
}

fn json_text(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Percent-encoded as a component, as a whole URI and as a form, each with
/// capital and small digits.
fn uri(value: &str, found: &mut BTreeSet<String>) {
    let spell = |kept: &str| {
        value.bytes().fold([String::new(), String::new()], |[mut upper, mut lower], byte| {
            if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                upper.push(char::from(byte));
                lower.push(char::from(byte));
            } else {
                write!(upper, "%{byte:02X}").expect("a string takes all that is written to it");
                write!(lower, "%{byte:02x}").expect("a string takes all that is written to it");
            }
            [upper, lower]
        })
    };
    for kept in ["-._~", "-._~!'()*", "-._~!'()*;,/?:@&=+$#", "", "*-._"] {
        for text in spell(kept) {
            found.insert(text.replace("%20", "+"));
            found.insert(text);
        }
    }
}

fn xml(value: &str, found: &mut BTreeSet<String>) {
    let text = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for quote in ["&quot;", "&#34;", "&#x22;"] {
        for apostrophe in ["'", "&apos;", "&#39;", "&#x27;"] {
            found.insert(text.replace('"', quote).replace('\'', apostrophe));
        }
    }
    found.insert(text);
}

/// As shells quote: `'\''` within apostrophes, backslashes within quotation
/// marks, and backslashes alone.
fn quoted(value: &str, found: &mut BTreeSet<String>) {
    let escaped = |special: &dyn Fn(char) -> bool| {
        value.chars().fold(String::new(), |mut text, letter| {
            if special(letter) {
                text.push('\\');
            }
            text.push(letter);
            text
        })
    };
    found.insert(value.replace('\'', r"'\''"));
    found.insert(value.replace('\'', r#"'"'"'"#));
    found.insert(value.replace('\'', "''"));
    found.insert(escaped(&|letter| letter == '"'));
    found.insert(escaped(&|letter| letter == '\''));
    found.insert(escaped(&|letter| "\\\"".contains(letter)));
    found.insert(escaped(&|letter| "\\\"$`".contains(letter)));
    found.insert(escaped(&|letter| "\\\"$`!".contains(letter)));
    found.insert(escaped(&|letter| {
        letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"%+,-./:=@_\n".contains(letter)
    }));
}

#[cfg(test)]
mod tests {
    use super::spellings;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::proptest;

    fn has(value: &str, spelling: &str) {
        assert!(spellings(value).contains(spelling), "{value} as {spelling}");
    }

    #[test]
    fn each_way_of_writing_a_value() {
        has("hunter22", "hunter22");
        has("hunter22", "aHVudGVyMjI=");
        has("hunter22", "aHVudGVyMjI");
        has("hunter22", "dW50ZXIyMg==");
        has("hunter22", "bnRlcjIy");
        has("hunter22", "68756e7465723232");
        has("hunter22", "NB2W45DFOIZDE");
        has("hunter22", "nb2w45dfoizde");
        has("hunter22", "aAB1AG4AdABlAHIAMgAyAA==");
        has("a?b>c~d", "YT9iPmN-ZA==");
        has("a\"b\\c", r#"a\"b\\c"#);
        has("a/b/c", r"a\/b\/c");
        has("a<b&c", r"a\u003cb\u0026c");
        has("pässword", r"p\u00e4ssword");
        has("a b/c", "a%20b%2Fc");
        has("a b/c", "a+b%2fc");
        has("a<b&'c", "a&lt;b&amp;&apos;c");
        has("it's me", r"it'\''s me");
        has("say \"x\"", r#"say \"x\""#);
        has("a b$c", r"a\ b\$c");
    }

    #[test]
    fn each_line_is_a_secret_of_its_own() {
        let found = spellings("first line\n  second line  \r\n}\n");

        assert!(found.contains("first line"));
        assert!(found.contains("second line"));
        assert!(found.contains("c2Vjb25kIGxpbmU="));
        assert!(!found.contains("}"));
    }

    #[test]
    fn nothing_too_short_is_looked_for() {
        assert!(spellings("abcd\nx").iter().all(|spelling| spelling.chars().count() >= 4));
    }

    proptest! {
        #[test]
        fn base64_of_anything_around_it_holds_a_spelling(
            before in "[ -~]{0,7}", value in "[ -~]{4,40}", after in "[ -~]{0,7}",
        ) {
            let text = STANDARD.encode(format!("{before}{value}{after}"));
            assert!(spellings(&value).iter().any(|spelling| text.contains(spelling.as_str())));
        }
    }
}
