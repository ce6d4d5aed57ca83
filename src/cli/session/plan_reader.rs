//! Reads the files that settings of a plan name.

use super::base_plan::commit_file;
use crate::cli::plan_file::PlanFile;
use crate::cli::plan_reading::read_included;
use crate::plan::span::Span;
use crate::resolve::HostEnvironment;
use std::path::Path;

/// Reads a file by its path, relative to the file of the plan in which a span begins. It has to
/// be in the repository, and is of the commit that the plan was read from where that is not
/// what is checked out. The error says why it cannot be read.
pub fn plan_reader<'p>(
    plan: &'p PlanFile,
    host: &HostEnvironment,
) -> impl Fn(&Span, &str) -> Result<Vec<u8>, String> + Send + Sync + 'p {
    let commit = commit_file(plan, host);
    move |span, path| match &commit {
        Some(commit) => {
            let below_plan = Path::new(plan.text.folder_of(span)).join(path);
            commit(&below_plan.to_string_lossy())
        }
        None => read_included(&plan.folder_of(span).join(path), &plan.folder)
            .map_err(|error| error.to_string()),
    }
}
