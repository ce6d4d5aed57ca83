//! A local cloud in the background, which outlives the process that started it.

use super::control::CloudControl;
use crate::cli::session::github::push_head;
use crate::local::process::environment;
use crate::local::{CloudFile, InitialState, is_up};
use crate::run::outcome::{StepError, chain_of};
use crate::secret::Redactor;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a cloud in the foreground says first when it cannot start.
pub const NOT_KEPT_UP: &str = "cannot keep the local cloud up";

pub const MAX_START_TIME: Duration = Duration::from_secs(30);

/// The cloud that was left up in a state folder. It knows what its own plan expects to
/// exist, and cannot be given more.
pub fn left_up(state: &Path, initial_state: &InitialState) -> Result<Option<CloudFile>, StepError> {
    let path = state.join("cloud.json");
    let file = CloudFile::read(&path).ok().filter(|file| file.stays_up && is_up(state));
    let Some(file) = file else { return Ok(None) };
    let known = std::fs::read_to_string(state.join("world.json")).ok();
    let known = known.and_then(|text| serde_json::from_str::<InitialState>(&text).ok());
    if known.is_some_and(|known| fixed(&known) == fixed(initial_state)) {
        return Ok(Some(file));
    }
    let what = format!("the local cloud in `{}` is still up", state.display());
    Err(StepError::new(what)
        .because("it does not have what the plan and the options of this run expect")
        .help(format!("end it first: `shipway local stop {}`", path.display())))
}

/// What cannot be changed while a cloud is up: all but its faults, and the head of the pull
/// request that it simulates.
fn fixed(state: &InitialState) -> InitialState {
    let mut fixed = InitialState { fault_rules: Vec::new(), ..state.clone() };
    let github = fixed.github.as_mut();
    let pull_request = github.and_then(|github| github.pull_request.as_mut());
    if let Some(pull_request) = pull_request.filter(|it| it.simulated) {
        pull_request.head_sha.clear();
    }
    fixed
}

/// Changes in a cloud that is up what can be changed. Fails where it does not answer.
pub async fn update(file: &CloudFile, initial_state: &InitialState) -> Result<(), StepError> {
    let redactor = Redactor::default();
    let rules = &initial_state.fault_rules;
    let control = CloudControl::of(file, &redactor)?;
    if rules.is_empty() {
        control.left().await?;
    } else {
        control.add(rules).await?;
    }
    let github = initial_state.github.as_ref();
    match github.and_then(|github| github.pull_request.as_ref()) {
        Some(pull_request) => push_head(file, &pull_request.head_sha, &redactor).await,
        None => Ok(()),
    }
}

/// A cloud that is to be started.
pub struct Detached<'a> {
    /// The executable of `shipway`.
    pub program: PathBuf,
    pub state: &'a Path,
    pub initial_state: &'a InitialState,
    /// The last file that the cloud writes when it is ready.
    pub cloud_file: PathBuf,
    /// The port of the proxy, any free one if `None`.
    pub port: Option<u16>,
}

impl Detached<'_> {
    /// Starts the cloud, and returns once it answers.
    pub async fn start(self) -> Result<CloudFile, StepError> {
        let Self { program, state, initial_state, cloud_file, port } = self;
        let failed = |error: &dyn std::error::Error| {
            StepError::new("cannot start the local cloud").because(chain_of(error).join(": "))
        };
        crate::local::files::create_folder(state).map_err(|error| failed(&error))?;
        let (described, log) = (state.join("world.json"), state.join("local.log"));
        crate::local::files::write_json(&described, initial_state)
            .map_err(|error| failed(&error))?;
        let (output, mut said) = new_log(&log).map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command
            .arg("local")
            .args(["--state-dir".as_ref(), state.as_os_str()])
            .args(["--world".as_ref(), described.as_os_str()])
            .args(["--cloud".as_ref(), cloud_file.as_os_str()]);
        if let Some(port) = port {
            command.args(["--port", &port.to_string()]);
        }
        command.env_clear().envs(environment()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let begun = Instant::now();
        while begun.elapsed() < MAX_START_TIME {
            if let Ok(file) = CloudFile::read(&cloud_file)
                && file.pid == child.id()
            {
                return Ok(file);
            }
            if let Ok(Some(status)) = child.try_wait() {
                let mut text = String::new();
                said.read_to_string(&mut text).ok();
                return Err(ended(status, &without_passwords(&text)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child.kill().ok();
        Err(StepError::new("cannot start the local cloud").because("it was not ready in time"))
    }
}

/// A file for what a cloud says, to write and to read. It is never that of another cloud, which
/// may still write to its own under the same name.
fn new_log(path: &Path) -> io::Result<(File, File)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let output = File::create_new(path)?;
    Ok((output, File::open(path)?))
}

/// The text without what is between the user and the host of a URL. The end of a password may
/// be missing.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://shipway:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|letter: char| letter == '@' || letter.is_whitespace());
        shown.push_str("://shipway:****");
        shown.push_str(&part[end.unwrap_or(part.len())..]);
    }
    shown
}

/// The error of a cloud that ended before it was ready: its own, from what it has said.
fn ended(status: ExitStatus, said: &str) -> StepError {
    let failed = StepError::new("cannot start the local cloud");
    let mut lines = said.lines().skip_while(|line| !line.starts_with("error: "));
    let Some(error) = lines.next().and_then(|line| line.strip_prefix("error: ")) else {
        return failed.because(format!("it ended before it was ready ({status}): {}", said.trim()));
    };
    let lines: Vec<&str> = lines.collect();
    let after = |start| lines.iter().filter_map(move |line| line.strip_prefix(start));
    // It says the same of itself first.
    let own = Some(error).filter(|error| *error != NOT_KEPT_UP);
    let causes = own.into_iter().chain(after("  because: "));
    let help = after("  help: ").next().map(str::to_owned);
    causes.fold(failed, StepError::because).help_if(help)
}

#[cfg(test)]
mod tests {
    use super::{ended, new_log, without_passwords};
    use std::io::{Read as _, Write as _};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    #[test]
    fn the_error_of_a_cloud_that_ended_is_its_own() {
        let case = |said: &str| {
            let failure = ended(ExitStatus::from_raw(3 << 8), said).failure;
            (failure.chain[1..].join(" | "), failure.help.clone().unwrap_or_default())
        };
        assert_eq!(
            case("note\nerror: cannot keep the local cloud up\n  because: the disk is full\n"),
            ("the disk is full".to_owned(), String::new())
        );
        assert_eq!(
            case("error: cannot listen\n  because: it is taken\n  help: take another\n"),
            ("cannot listen | it is taken".to_owned(), "take another".to_owned())
        );
        assert_eq!(
            case("killed\n"),
            ("it ended before it was ready (exit status: 3): killed".to_owned(), String::new())
        );
    }
    #[test]
    fn what_two_clouds_say_is_kept_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("local.log");
        let (mut first, _) = new_log(&path).expect("a log");
        let (mut second, mut said) = new_log(&path).expect("a log");
        first.write_all(b"proxy     http://shipway:37ce@127.0.0.1:4400\n").expect("written");
        second.write_all(b"error: cannot listen\n").expect("written");
        let mut text = String::new();
        said.read_to_string(&mut text).expect("it can be read");
        assert_eq!(text, "error: cannot listen\n");
    }

    #[test]
    fn no_part_of_a_password_is_shown() {
        let case = |said: &str| {
            let failure = ended(ExitStatus::from_raw(9), &without_passwords(said)).failure;
            failure.chain[1].clone()
        };
        assert_eq!(
            case(
                "proxy     http://shipway:37ce@127.0.0.1:4400\nas in     curl 'http://shipway:37c"
            ),
            "it ended before it was ready (signal: 9 (SIGKILL)): proxy     \
             http://shipway:****@127.0.0.1:4400\nas in     curl 'http://shipway:****"
        );
    }
}
