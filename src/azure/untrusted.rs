//! Entry points for the fuzz targets: what the services of Azure answer.

use super::registry_tasks;

pub use super::arm::untrusted as arm;
pub use super::container_apps::untrusted as container_apps;
pub use super::container_instances::untrusted as container_instances;
pub use super::credential::untrusted as entra;
pub use super::key_vault::untrusted as key_vault;

/// The lines of the log of a task, which arrives in two parts.
pub fn task_log(first: &[u8], second: &[u8]) -> Vec<String> {
    let mut bytes = first.to_vec();
    let mut lines = registry_tasks::lines_of(&mut bytes);
    bytes.extend_from_slice(second);
    bytes.push(b'\n');
    lines.extend(registry_tasks::lines_of(&mut bytes));
    lines
}
