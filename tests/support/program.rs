//! The program in a temporary folder and an empty environment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shipway");

/// A folder with a plan, and the program to run in it.
pub struct Program {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

/// The exit code and output of a finished run.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; 128 and the signal where one ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Program {
    /// In an empty folder. Only the variables that locate programs are kept.
    pub fn new() -> Self {
        let kept = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "TMPDIR"];
        let kept =
            kept.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            environment: kept.collect(),
        }
    }

    /// With this plan as `shipway.yml`.
    pub fn with_plan(plan: &str) -> Self {
        Self::new().file("shipway.yml", plan)
    }

    /// With a copy of a folder of `workflows/`.
    pub fn with_workflow(name: &str) -> Self {
        let program = Self::new();
        copy(&workflows().join(name), program.folder.path());
        program.remove_ignored_files();
        program
    }

    /// Removes ignored files of the checkout: a test starts like a fresh clone.
    fn remove_ignored_files(&self) {
        let ignored = fs::read_to_string(self.path(".gitignore")).unwrap_or_default();
        for made in ignored.lines().map(|line| line.trim_end_matches('/')) {
            let path = self.path(made);
            if path.is_dir() {
                fs::remove_dir_all(path).expect("a folder can be removed");
            } else if path.is_file() {
                fs::remove_file(path).expect("a file can be removed");
            }
        }
    }

    /// Puts a file into the folder.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
        self
    }

    /// Makes the folder a git repository whose branch `main` holds all its files.
    pub fn committed(self) -> Self {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=one"]);
        self
    }

    /// Runs git in the folder; what it prints.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"];
        let output = Command::new("git")
            .args(who)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Makes a workflow of GitHub Actions of it, that an event with this payload
    /// started.
    pub fn in_actions(self, event: &str, payload: &serde_json::Value) -> Self {
        // Git does not see it as a change of the tree.
        let path = self.path(".git/event.json");
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(&path, payload.to_string()).expect("a file can be written");
        self.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_REPOSITORY", "octo/demo")
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_EVENT_PATH", &path.display().to_string())
            .env("GITHUB_REF", "refs/heads/main")
            .env("GITHUB_REF_NAME", "main")
            .env("GITHUB_REF_TYPE", "branch")
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a static busybox into the folder.
    pub fn busybox(self) -> Self {
        fs::copy("/bin/busybox", self.path("busybox")).expect("busybox-static is installed");
        self
    }

    /// Puts a program with some applets of busybox into the folder, as `busybox`.
    pub fn applets(self) -> Self {
        fs::copy(applets(), self.path("busybox")).expect("a file can be copied");
        self
    }

    /// The command, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        self.prepared(&mut command).args(arguments);
        command
    }

    fn prepared<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.start(arguments), self.folder.path())
    }

    /// Runs it to its end in a folder of the folder.
    pub fn run_in(&self, folder: &str, arguments: &[&str]) -> Finished {
        let mut command = self.command(arguments);
        command.current_dir(self.path(folder));
        finish(command.spawn().expect("the program starts"), self.folder.path())
    }

    /// Starts it in a process group of its own, and with the default of each signal, as a
    /// terminal would: those who run the tests may ignore some.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.start_with_signals("--default-signal", arguments)
    }

    /// Starts it with an option of `env` for signals, such as `--ignore-signal=HUP`.
    pub fn start_with_signals(&self, option: &str, arguments: &[&str]) -> Child {
        let mut command = Command::new("/usr/bin/env");
        command.args([option, PROGRAM]).args(arguments);
        self.prepared(&mut command).process_group(0).spawn().expect("the program starts")
    }

    /// Starts a shell that becomes the program once its standard input ends, so that it can
    /// be traced from its first instruction. Its output goes to these files.
    pub fn start_on_end_of_input(&self, arguments: &[&str], output: [File; 2]) -> Child {
        let [out, err] = output;
        let wait = "read -r line; exec \"$0\" \"$@\" </dev/null";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", wait, PROGRAM]).args(arguments);
        let command = self.prepared(&mut command).stdin(Stdio::piped()).stdout(out).stderr(err);
        command.process_group(0).spawn().expect("the program starts")
    }

    /// Waits for one that was started.
    pub fn finish(&self, child: Child) -> Finished {
        finish(child, self.folder.path())
    }
}

/// The program that `busybox.rs` is the source of. It is compiled once and kept beside
/// the tests, or for this process where that folder is another user's.
/// The static program of the applets.
pub fn applets() -> &'static Path {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        include_str!("busybox.rs").hash(&mut hasher);
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = kept.join(format!("busybox-{:x}", hasher.finish()));
        if path.exists() {
            return path;
        }
        // Other processes may do the same: each moves a whole program into place.
        let made = tempfile::tempdir_in(kept).or_else(|_| tempfile::tempdir());
        let folder = made.expect("a folder can be made").keep();
        let made = folder.join("busybox");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/busybox.rs");
        let compiled = Command::new("rustc")
            .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o"])
            .args([&made, &source])
            .status();
        assert!(compiled.expect("rustc is installed").success());
        if fs::rename(&made, &path).is_err() {
            return made;
        }
        fs::remove_dir(folder).expect("an empty folder can be removed");
        path
    })
}

/// The folder of example plans.
pub fn workflows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        // State of a dry run in the checkout.
        if entry.file_name() == ".shipway" {
            continue;
        }
        if from.is_dir() {
            fs::create_dir(&to).expect("a folder can be made");
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file can be copied");
        }
    }
}

fn finish(child: Child, folder: &Path) -> Finished {
    let output = child.wait_with_output().expect("the program ends");
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder.display().to_string(), "DIR");
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    Finished {
        code: output.status.code().unwrap_or_else(|| 128 + signal.unwrap_or(0)),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

impl Finished {
    /// Fails the test unless the exit code is this one, showing what was said.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless standard error begins with this.
    #[track_caller]
    pub fn begins_with(&self, text: &str) {
        assert!(self.stderr.starts_with(text), "{}", self.stderr);
    }

    /// Fails the test unless standard error has all of these, in this order.
    #[track_caller]
    pub fn says_in_order(&self, parts: &[&str]) {
        let mut rest = self.stderr.as_str();
        for part in parts {
            let found = rest.find(part);
            let found = found.unwrap_or_else(|| panic!("no `{part}` in\n{}", self.stderr));
            // The end of one line is the beginning of the next.
            rest = &rest[found + part.trim_end().len()..];
        }
    }
}
