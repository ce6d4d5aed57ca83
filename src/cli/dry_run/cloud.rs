//! The local cloud of a dry run: started, kept, left up, ended.

use crate::cli::say;
use crate::local::process::{CloudStart, RunningCloud, spawn};
use crate::local::{CloudFile, InitialState};
use crate::run::outcome::{StepError, chain_of};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a cloud may take to be ready.
const WITHIN: Duration = Duration::from_secs(30);

/// A local cloud that this process started.
pub(in crate::cli) enum LocalCloud {
    /// It ends with this process.
    Child(Box<RunningCloud>),
    /// It does not.
    Detached(Box<CloudFile>),
}

impl LocalCloud {
    /// Starts one in a state folder, where it finds what an earlier one left.
    pub(in crate::cli) async fn start(
        state: &Path,
        world: &InitialState,
        detach: bool,
    ) -> Result<Self, StepError> {
        let program = std::env::current_exe().map_err(|error| {
            StepError::new("find the running program, which is the local cloud too")
                .because(error.to_string())
        })?;
        if detach {
            return detached(&program, state, world)
                .await
                .map(|file| Self::Detached(Box::new(file)));
        }
        let start = CloudStart {
            program,
            arguments: &["local"],
            initial_state: world,
            state: state.to_owned(),
            within: WITHIN,
        };
        spawn(start).await.map(|running| Self::Child(Box::new(running))).map_err(|error| {
            let mut trouble = StepError::new("start the local cloud");
            trouble.failure.chain.extend(chain_of(&error));
            trouble
        })
    }

    /// How it is reached.
    pub(in crate::cli) fn file(&self) -> &CloudFile {
        match self {
            Self::Child(running) => &running.cloud,
            Self::Detached(file) => file,
        }
    }

    /// Says how it is reached, and waits for Ctrl-C.
    pub(in crate::cli) async fn keep(&mut self) {
        say::tell(&how_to_reach(self.file()));
        say::tell("kept up until Ctrl-C");
        if let Ok(mut signals) = crate::run::signals::Signals::listen() {
            signals.next().await;
        }
    }

    /// Ends it, or says how that is done.
    pub(in crate::cli) async fn end(self, detach: bool) {
        match self {
            Self::Child(running) => drop(running.stop().await),
            Self::Detached(file) if detach => {
                say::tell(&how_to_reach(&file));
                let cloud = file.state.join("cloud.json");
                say::tell(&format!("left up; `shipway local stop {}` ends it", cloud.display()));
            }
            Self::Detached(_) => {}
        }
    }
}

/// Starts one that outlives this process.
async fn detached(
    program: &Path,
    state: &Path,
    world: &InitialState,
) -> Result<CloudFile, StepError> {
    let failed = |error: &dyn std::error::Error| {
        StepError::new("start the local cloud").because(chain_of(error).join(": "))
    };
    crate::local::files::create_folder(state).map_err(|error| failed(&error))?;
    let (described, cloud, log) =
        (state.join("world.json"), state.join("cloud.json"), state.join("local.log"));
    crate::local::files::write_json(&described, world).map_err(|error| failed(&error))?;
    std::fs::remove_file(&cloud).ok();
    let log = File::create(&log).map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .arg("local")
        .args(["--state".as_ref(), state.as_os_str()])
        .args(["--world".as_ref(), described.as_os_str()])
        .args(["--cloud".as_ref(), cloud.as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&error))?;
    let begun = Instant::now();
    while begun.elapsed() < WITHIN {
        if let Ok(file) = CloudFile::read(&cloud) {
            return Ok(file);
        }
        if let Ok(Some(status)) = child.try_wait() {
            let said = std::fs::read_to_string(state.join("local.log")).unwrap_or_default();
            return Err(StepError::new("start the local cloud")
                .because(format!("it ended before it was ready ({status}): {}", said.trim())));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().ok();
    Err(StepError::new("start the local cloud").because("it was not ready in time"))
}

/// How other programs get there.
pub(in crate::cli) fn how_to_reach(file: &CloudFile) -> String {
    let mut lines = vec![
        format!("proxy     {}", file.proxy.expose()),
        format!("authority {}", file.ca_file.display()),
        format!("registry  http://{} (images without the proxy)", file.direct_registry),
    ];
    for (name, address) in published(file) {
        lines.push(format!("app       http://{address} is {name}"));
    }
    lines.push(format!(
        "as in     curl --proxy '{}' --cacert {} http://…azurecontainer.io/",
        file.proxy.expose(),
        file.ca_file.display()
    ));
    lines.join("\n")
}

/// Where on this machine the ports of running groups are.
fn published(file: &CloudFile) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file.state.join("published.json")).unwrap_or_default();
    serde_json::from_str::<std::collections::BTreeMap<String, String>>(&text)
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Ends a cloud that was left up.
pub(in crate::cli) fn stop(file: &Path) -> Result<(), StepError> {
    let cloud = CloudFile::read(file).map_err(|error| {
        StepError::new(format!("read `{}`", file.display())).because(error.to_string())
    })?;
    kill(Pid::from_raw(cloud.pid.cast_signed()), Signal::SIGTERM).map_err(|error| {
        StepError::new(format!("end the local cloud, process {}", cloud.pid))
            .because(error.desc().to_owned())
    })
}

/// The cloud file of the newest dry run or `local` under a state folder.
pub(in crate::cli) fn newest(state: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(state.join("local")).ok()?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders.into_iter().rev().map(|folder| folder.join("cloud.json")).find(|file| file.exists())
}
