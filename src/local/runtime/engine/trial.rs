//! Whether an engine that answers also runs containers.
//!
//! One that answers may still not be let: in a container itself, without the
//! cgroups, limits or networks that it asks for. It is given an image whose one
//! program is an empty file. An engine that comes as far as to say that this is
//! no program runs others too.

use super::Engine;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Duration;

/// A trial that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the kernel calls a file that is no program, in the words of runtimes.
const NO_PROGRAM: &str = "exec format error";

impl Engine {
    /// Tries it.
    pub(crate) async fn runs(&self) -> bool {
        let name = format!("localhost/shipway-{}:trial", self.state_id());
        let tried = tokio::time::timeout(PATIENCE, self.trial(&name)).await;
        // An image that stays is swept with the others.
        self.ask(&["rmi", "--force", &name]).await.ok();
        matches!(tried, Ok(Ok(true)))
    }

    async fn trial(&self, name: &str) -> io::Result<bool> {
        let archive = tempfile::NamedTempFile::new()?;
        write(archive.as_file())?;
        let mut import = self.command(["import", "-", name]);
        import.stdin(Stdio::from(archive.reopen()?));
        if !import.output().await?.status.success() {
            return Ok(false);
        }
        let label = self.label();
        // With a published port, because that too must work.
        let run = ["run", "--rm", "--label", &label, "--publish", "127.0.0.1::80", name, "/trial"];
        let ran = self.command(run).output().await?;
        let said = String::from_utf8_lossy(&ran.stderr).to_lowercase();
        Ok(said.contains(NO_PROGRAM))
    }
}

/// A root file system of one empty file that may be executed.
fn write(file: &File) -> io::Result<()> {
    let mut tar = tar::Builder::new(file);
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_size(0);
    tar.append_data(&mut header, "trial", io::empty())?;
    tar.into_inner()?.sync_data()
}
