//! The process of a local cloud: started, kept up, left in the background, stopped.

use super::control::FaultControl;
use crate::cli::say;
use crate::local::process::{CloudStart, RunningCloud, environment, spawn};
use crate::local::{CloudFile, InitialState, Termination, container_groups, is_up, terminate};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MAX_START_TIME: Duration = Duration::from_secs(30);
const MAX_STOP_TIME: Duration = Duration::from_secs(30);

/// A local cloud that this process started.
pub enum LocalCloud {
    /// It stops with this process.
    Child(Box<RunningCloud>),
    /// It outlives this process.
    Detached(Box<CloudFile>),
}

impl LocalCloud {
    /// Starts a cloud in a state folder. It goes on with the state that an earlier
    /// cloud left there. One that was left up there is used as it is.
    pub async fn start(
        state: &Path,
        initial_state: &InitialState,
        detach: bool,
    ) -> Result<Self, StepError> {
        let program = std::env::current_exe().map_err(|error| {
            StepError::new("cannot find the running program, which is the local cloud too")
                .because(error.to_string())
        })?;
        if let Some(file) = left_up(state, initial_state)? {
            say::tell("using the local cloud that was left up");
            let rules = &initial_state.fault_rules;
            if !rules.is_empty() {
                FaultControl::of(&file, &Redactor::default())?.add(rules).await?;
            }
            return Ok(Self::Detached(Box::new(file)));
        }
        if detach {
            return detached(&program, state, initial_state)
                .await
                .map(|file| Self::Detached(Box::new(file)));
        }
        let start = CloudStart {
            program,
            arguments: &["local"],
            initial_state,
            state: state.to_owned(),
            within: MAX_START_TIME,
        };
        spawn(start).await.map(|running| Self::Child(Box::new(running))).map_err(|error| {
            let mut failed = StepError::new("cannot start the local cloud");
            failed.failure.chain.extend(chain_of(&error));
            failed
        })
    }

    /// The addresses and credentials of the cloud.
    pub fn file(&self) -> &CloudFile {
        match self {
            Self::Child(running) => &running.cloud,
            Self::Detached(file) => file,
        }
    }

    /// Whether it stays up when this process ends.
    pub fn stays_up(&self) -> bool {
        match self {
            Self::Child(_) => false,
            Self::Detached(_) => true,
        }
    }

    /// Shows how to reach the cloud, and waits for Ctrl-C.
    pub async fn keep(&mut self) {
        say::tell(&how_to_reach(self.file()));
        say::tell(&how_to_look(self.file()));
        say::tell("kept up until Ctrl-C");
        if let Ok(mut signals) = crate::run::signals::Signals::listen() {
            signals.next().await;
        }
    }

    /// Stops the cloud; of one that outlives this process, says how to stop it.
    pub async fn end(self) {
        match self {
            Self::Child(running) => drop(running.stop().await),
            Self::Detached(file) => {
                say::tell(&how_to_reach(&file));
                say::tell(&how_to_look(&file));
                let cloud = file.state.join("cloud.json");
                say::tell(&format!("left up; `shipway local stop {}` ends it", cloud.display()));
            }
        }
    }
}

/// The cloud that was left up in a state folder. It knows what its own plan expects to
/// exist, and cannot be given more.
fn left_up(state: &Path, initial_state: &InitialState) -> Result<Option<CloudFile>, StepError> {
    let path = state.join("cloud.json");
    let file = CloudFile::read(&path).ok().filter(|file| file.stays_up && is_up(state));
    let Some(file) = file else { return Ok(None) };
    let known = std::fs::read_to_string(state.join("world.json")).ok();
    let known = known.and_then(|text| serde_json::from_str::<InitialState>(&text).ok());
    // Faults can be added while it is up.
    let without_faults =
        |state: &InitialState| InitialState { fault_rules: Vec::new(), ..state.clone() };
    if known.is_some_and(|known| without_faults(&known) == without_faults(initial_state)) {
        return Ok(Some(file));
    }
    let what = format!("the local cloud in `{}` is still up", state.display());
    Err(StepError::new(what)
        .because("it does not have what the plan and the options of this run expect")
        .help(format!("end it first: `shipway local stop {}`", path.display())))
}

/// Starts a cloud that outlives this process.
async fn detached(
    program: &Path,
    state: &Path,
    initial_state: &InitialState,
) -> Result<CloudFile, StepError> {
    let failed = |error: &dyn std::error::Error| {
        StepError::new("cannot start the local cloud").because(chain_of(error).join(": "))
    };
    crate::local::files::create_folder(state).map_err(|error| failed(&error))?;
    let (described, cloud, log) =
        (state.join("world.json"), state.join("cloud.json"), state.join("local.log"));
    crate::local::files::write_json(&described, initial_state).map_err(|error| failed(&error))?;
    let log = File::create(&log).map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .arg("local")
        .args(["--state-dir".as_ref(), state.as_os_str()])
        .args(["--world".as_ref(), described.as_os_str()])
        .args(["--cloud".as_ref(), cloud.as_os_str()])
        .env_clear()
        .envs(environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&error))?;
    let begun = Instant::now();
    while begun.elapsed() < MAX_START_TIME {
        if let Ok(file) = CloudFile::read(&cloud)
            && file.pid == child.id()
        {
            return Ok(file);
        }
        if let Ok(Some(status)) = child.try_wait() {
            let said = std::fs::read_to_string(state.join("local.log")).unwrap_or_default();
            return Err(StepError::new("cannot start the local cloud")
                .because(format!("it ended before it was ready ({status}): {}", said.trim())));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().ok();
    Err(StepError::new("cannot start the local cloud").because("it was not ready in time"))
}

/// Addresses for other programs, as lines for people: first those of the apps, which
/// any browser can open.
pub fn how_to_reach(file: &CloudFile) -> String {
    let apps = published(file);
    let mut lines: Vec<String> = apps
        .iter()
        .map(|(name, address)| format!("app       http://{address} is http://{name}"))
        .collect();
    if let Some((name, _)) = apps.first() {
        lines.push(format!(
            "as in     curl --proxy '{}' --cacert '{}' 'http://{name}/'",
            file.proxy.expose(),
            file.ca_file.display()
        ));
    }
    lines.push(format!("proxy     {}", file.proxy.expose()));
    lines.push(format!("authority {}", file.ca_file.display()));
    lines.push(format!("registry  http://{} (images without the proxy)", file.direct_registry));
    lines.join("\n")
}

/// How the commands of Shipway look at the cloud of a dry run.
fn how_to_look(file: &CloudFile) -> String {
    let cloud = file.state.join("cloud.json");
    format!(
        "shown by  `shipway status --all --cloud {}`; other commands take `--cloud` too",
        cloud.display()
    )
}

/// The published ports of running container groups: host with port, and local address.
fn published(file: &CloudFile) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file.state.join("published.json")).unwrap_or_default();
    serde_json::from_str::<std::collections::BTreeMap<String, String>>(&text)
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Stops a cloud that was left in the background. Returns what it stopped, in words.
pub fn stop(file: &Path) -> Result<String, StepError> {
    let cloud = CloudFile::read(file).map_err(|error| {
        StepError::of_usage(format!("cannot stop the local cloud of `{}`", file.display()))
            .because(chain_of(&error).join(": "))
            .help(
                "name the file that the cloud wrote; without one, the newest cloud here is stopped",
            )
    })?;
    let groups = container_groups(&cloud.state);
    let failed = || StepError::new(format!("cannot stop the local cloud, process {}", cloud.pid));
    let termination = terminate(&cloud).map_err(|error| {
        let mut failed = failed();
        failed.failure.chain.extend(chain_of(&error));
        failed
    })?;
    if termination == Termination::EndedBefore {
        std::fs::remove_file(file).map_err(|error| failed().because(error.to_string()))?;
        return Ok(format!("the local cloud in `{}` had ended already", cloud.state.display()));
    }
    // It removes the file when its containers have ended.
    let begun = Instant::now();
    while file.exists() {
        if begun.elapsed() > MAX_STOP_TIME {
            return Err(failed().because(format!("it has not ended within {MAX_STOP_TIME:?}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let what = match groups.as_slice() {
        [] => "no container group".to_owned(),
        [one] => format!("1 container group: {one}"),
        many => format!("{} container groups: {}", many.len(), many.join(", ")),
    };
    let state = cloud.state.display();
    Ok(format!("stopped the local cloud in `{state}`, process {}, with {what}", cloud.pid))
}

/// The cloud file of the newest local cloud in a state folder.
pub fn newest(state: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(state.join("local")).ok()?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // Named after runs, whose names sort by time.
    folders.sort();
    folders.into_iter().rev().map(|folder| folder.join("cloud.json")).find(|file| file.exists())
}
