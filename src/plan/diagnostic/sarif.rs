//! Diagnostics as SARIF 2.1.0, which code scanning of GitHub and editors read.

use super::explanation::explanation;
use super::kind::{Diagnostic, Label};
use super::lines::PlanLines;
use crate::plan::plan_text::PlanText;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What a path keeps in a URI.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Writes all diagnostics as one log with one run. Paths have to be relative to the
/// repository for code scanning to find it. Lines and columns count from 1, columns in
/// characters, the end being past the last one.
pub fn render_sarif(text: &PlanText, diagnostics: &[Diagnostic]) -> String {
    let lines = PlanLines::of(text);
    let mut codes: Vec<&str> = Vec::new();
    for one in diagnostics {
        if !codes.contains(&one.code) {
            codes.push(one.code);
        }
    }
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|one| {
            let rule = codes.iter().position(|code| *code == one.code);
            result(&lines, one, rule.unwrap_or_default())
        })
        .collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code, diagnostics)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "shipway",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}")
}

fn rule(code: &str, diagnostics: &[Diagnostic]) -> Value {
    let first = diagnostics.iter().find(|one| one.code == code);
    let level = first.map_or("error", |one| one.severity.word());
    let mut rule = json!({ "id": code, "defaultConfiguration": { "level": level } });
    if let Some(found) = explanation(code) {
        rule["shortDescription"] = json!({ "text": found.summary() });
        rule["help"] = json!({ "text": found.plain(), "markdown": found.markdown() });
        rule["properties"] = json!({ "tags": [found.section] });
    }
    rule
}

fn result(lines: &PlanLines<'_>, one: &Diagnostic, rule: usize) -> Value {
    let mut message = one.message.clone();
    for more in [Some(&one.primary.text), one.help.as_ref()].into_iter().flatten() {
        if !more.is_empty() {
            message = format!("{message}\n{more}");
        }
    }
    let mut result = json!({
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": one.severity.word(),
        "message": { "text": message },
        "locations": [location(lines, &one.primary)],
    });
    if !one.related.is_empty() {
        let related = one.related.iter().enumerate().map(|(at, label)| {
            let mut location = location(lines, label);
            location["id"] = json!(at + 1);
            location["message"] = json!({ "text": label.text });
            location
        });
        result["relatedLocations"] = related.collect();
    }
    result
}

fn location(lines: &PlanLines<'_>, label: &Label) -> Value {
    let file = lines.file_of(&label.span);
    let span = file.local(&label.span);
    let (start, end) = (file.lines.position(span.start), file.lines.position(span.end));
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(file.name) },
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    } })
}

/// A path as a reference that is relative where the path is.
fn uri(file: &str) -> String {
    let path = utf8_percent_encode(file.strip_prefix("./").unwrap_or(file), IN_PATH);
    if file.starts_with('/') { format!("file://{path}") } else { path.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{render_sarif, uri};
    use crate::plan::diagnostic::Diagnostic;
    use crate::plan::plan_text::PlanText;

    #[test]
    fn a_log_has_rules_and_results() {
        let found = [
            Diagnostic::error("unknown-key", "no key is called `b`", &(5..6))
                .label("here")
                .also(&(0..1), "as this")
                .help("leave it out"),
            Diagnostic::warning("unused-secret", "`x` is not used", &(8..9)),
            Diagnostic::error("unknown-key", "no key is called `ü`", &(0..1)),
        ];
        insta::assert_snapshot!(render_sarif(
            &PlanText::of("web/ship way.yml", "ü: 1\nb: 2\n"),
            &found
        ));
    }

    #[test]
    fn nothing_wrong_is_a_log_without_results() {
        let log: serde_json::Value =
            serde_json::from_str(&render_sarif(&PlanText::of("a.yml", ""), &[])).expect("is JSON");
        assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"], serde_json::json!([]));
    }

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("./web/shipway.yml"), "web/shipway.yml");
        assert_eq!(uri("a b#c.yml"), "a%20b%23c.yml");
        assert_eq!(uri("/tmp/ä.yml"), "file:///tmp/%C3%A4.yml");
        assert_eq!(uri("../shipway.yml"), "../shipway.yml");
    }
}
