//! What runs leave in `.shipway`: results, journals, request logs.

use super::Program;
use serde_json::Value;
use shipway::testing::local::{LoggedRequest, RequestLog};
use std::fs;
use std::path::PathBuf;

/// The newest folder of a kind: `runs` or `local`. Their names sort by time.
pub fn newest(program: &Program, kind: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(program.path(".shipway").join(kind)).ok()?;
    entries.flatten().map(|entry| entry.path()).max()
}

/// The result of the newest run.
pub fn result(program: &Program) -> Value {
    let folder = newest(program, "runs").expect("a run");
    let text = fs::read_to_string(folder.join("result.json")).expect("a result");
    serde_json::from_str(&text).expect("JSON")
}

/// An output of a service of the newest run.
pub fn output(program: &Program, service: usize, name: &str) -> String {
    let result = result(program);
    let value = &result["services"][service]["outputs"][name];
    value.as_str().unwrap_or_else(|| panic!("no output `{name}` in {result:#}")).to_owned()
}

/// The journal of the newest run, without a torn last line.
pub fn journal(program: &Program) -> Vec<Value> {
    let Some(folder) = newest(program, "runs") else { return Vec::new() };
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How many entries of this kind the journal has for a step.
pub fn journaled(program: &Program, entry: &str, step: &str) -> usize {
    let is_it = |line: &&Value| line["entry"] == entry && line["step"]["step"] == step;
    journal(program).iter().filter(is_it).count()
}

/// The requests to the newest local cloud, `METHOD host path -> status`.
pub fn requests(program: &Program) -> Vec<String> {
    let Some(folder) = newest(program, "local") else { return Vec::new() };
    let entries = RequestLog::read(&folder.join("requests.jsonl")).unwrap_or_default();
    let line = |LoggedRequest { method, host, path, status, .. }: &LoggedRequest| {
        format!("{method} {host} {path} -> {status}")
    };
    entries.iter().map(line).collect()
}
