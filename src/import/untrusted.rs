//! Entry points for the fuzz targets: a file to import.

use super::import;

/// The text of the plan that an import makes, with its notes as comments. `None` for a file
/// that is refused.
pub fn imported(file: &str, text: &str) -> Option<String> {
    let imported = import(file, text).ok()?;
    let mut plan = imported.plan;
    plan.header =
        imported.notes.iter().map(|note| format!("{}: {}", note.kind, note.text)).collect();
    Some(plan.write())
}
