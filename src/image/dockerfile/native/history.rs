//! The lines of an image's history, as `BuildKit` writes them: with the values of variables,
//! and lists as Go prints them.

use super::parse::CopyText;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// `ENV` and `LABEL`.
pub fn of_pairs(keyword: &str, pairs: &[(String, String)]) -> String {
    pairs.iter().fold(keyword.to_owned(), |line, (key, value)| format!("{line} {key}={value}"))
}

/// `CMD` and `ENTRYPOINT`, by the words that they stand for.
pub fn of_command(keyword: &str, words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("{keyword} [{}]", words.join(" "))
}

/// `VOLUME` and `SHELL`.
pub fn of_words(keyword: &str, words: &[String]) -> String {
    format!("{keyword} [{}]", words.join(" "))
}

/// `EXPOSE`, by its ports with their protocols.
pub fn of_ports(mut ports: Vec<String>) -> String {
    ports.sort();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(|port| format!("{port}:{{}}")).collect();
    format!("EXPOSE map[{}]", ports.join(" "))
}

/// The parts of a `COPY` or `ADD` that are in the history, with the values of variables.
pub struct CopyHistory<'a> {
    pub text: &'a CopyText,
    pub owner: Option<&'a str>,
    pub mode: Option<&'a str>,
    pub sources: &'a [String],
    pub to: &'a str,
}

pub fn of_copy(copy: &CopyHistory<'_>) -> String {
    let mut line = if copy.text.add { "ADD" } else { "COPY" }.to_owned();
    for (flag, value) in [("chown", copy.owner), ("chmod", copy.mode)] {
        if let Some(value) = value {
            write!(line, " --{flag}={value}").expect("a string takes all");
        }
    }
    for word in copy.sources.iter().map(String::as_str).chain([copy.to]) {
        write!(line, " {word}").expect("a string takes all");
    }
    line + " # buildkit"
}

/// `HEALTHCHECK`, by the object in the image's configuration.
pub fn of_healthcheck(check: &Map<String, Value>) -> String {
    let list = check.get("Test").and_then(Value::as_array);
    let words: Vec<String> =
        list.into_iter().flatten().filter_map(Value::as_str).map(quoted).collect();
    let number = |field: &str| check.get(field).and_then(Value::as_u64).unwrap_or_default();
    let duration = |field: &str| quoted(&duration(number(field)));
    let retries = u32::try_from(number("Retries")).ok().and_then(char::from_u32);
    format!(
        "HEALTHCHECK &{{[{}] {} {} {} {} {}}}",
        words.join(" "),
        duration("Interval"),
        duration("Timeout"),
        duration("StartPeriod"),
        duration("StartInterval"),
        rune(retries.unwrap_or(char::REPLACEMENT_CHARACTER)),
    )
}

/// Text in double quotes, by the rules of Go.
fn quoted(text: &str) -> String {
    let inner: String = text.chars().map(|character| escaped(character, '"')).collect();
    format!("\"{inner}\"")
}

/// A number as a character of Go, which is how `BuildKit` prints the retries.
fn rune(character: char) -> String {
    format!("'{}'", escaped(character, '\''))
}

fn escaped(character: char, quote: char) -> String {
    let letter = match character {
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{b}' => 'v',
        '\\' => '\\',
        _ if character == quote => quote,
        _ if character < ' ' || character == '\u{7f}' => {
            return format!("\\x{:02x}", u32::from(character));
        }
        _ if character.is_control() => return format!("\\u{:04x}", u32::from(character)),
        _ => return character.into(),
    };
    format!("\\{letter}")
}

/// A duration as Go prints it: `1m30s`, `1.5s`, `500ms`.
fn duration(nanoseconds: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    if nanoseconds < SECOND {
        let units = [(1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
        let (size, unit) = units.into_iter().find(|(size, _)| nanoseconds >= *size).expect("1 ns");
        return format!("{}{unit}", decimal(nanoseconds, size));
    }
    let (minutes, rest) = (nanoseconds / (60 * SECOND), nanoseconds % (60 * SECOND));
    let seconds = format!("{}s", decimal(rest, SECOND));
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// How often `size` is in `value`, as a decimal number without zeros at its end.
fn decimal(value: u64, size: u64) -> String {
    let (whole, rest) = (value / size, value % size);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = size.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::{duration, of_command, of_healthcheck, of_pairs, of_ports, of_words};
    use serde_json::json;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn lists_are_printed_as_go_prints_them() {
        assert_eq!(of_command("CMD", &words(&["a b", "\"\t\\"])), r#"CMD ["a b" "\"\t\\"]"#);
        assert_eq!(of_command("ENTRYPOINT", &[]), "ENTRYPOINT []");
        assert_eq!(of_words("VOLUME", &words(&["/a", "/b"])), "VOLUME [/a /b]");
        let ports = words(&["80/tcp", "53/udp", "80/tcp"]);
        assert_eq!(of_ports(ports), "EXPOSE map[53/udp:{} 80/tcp:{}]");
        let pairs = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x y".to_owned())];
        assert_eq!(of_pairs("ENV", &pairs), "ENV A=1 B=x y");
    }

    #[test]
    fn healthcheck_is_printed_with_its_durations() {
        let check =
            json!({"Test": ["CMD-SHELL", "curl /"], "Interval": 60_000_000_000_u64, "Retries": 3});
        assert_eq!(
            of_healthcheck(check.as_object().expect("an object")),
            r#"HEALTHCHECK &{["CMD-SHELL" "curl /"] "1m0s" "0s" "0s" "0s" '\x03'}"#
        );
    }

    #[test]
    fn durations_are_those_of_go() {
        for (nanoseconds, text) in [
            (1, "1ns"),
            (1_500, "1.5µs"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }
}
