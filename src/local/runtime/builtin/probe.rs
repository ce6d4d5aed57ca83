//! Finds out whether this machine allows namespaces.

use super::sandbox::{SandboxError, Spawned};
use crate::local::runtime::stage::StageMode;
use crate::local::runtime::stage::protocol::Notice;
use crate::os::remove_tree;
use crate::sandbox::ids::IdShift;
use std::path::Path;

/// Enters namespaces in a temporary folder. Returns whether overlay file systems
/// work there; the error tells why namespaces do not.
pub async fn probe(program: &Path, folder: &Path, ids: IdShift) -> Result<bool, SandboxError> {
    let mut spawned = Spawned::new(program, folder, StageMode::Probe, ids)?;
    let answer = loop {
        match spawned.next().await? {
            Notice::Unshared => drop(spawned.map_users().await?),
            Notice::Probed { overlay } => break Ok(overlay),
            Notice::Refused(reason) => break Err(SandboxError::Refused(reason)),
            Notice::Ready
            | Notice::Started { .. }
            | Notice::NotStarted { .. }
            | Notice::Exited { .. } => {}
        }
    };
    spawned.end().await;
    // A folder that stays is harmless.
    remove_tree(folder).ok();
    answer
}
