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
    /// Whether the engine runs a container within [`TRIAL_TIMEOUT`].
    pub async fn runs(&self) -> bool {
        let name = format!("localhost/shipway-{}:trial", self.state_id());
        let tried = tokio::time::timeout(TRIAL_TIMEOUT, self.trial(&name)).await;
        if tried.is_err() {
            let removal = ["rm", "--force", &self.trial_container()];
            tokio::time::timeout(TRIAL_TIMEOUT, self.apply(&removal)).await.ok();
        }
        // An image that cannot be removed now is removed by `sweep`.
        self.apply(&["rmi", "--force", &name]).await.ok();
        self.remove_left_images().await.ok();
        matches!(tried, Ok(Ok(true)))
    }

    /// Removes the images of trials that were killed before podman gave the image its name.
    async fn remove_left_images(&self) -> Result<(), EngineError> {
        let label = format!("label={TRIAL_LABEL}");
        let until = format!("until={LEFT_AFTER}");
        self.apply(&["image", "prune", "--force", "--filter", &label, "--filter", &until]).await?;
        Ok(())
    }

    /// The name of this process's container: one of a killed process may still have its own.
    fn trial_container(&self) -> String {
        self.qualified(&format!("trial-{}", std::process::id()))
    }

    async fn trial(&self, name: &str) -> io::Result<bool> {
        let archive = tempfile::NamedTempFile::new()?;
        write(archive.as_file())?;
        let mut import =
            self.change(["import", "--change", &format!("LABEL {TRIAL_LABEL}"), "-", name]);
        import.stdin(Stdio::from(archive.reopen()?));
        if !import.output().await?.status.success() {
            return Ok(false);
        }
        let (label, container) = (self.label(), self.trial_container());
        let mut run = self.change(["run", "--rm", "--name", &container, "--label", &label]);
        // With a published port, because that must work too.
        let ran = run.args(["--publish", "127.0.0.1::80", name, "/trial"]).output().await?;
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

#[cfg(test)]
mod tests {
    use super::Engine;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::time::Duration;
    use tempfile::TempDir;

    /// A script in the place of podman, which logs what it is asked and takes its time to run
    /// a container.
    struct Scripted {
        folder: TempDir,
        engine: Engine,
    }

    impl Scripted {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let (program, log) = (folder.path().join("podman"), folder.path().join("log"));
            let text = format!(
                "#!/bin/sh\nexec >> {}\necho $1 $2 $3 $4\n\
                 if [ $1 = run ]; then sleep 1; echo end of run; fi\n",
                log.display()
            );
            fs::write(&log, "").expect("written");
            fs::write(&program, text).expect("written");
            fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a program");
            let program = program.to_str().expect("text");
            let engine = Engine::new(program, "state", folder.path().to_owned());
            Self { folder, engine }
        }

        fn log(&self) -> PathBuf {
            self.folder.path().join("log")
        }

        /// The log, once it has this line.
        async fn logged(&self, line: &str) -> Vec<String> {
            for _ in 0..1_000 {
                let log = fs::read_to_string(self.log()).expect("a log");
                if log.lines().any(|it| it == line) {
                    return log.lines().map(str::to_owned).collect();
                }
                std::thread::sleep(Duration::from_millis(20));
                tokio::task::yield_now().await;
            }
            panic!("no `{line}`: {:?}", fs::read_to_string(self.log()));
        }
    }

    fn container() -> String {
        format!("shipway-state-trial-{}", std::process::id())
    }

    #[tokio::test]
    async fn trial_that_is_given_up_runs_to_its_end() {
        let scripted = Scripted::new();
        let began = format!("run --rm --name {}", container());

        tokio::select! {
            _ = scripted.engine.runs() => panic!("it takes a second"),
            () = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    let log = fs::read_to_string(scripted.log()).expect("a log");
                    if log.contains(&began) { break }
                }
            } => {}
        }

        let log = scripted.logged("end of run").await;
        assert_eq!(log[1..], [began, "end of run".to_owned()], "{log:?}");
    }

    /// The clock runs ahead whenever everything waits.
    #[tokio::test(start_paused = true)]
    async fn container_of_a_trial_that_takes_too_long_is_removed() {
        let scripted = Scripted::new();

        assert!(!scripted.engine.runs().await);

        let removal = format!("rm --force {}", container());
        scripted.logged(&removal).await;
    }
}
