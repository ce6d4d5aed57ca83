//! Whether a command printed what its page shows.

use super::page::DocumentedCommand;
use regex::Regex;

/// What differs from run to run, and its placeholder. `…` ends what is shortened.
const PLACEHOLDERS: [(&str, &str); 8] = [
    (r"sha256:[0-9a-f]{6,64}…?", "sha256:DIGEST"),
    (r"\b01[0-9a-z]{24}\b", "RUN"),
    (r"\b(?:[0-9a-f]{40}|[0-9a-f]{7})\b…?", "COMMIT"),
    (r"\b\d+(?:\.\d+)?(?:ms|s|m|h|d)\b", "TIME"),
    (r"\b\d+(?:\.\d+)? (?:B|kB|MB|GB)(?: |$)", "SIZE "),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    // Columns are as wide as what stands in them.
    (r"[ \t]+", " "),
    (r" $", ""),
];

/// A line with placeholders in the place of what differs from run to run.
fn without_details(line: &str) -> String {
    PLACEHOLDERS.iter().fold(line.to_owned(), |line, (pattern, placeholder)| {
        Regex::new(pattern).expect("a pattern").replace_all(&line, *placeholder).into_owned()
    })
}

/// What is wrong with the output of a command. On a page `…` stands for the rest of a word or
/// line, and by itself on a line for any number of lines. A command without output on its
/// page may print anything.
pub fn difference(command: &DocumentedCommand, printed: &str) -> Option<String> {
    if command.shown.is_empty() {
        return None;
    }
    let lines: Vec<String> = printed.lines().map(without_details).collect();
    let printed_lines = lines.join("\n") + "\n";
    let pattern = command.shown.iter().map(|line| match without_details(line).as_str() {
        "…" => "(?:[^\n]*\n)*".to_owned(),
        line => regex::escape(line).replace('…', "[^\n]*") + "\n",
    });
    let pattern = format!("^{}$", pattern.collect::<String>());
    let matches = Regex::new(&pattern).expect("a pattern").is_match(&printed_lines);
    (!matches).then(|| {
        format!("the page shows:\n{}\nand it printed:\n{printed}", command.shown.join("\n"))
    })
}

#[test]
fn details_may_differ_and_words_may_not() {
    let differs = |shown: &str, printed: &str| {
        let shown = shown.lines().map(str::to_owned).collect();
        difference(&DocumentedCommand { typed: String::new(), shown }, printed).is_some()
    };
    let shown = "SERVICE  AGE  IMAGE\nweb      3h   web:v1 sha256:9b2e4f10…  1.1 MB";
    assert!(!differs(
        shown,
        "SERVICE  AGE  IMAGE\nweb      12s  web:v1 sha256:0123456789ab…  2 kB\n"
    ));
    assert!(differs(
        shown,
        "SERVICE  AGE  IMAGE\napi      12s  web:v1 sha256:0123456789ab…  2 kB\n"
    ));
    assert!(differs(shown, "SERVICE  AGE  IMAGE\n"));
    assert!(!differs("…\nPlan: 1 to update.", "a\nb\nPlan: 1 to update.\n"));
    assert!(differs("…\nPlan: 1 to update.", "a\nb\nPlan: 2 to update.\n"));
    assert!(!differs(
        "run … at 7c09f31…",
        "run of web at 0123456789abcdef0123456789abcdef01234567\n"
    ));
    assert!(differs("a", "a\nb\n"));
}
