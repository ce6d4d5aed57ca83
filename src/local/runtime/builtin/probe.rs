//! Whether this machine lets a process have namespaces of its own.

use super::sandbox::{SandboxError, Spawned};
use crate::local::runtime::image::remove_tree;
use crate::local::runtime::stage::StageMode;
use crate::local::runtime::stage::protocol::Notice;
use std::path::Path;

/// Tries it, in a folder of the state that it takes away again. The answer is
/// whether overlay file systems may be used, or why there are no namespaces.
pub(crate) async fn probe(program: &Path, folder: &Path) -> Result<bool, SandboxError> {
    let mut spawned = Spawned::new(program, folder, StageMode::Probe)?;
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
    // A folder that stays is no harm.
    remove_tree(folder).ok();
    answer
}
