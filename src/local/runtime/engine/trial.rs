//! Finds out whether an engine that answers can also run containers.
//!
//! Inside a container, for example, an engine may answer but lack the cgroups,
//! limits or networks that it needs. The trial runs an image whose only program is
//! an empty file: an engine that gets as far as `exec format error` works.

use super::{Engine, EngineError};
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Duration;

const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Of the images of trials.
const TRIAL_LABEL: &str = "shipway.trial=1";

/// The age from which an image of a trial without a name is of no trial that still runs.
const LEFT_AFTER: &str = "1m";

/// How OCI runtimes report ENOEXEC.
const EXEC_FORMAT_ERROR: &str = "exec format error";

impl Engine {
    pub async fn runs(&self) -> bool {
        let name = format!("localhost/shipway-{}:trial", self.state_id());
        let tried = tokio::time::timeout(TRIAL_TIMEOUT, self.trial(&name)).await;
        // An image that cannot be removed now is removed by `sweep`.
        self.ask(&["rmi", "--force", &name]).await.ok();
        self.remove_left_images().await.ok();
        matches!(tried, Ok(Ok(true)))
    }

    /// Removes the images of trials that were killed before podman gave the image its name.
    async fn remove_left_images(&self) -> Result<(), EngineError> {
        let label = format!("label={TRIAL_LABEL}");
        let until = format!("until={LEFT_AFTER}");
        self.ask(&["image", "prune", "--force", "--filter", &label, "--filter", &until]).await?;
        Ok(())
    }

    async fn trial(&self, name: &str) -> io::Result<bool> {
        let archive = tempfile::NamedTempFile::new()?;
        write(archive.as_file())?;
        let mut import =
            self.command(["import", "--change", &format!("LABEL {TRIAL_LABEL}"), "-", name]);
        import.stdin(Stdio::from(archive.reopen()?));
        if !import.output().await?.status.success() {
            return Ok(false);
        }
        let label = self.label();
        // With a published port, because that must work too.
        let run = ["run", "--rm", "--label", &label, "--publish", "127.0.0.1::80", name, "/trial"];
        let ran = self.command(run).output().await?;
        let said = String::from_utf8_lossy(&ran.stderr).to_lowercase();
        Ok(said.contains(EXEC_FORMAT_ERROR))
    }
}

/// A root file system of one empty executable file.
fn write(file: &File) -> io::Result<()> {
    let mut tar = tar::Builder::new(file);
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_size(0);
    tar.append_data(&mut header, "trial", io::empty())?;
    tar.into_inner()?.sync_data()
}
