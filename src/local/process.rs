//! Runs the local cloud as a child process.
//!
//! The child is started as `shipway local --state-dir DIR --world FILE --cloud FILE
//! --until-stdin-ends`. Its standard input is a pipe from this process: when this
//! process ends, even by SIGKILL, the child reads end of file and ends too.

use super::cloud_file::CloudFile;
use super::files::{FileError, create_folder, write_json};
use super::initial_state::InitialState;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

/// What a local cloud gets from the environment: how to find programs, engines and
/// logins, and how to reach servers. All else, such as the tokens of a workflow, it does
/// not need, and another process of the user could read it there.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "BUILDAH_ISOLATION",
    "CONTAINERS_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINER_HOST",
    "CONTAINER_SSHKEY",
    "REGISTRY_AUTH_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "RUST_BACKTRACE",
];

/// The environment of a local cloud.
pub fn environment() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.iter().filter_map(|&name| Some((name, std::env::var_os(name)?)))
}

/// How often to check for the cloud file.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long a cloud has to end by itself before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of the child's standard error is kept for error messages.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024;

#[derive(Clone, Debug)]
pub struct CloudStart<'a> {
    /// The executable of `shipway`.
    pub program: PathBuf,
    /// The arguments before the options of the local cloud: `["local"]`.
    pub arguments: &'a [&'a str],
    pub initial_state: &'a InitialState,
    /// The state folder, in which `world.json` and `cloud.json` are written.
    pub state: PathBuf,
    /// The time limit for getting ready.
    pub within: Duration,
}

/// A local cloud that did not get ready.
#[derive(Debug, thiserror::Error)]
pub enum CloudStartError {
    #[error("cannot prepare the local cloud")]
    File(#[from] FileError),
    #[error("cannot start `{}`", program.display())]
    Spawn { program: PathBuf, source: io::Error },
    #[error("the local cloud ended before it was ready ({status}){}", said(output))]
    Ended {
        status: ExitStatus,
        /// The child's standard error.
        output: String,
    },
    #[error("the local cloud was not ready within {within:?}{}", said(output))]
    Late {
        within: Duration,
        /// The child's standard error.
        output: String,
    },
}

fn said(output: &str) -> String {
    match output.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// A local cloud that runs as a child process. Dropping it kills the child.
#[derive(Debug)]
pub struct RunningCloud {
    pub cloud: CloudFile,
    child: Child,
    stdin: Option<ChildStdin>,
}

/// Starts a local cloud and waits until it is ready.
pub async fn spawn(start: CloudStart<'_>) -> Result<RunningCloud, CloudStartError> {
    create_folder(&start.state)?;
    let (world, cloud) = (start.state.join("world.json"), start.state.join("cloud.json"));
    write_json(&world, start.initial_state)?;
    let mut command = Command::new(&start.program);
    command.args(start.arguments);
    command.arg("--state-dir").arg(&start.state).arg("--world").arg(&world);
    command.arg("--cloud").arg(&cloud).arg("--until-stdin-ends");
    // In a process group of its own, so that Ctrl-C in a terminal does not end the
    // cloud while the run still cleans up.
    command.process_group(0).kill_on_drop(true).env_clear().envs(environment());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|source| CloudStartError::Spawn { program: start.program.clone(), source })?;
    let stdin = child.stdin.take();
    let output = listen(&mut child);
    let ready = tokio::time::timeout(start.within, ready(&mut child, &cloud)).await;
    match ready {
        Ok(Ok(Ok(cloud))) => Ok(RunningCloud { cloud, child, stdin }),
        Ok(Ok(Err(status))) => Err(CloudStartError::Ended { status, output: text(output).await }),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            if let Err(error) = child.kill().await {
                tracing::debug!(%error, "the late local cloud is gone already");
            }
            Err(CloudStartError::Late { within: start.within, output: text(output).await })
        }
    }
}

/// Reads the child's standard error until it ends, because a full pipe would
/// block the child.
fn listen(child: &mut Child) -> JoinHandle<String> {
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let Some(mut stderr) = stderr else { return String::new() };
        let mut kept = Vec::new();
        let read = (&mut stderr).take(MAX_OUTPUT_BYTES).read_to_end(&mut kept).await;
        let rest = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        tracing::debug!(?read, ?rest, "the local cloud closed its standard error");
        String::from_utf8_lossy(&kept).into_owned()
    })
}

async fn text(output: JoinHandle<String>) -> String {
    output.await.unwrap_or_default()
}

/// Waits for the child's own cloud file, or for the child to end. There may be one of
/// another cloud, which is up: it is not removed, since without it that cloud could be
/// neither used nor stopped.
async fn ready(
    child: &mut Child,
    cloud: &Path,
) -> Result<Result<CloudFile, ExitStatus>, FileError> {
    loop {
        if cloud.exists()
            && let Ok(file) = CloudFile::read(cloud)
            && child.id() == Some(file.pid)
        {
            return Ok(Ok(file));
        }
        match tokio::time::timeout(POLL_INTERVAL, child.wait()).await {
            Err(_) => {}
            Ok(Ok(status)) => return Ok(Err(status)),
            Ok(Err(source)) => {
                return Err(FileError::Io { verb: "wait for", path: cloud.to_owned(), source });
            }
        }
    }
}

impl RunningCloud {
    /// Closes the child's standard input, and kills the child if it does not end in
    /// time. The state folder stays.
    pub async fn stop(mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Ok(ended) = tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await {
            return ended;
        }
        self.child.kill().await?;
        self.child.wait().await
    }

    /// The id of the child, `None` once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

#[cfg(test)]
mod tests {
    use super::{CloudStart, CloudStartError, spawn};
    use crate::local::initial_state::InitialState;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// A script that is called like a local cloud.
    fn program(folder: &Path, body: &str) -> PathBuf {
        let path = folder.join("cloud.sh");
        let text = format!("#!/bin/sh\nset -eu\nstate=$2 world=$4 cloud=$6\n{body}\n");
        std::fs::write(&path, text).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("made a program");
        path
    }

    fn start(
        program: PathBuf,
        initial_state: &InitialState,
        folder: &Path,
        within: Duration,
    ) -> CloudStart<'static> {
        let initial_state = Box::leak(Box::new(initial_state.clone()));
        CloudStart { program, arguments: &[], initial_state, state: folder.join("state"), within }
    }

    const CLOUD: &str = r#"{"version":1,"pid":'$$',"proxy":"http://p","ca":"","ca-file":"/ca",
        "tenant-id":"t","client-id":"c","client-secret":"s","subscription-id":"s","github":null,
        "direct-registry":"127.0.0.1:1","runtime":"namespaces","environment":{},"request-log":"/l","state":"/s"}"#;

    #[tokio::test]
    async fn a_cloud_is_ready_with_its_file_and_ends_with_its_input() {
        let folder = tempfile::tempdir().expect("a folder");
        let body = format!(
            "test -s \"$world\"\necho '{CLOUD}' > \"$cloud.part\"\nmv \"$cloud.part\" \"$cloud\"\n\
             cat > /dev/null\nexit 7"
        );
        let program = program(folder.path(), &body);

        let within = Duration::from_secs(20);
        let running = spawn(start(program, &InitialState::default(), folder.path(), within)).await;
        let running = running.expect("ready");

        assert_eq!(running.cloud.tenant_id, "t");
        assert_eq!(running.stop().await.expect("ended").code(), Some(7));
    }

    #[tokio::test]
    async fn the_error_contains_the_standard_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = program(folder.path(), "echo 'no room' >&2\nexit 3");

        let within = Duration::from_secs(20);
        let error = spawn(start(program, &InitialState::default(), folder.path(), within)).await;

        assert_eq!(
            error.expect_err("died").to_string(),
            "the local cloud ended before it was ready (exit status: 3): no room"
        );
    }

    #[tokio::test]
    async fn a_cloud_that_is_never_ready_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = program(folder.path(), "echo waiting >&2\nexec sleep 1000");

        let within = Duration::from_millis(300);
        let error = spawn(start(program, &InitialState::default(), folder.path(), within)).await;

        let error = error.expect_err("late");
        assert!(matches!(error, CloudStartError::Late { .. }), "{error}");
        assert_eq!(error.to_string(), "the local cloud was not ready within 300ms: waiting");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("nothing");

        let within = Duration::from_secs(1);
        let error =
            spawn(start(program.clone(), &InitialState::default(), folder.path(), within)).await;

        assert_eq!(
            error.expect_err("nothing").to_string(),
            format!("cannot start `{}`", program.display())
        );
    }
}
