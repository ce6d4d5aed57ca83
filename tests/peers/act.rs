//! `act`, with the action of this repository, whose program is built already.

use crate::peer::programs;
use crate::support::Program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use tempfile::TempDir;

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A checkout that has the action, and what is built of it.
pub struct Act {
    pub program: Program,
    built: TempDir,
    options: Vec<String>,
}

/// An `act` that has ended.
pub struct EndedAct {
    pub succeeded: bool,
    /// What the workflows have said.
    pub said: String,
}

impl Act {
    /// Commits what the folder has, with the action beside it.
    pub fn new(program: Program) -> Self {
        let built = tempfile::tempdir().expect("a folder");
        build(&built.path().join("target"), built.path());
        copy_action(program.folder());
        let who = ["-c", "user.name=octo", "-c", "user.email=octo@example.com"];
        for arguments in [
            &["init", "-q", "-b", "main"][..],
            &["remote", "add", "origin", "https://github.com/octo/demo.git"],
            &["add", "-A"],
            &[who[0], who[1], who[2], who[3], "commit", "-qm", "first"],
        ] {
            programs::run_in(program.folder(), "git", arguments);
        }
        Self { program, built, options: Vec::new() }
    }

    /// With further options of `act`, which count more than the usual ones.
    pub fn with_options(mut self, options: Vec<String>) -> Self {
        self.options = options;
        self
    }

    /// Runs the workflows of an event, which must succeed. What they have said.
    pub fn run(&self, event: &str, payload: Option<&Value>, variables: &[(&str, &str)]) -> String {
        let EndedAct { succeeded, said } = self.end(event, payload, variables);
        assert!(succeeded, "{said}");
        said
    }

    /// Runs the workflows of an event to their end.
    pub fn end(
        &self,
        event: &str,
        payload: Option<&Value>,
        variables: &[(&str, &str)],
    ) -> EndedAct {
        let output = self.command(event, payload, variables).output();
        let output = output.expect("act is installed by tests/run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        EndedAct { succeeded: output.status.success(), said }
    }

    /// Begins to run the workflows of an event. What they say goes to a file.
    pub fn start(&self, event: &str, payload: &Value, variables: &[(&str, &str)]) -> StartedAct {
        let path = self.built.path().join("said");
        let said = File::create(&path).expect("a file");
        let mut command = self.command(event, Some(payload), variables);
        command.stdout(said.try_clone().expect("a file")).stderr(said);
        let process = command.spawn().expect("act is installed by tests/run");
        StartedAct { process, said: path }
    }

    fn command(&self, event: &str, payload: Option<&Value>, variables: &[(&str, &str)]) -> Command {
        let path = std::env::var("PATH").expect("a PATH");
        let usual = self.program.command(&[]);
        // A test that is started in the background ignores what ends a job.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=HUP,INT,QUIT")
            .arg(act())
            .args([event, "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"])
            .args(["-s", "GITHUB_TOKEN=ghs_local"])
            .args(&self.options)
            .current_dir(self.program.folder())
            .env_clear()
            .envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("XDG_CACHE_HOME", self.built.path().join("cache"))
            .env("XDG_CONFIG_HOME", self.built.path().join("config"))
            .env("CARGO_TARGET_DIR", self.built.path().join("target"))
            .env("PATH", format!("{}:{path}", self.built.path().display()));
        if let Some(payload) = payload {
            let file = self.built.path().join("event.json");
            fs::write(&file, payload.to_string()).expect("written");
            command.arg("--eventpath").arg(file);
        }
        for (name, value) in variables {
            command.args(["--env", &format!("{name}={value}")]);
        }
        command
    }
}

/// An `act` that runs.
pub struct StartedAct {
    process: Child,
    said: PathBuf,
}

impl StartedAct {
    /// What the workflows have said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).expect("written")
    }

    /// Cancels the jobs, as Ctrl-C does, and waits for the end.
    pub fn cancel(&mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.process.id().cast_signed());
        kill(pid, Signal::SIGINT).expect("it runs");
        self.process.wait().expect("it ends")
    }
}

/// The options with which `tests/fixtures/actions` stands for the actions of GitHub that a
/// workflow names. It keeps artifacts in the folder of the variable `ARTIFACTS`.
pub fn stand_ins(workflow: &str) -> Vec<String> {
    let actions = workflow.lines().filter_map(|line| line.split_once("uses: actions/"));
    let actions = actions.filter_map(|(_, action)| action.split(' ').next());
    let option = |action: &str| {
        let (name, _) = action.split_once('@').expect("a version");
        let stand_in = repository().join("tests/fixtures/actions").join(name);
        assert!(stand_in.join("action.yml").exists(), "{}", stand_in.display());
        ["--local-repository".to_owned(), format!("actions/{action}={}", stand_in.display())]
    };
    actions.flat_map(option).collect()
}

/// Puts the files of the action into a folder.
pub fn copy_action(folder: &Path) {
    for name in ["action.yml", ".github/action/install.sh", ".github/action/release.txt"] {
        let to = folder.join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(repository().join(name), to).expect("copied");
    }
}

/// Puts the tested program where the action would build it, and a `cargo` that
/// builds nothing before the real one: a build would take minutes.
fn build(target: &Path, bin: &Path) {
    let release = target.join("release");
    fs::create_dir_all(&release).expect("a folder");
    fs::copy(env!("CARGO_BIN_EXE_shipway"), release.join("shipway")).expect("copied");
    let cargo = bin.join("cargo");
    fs::write(&cargo, "#!/bin/sh\n[ \"$1\" = build ]\n").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&cargo, mode).expect("a program");
}

/// The path of `act`, which `tests/run` installs.
fn act() -> PathBuf {
    let given = std::env::var_os("SHIPWAY_TEST_PEERS").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| repository().join("target/peers/bin"));
    folder.join("act")
}
