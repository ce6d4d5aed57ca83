//! Entry points for the fuzz targets: what programs write for the runner.

use super::{env_file, line};
use std::collections::BTreeMap;

/// The outputs of a file that a step wrote.
pub fn outputs(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    env_file::parse(bytes).ok()
}

/// Outputs as they are written to the file of the runner, if they can be.
pub fn written(outputs: &BTreeMap<String, String>) -> Option<String> {
    let records = outputs.iter().map(|(name, value)| env_file::record(name, value, "<end>").ok());
    records.collect()
}

/// The lines of a program as they go to the runner's log, which reads commands in it.
pub fn log_lines(text: &str) -> Vec<String> {
    line::child_lines(text)
}
