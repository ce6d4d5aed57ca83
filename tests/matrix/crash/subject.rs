//! A run with its cloud, under a trace or the eyes of the proxy.

use super::processes::{mounts, orphans};
use super::tracer::{Order, Seen, Tracer};
use super::trial::{Ending, Kind};
use crate::end::End;
use crate::proxy::rule::{RequestPlace, Rule};
use crate::scene::{Scene, program};
use crate::support::state::{journal, newest};
use crate::support::{Finished, Program};
use nix::sys::signal::Signal;
use shipway::testing::local::LoggedRequest;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use tempfile::TempDir;

/// Blobs up to this size may be sent twice.
const MAX_UNASKED_BYTES: u64 = 64 << 10;

/// How a run ended that got a signal or none.
pub struct Ended {
    pub status: ExitStatus,
    /// How long after the signal.
    pub after: Option<Duration>,
}

/// A program in a folder, with a cloud or about to start one.
pub enum Subject {
    Cloud(Box<Scene>),
    DryRun { program: Box<Program>, outside: TempDir },
}

impl Subject {
    pub fn with_rules(kind: Kind, rules: Vec<Rule>) -> Self {
        match kind {
            Kind::Cloud => Self::Cloud(Box::new(Scene::new(rules))),
            Kind::DryRun => {
                let outside = tempfile::tempdir().expect("a folder");
                let (program, _) = program(outside.path());
                Self::DryRun { program: Box::new(program), outside }
            }
        }
    }

    pub fn program(&self) -> &Program {
        match self {
            Self::Cloud(scene) => &scene.program,
            Self::DryRun { program, .. } => program,
        }
    }

    /// The requests so far that went through the proxy.
    pub fn requests(&self) -> Vec<RequestPlace> {
        match self {
            Self::Cloud(scene) => scene.proxy.places(),
            Self::DryRun { .. } => Vec::new(),
        }
    }

    pub fn temporary(&self) -> PathBuf {
        match self {
            Self::Cloud(scene) => scene.temporary(),
            Self::DryRun { outside, .. } => outside.path().join("tmp"),
        }
    }

    fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Cloud(scene) => scene.arguments(&["run"]),
            Self::DryRun { .. } => vec!["dry-run", "--runtime", "built-in"],
        }
    }

    /// Runs it under a trace. The trace ends with its thread: what is left then runs on.
    pub fn traced(&self, signal: Signal, decide: impl FnMut(Seen) -> Order + Send) -> Ended {
        let traced = std::thread::scope(|scope| scope.spawn(|| self.trace(signal, decide)).join());
        traced.expect("a trace that does not panic")
    }

    fn trace(&self, signal: Signal, decide: impl FnMut(Seen) -> Order) -> Ended {
        let file =
            |name: &str| File::create(self.temporary().with_file_name(name)).expect("a file");
        let child =
            self.program().start_on_end_of_input(&self.arguments(), [file("out"), file("err")]);
        Tracer::run(child, signal, decide)
    }

    /// Runs it under the eyes of the proxy.
    pub fn watched(&self) -> Ended {
        let Self::Cloud(scene) = self else { panic!("a dry run has no proxy") };
        let child = self.program().start(&self.arguments());
        scene.proxy.watch(child.id());
        let finished = self.program().finish(child);
        let after = scene.proxy.forget().map(|sent| sent.elapsed());
        fs::write(self.temporary().with_file_name("err"), &finished.stderr).expect("a file");
        fs::write(self.temporary().with_file_name("out"), &finished.stdout).expect("a file");
        // SIGKILL alone leaves no time to say a code.
        let killed = 128 + Signal::SIGKILL as i32;
        let raw = if finished.code == killed { killed - 128 } else { finished.code << 8 };
        Ended { status: ExitStatus::from_raw(raw), after }
    }

    /// What the run wrote to standard output.
    pub fn printed(&self) -> String {
        fs::read_to_string(self.temporary().with_file_name("out")).unwrap_or_default()
    }

    /// What the run wrote to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.temporary().with_file_name("err")).unwrap_or_default()
    }

    /// Processes and mounts that are left.
    pub fn orphans(&self) -> Vec<String> {
        let temporary = self.temporary();
        let folders = [self.program().folder(), &temporary];
        let mut left = orphans(&folders);
        left.extend(mounts(&folders));
        left
    }

    /// Goes on as a person would who reads what is said.
    pub fn resume(&self) -> (Ending, Finished) {
        let ended = journal(self.program()).last().map(|entry| entry["entry"] == "run-finished");
        let resume = match self {
            Self::Cloud(_) => vec!["resume"],
            Self::DryRun { .. } => vec!["resume", "--dry-run", "--runtime", "built-in"],
        };
        let finished = self.program().run(&resume);
        if ended == Some(true) && finished.stderr.contains("there is no unfinished") {
            return (Ending::HadEnded, finished);
        }
        let is_doubtful = finished.stderr.contains("it is not known whether it was done")
            && finished.stderr.contains("--rerun run");
        if finished.code == 3 && is_doubtful {
            let again = [resume, vec!["--rerun", "run"]].concat();
            return (Ending::Repeated, self.program().run(&again));
        }
        let has_not_begun = ["there is no unfinished", "has not begun"]
            .iter()
            .any(|text| finished.stderr.contains(text));
        if finished.code != 0 && has_not_begun && !self.has_begun() {
            return (Ending::BegunAgain, self.program().run(&self.arguments()));
        }
        (Ending::Resumed, finished)
    }

    /// Whether the journal of the newest run has its first entry.
    pub fn has_begun(&self) -> bool {
        journal(self.program()).first().is_some_and(|entry| entry["entry"] == "run-started")
    }

    pub fn end<'a>(&'a self, finished: &'a Finished) -> End<'a> {
        match self {
            Self::Cloud(scene) => scene.end(finished),
            Self::DryRun { program, .. } => {
                let cloud = newest(program, "local").unwrap_or_default();
                End { program, finished, cloud, token: "" }
            }
        }
    }

    /// What was done more than once.
    pub fn repeated_effects(&self, ending: Ending) -> Vec<String> {
        let mut found = Vec::new();
        let ran = fs::read_to_string(self.program().path("ran")).unwrap_or_default();
        let most = if ending == Ending::Repeated { 2 } else { 1 };
        if !(1..=most).contains(&ran.lines().count()) {
            found.push(format!("the `run` step was done {} times", ran.lines().count()));
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for entry in journal(self.program()) {
            if entry["entry"] == "step-succeeded" {
                *times.entry(format!("success of step {}", entry["step"]["step"])).or_default() +=
                    1;
            }
        }
        for request in self.effects() {
            *times.entry(request).or_default() += 1;
        }
        let twice = times.into_iter().filter(|(_, times)| *times > 1);
        found.extend(twice.map(|(what, times)| format!("{times} times: {what}")));
        found
    }

    /// The requests with an effect that must not be repeated.
    fn effects(&self) -> Vec<String> {
        let Self::Cloud(scene) = self else { return Vec::new() };
        let is_effect = |request: &LoggedRequest| match request.method.as_str() {
            "PUT" if request.path.contains("/manifests/") => true,
            "PUT" if request.path.contains("/containerGroups/") => true,
            // A small blob is sent without a question, which would cost as much.
            "PUT" | "POST" if request.path.contains("digest=") => {
                request.received > MAX_UNASKED_BYTES
            }
            "POST" => ["/comments", "/deployments"].iter().any(|end| request.path.ends_with(end)),
            _ => false,
        };
        let name = |request: LoggedRequest| format!("{} {}", request.method, request.path);
        scene.done().into_iter().filter(is_effect).map(name).collect()
    }
}
