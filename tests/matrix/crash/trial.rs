//! One run that is killed at one point and resumed.

use super::point::{Point, RecordMoment};
use super::processes::{mounts, orphans};
use super::tracer::{Order, Seen, Tracer};
use crate::end::End;
use crate::proxy::rule::{Act, RequestPlace, Rule};
use crate::scene::{Scene, program};
use crate::support::state::{journal, newest};
use crate::support::{Finished, Program};
use nix::sys::signal::Signal;
use shipway::testing::local::LoggedRequest;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use tempfile::TempDir;

/// Blobs up to this size may be sent twice.
const MAX_UNASKED_BYTES: u64 = 64 << 10;

/// What is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// `run` with a cloud that outlives it.
    Cloud,
    /// `dry-run`, whose cloud and containers end with it.
    DryRun,
}

pub struct Trial {
    kind: Kind,
    point: Point,
}

/// How a run that was killed came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    Resumed,
    /// A `run` step may have been done, and was repeated because that was asked for.
    Repeated,
    /// It had not begun when it was killed.
    BegunAgain,
    /// It had recorded its end, and only the process went on.
    HadEnded,
    /// It ended before that point.
    NotReached,
}

impl Trial {
    pub fn cloud(point: Point) -> Self {
        Self { kind: Kind::Cloud, point }
    }

    pub fn dry_run(point: Point) -> Self {
        Self { kind: Kind::DryRun, point }
    }

    /// The line of the table that it counts in.
    pub fn kind(&self) -> String {
        match self.kind {
            Kind::Cloud => format!("run, {}", self.point.kind()),
            Kind::DryRun => format!("dry run, {}", self.point.kind()),
        }
    }

    /// Kills a run, resumes it, and returns what is wrong at its end.
    pub fn run(&self) -> (Ending, Vec<String>) {
        let subject = Subject::with_rules(self.kind, self.rules());
        let status = match &self.point {
            Point::BeforeRequest(_) | Point::AfterRequest(_) => subject.watched(),
            point => subject.traced(|seen| order(point, seen)),
        };
        if status.signal() != Some(Signal::SIGKILL as i32) {
            let problems = if status.success() { Vec::new() } else { vec![subject.said()] };
            return (Ending::NotReached, problems);
        }
        let mut problems = subject.orphans();
        let (ending, finished) = subject.resume();
        let end = subject.end(&finished);
        problems.extend(end.differences());
        if ending != Ending::HadEnded {
            problems.extend(end.told());
        }
        problems.extend(end.github_differences());
        problems.extend(end.unmarked());
        problems.extend(end.leftovers(&subject.temporary()));
        problems.extend(end.open_uploads(self.may_leave_an_upload()));
        problems.extend(subject.repeated_effects(ending));
        problems.extend(subject.orphans());
        if !problems.is_empty() {
            problems.push(end.said());
        }
        (ending, problems)
    }

    /// Whether it was killed while uploads were opened, of which several are under way at
    /// once. Where no process has learned the address, the registry alone can end one.
    fn may_leave_an_upload(&self) -> bool {
        match &self.point {
            Point::BeforeRequest(place) | Point::AfterRequest(place) => {
                place.key.contains("/blobs/uploads/")
            }
            Point::IntoStep(..) => true,
            Point::Record(..) | Point::Child(_) => false,
        }
    }

    fn rules(&self) -> Vec<Rule> {
        let rule =
            |place: &RequestPlace, act| vec![Rule { place: place.clone(), always: false, act }];
        match &self.point {
            Point::BeforeRequest(place) => rule(place, Act::KillBefore),
            Point::AfterRequest(place) => rule(place, Act::KillAfter),
            Point::Record(..) | Point::Child(_) | Point::IntoStep(..) => Vec::new(),
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Cloud => write!(f, "run, {}", self.point),
            Kind::DryRun => write!(f, "dry run, {}", self.point),
        }
    }
}

fn order(point: &Point, seen: Seen) -> Order {
    match (point, seen) {
        (Point::Record(number, moment), Seen::Record(at, now))
            if (*number, *moment) == (at, now) =>
        {
            Order::Kill
        }
        (Point::Child(number), Seen::Child(at)) if *number == at => Order::Kill,
        (Point::IntoStep(number, time), Seen::Record(at, RecordMoment::Synced))
            if *number == at =>
        {
            Order::KillIn(*time)
        }
        _ => Order::GoOn,
    }
}

/// A program in a folder, with a cloud or about to start one.
pub enum Subject {
    Cloud(Box<Scene>),
    DryRun { program: Box<Program>, outside: TempDir },
}

impl Subject {
    /// For runs of the kind that this makes trials of.
    pub fn of(trial: fn(Point) -> Trial) -> Self {
        Self::with_rules(trial(Point::Child(0)).kind, Vec::new())
    }

    fn with_rules(kind: Kind, rules: Vec<Rule>) -> Self {
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

    fn temporary(&self) -> PathBuf {
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
    pub fn traced(&self, decide: impl FnMut(Seen) -> Order + Send) -> ExitStatus {
        let traced = std::thread::scope(|scope| scope.spawn(|| self.trace(decide)).join());
        traced.expect("a trace that does not panic")
    }

    fn trace(&self, decide: impl FnMut(Seen) -> Order) -> ExitStatus {
        let file =
            |name: &str| File::create(self.temporary().with_file_name(name)).expect("a file");
        let child =
            self.program().start_on_end_of_input(&self.arguments(), [file("out"), file("err")]);
        Tracer::run(child, decide)
    }

    /// Runs it under the eyes of the proxy.
    fn watched(&self) -> ExitStatus {
        let Self::Cloud(scene) = self else { panic!("a dry run has no proxy") };
        let child = self.program().start(&self.arguments());
        scene.proxy.watch(child.id());
        let finished = self.program().finish(child);
        scene.proxy.forget();
        fs::write(self.temporary().with_file_name("err"), &finished.stderr).expect("a file");
        // 128 and the signal, where one ended it.
        let raw = if finished.code > 128 { finished.code - 128 } else { finished.code << 8 };
        ExitStatus::from_raw(raw)
    }

    /// What the killed run wrote to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.temporary().with_file_name("err")).unwrap_or_default()
    }

    /// Processes and mounts that are left.
    fn orphans(&self) -> Vec<String> {
        let temporary = self.temporary();
        let folders = [self.program().folder(), &temporary];
        let mut left = orphans(&folders);
        left.extend(mounts(&folders));
        left
    }

    /// Goes on as a person would who reads what is said.
    fn resume(&self) -> (Ending, Finished) {
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
    fn has_begun(&self) -> bool {
        journal(self.program()).first().is_some_and(|entry| entry["entry"] == "run-started")
    }

    fn end<'a>(&'a self, finished: &'a Finished) -> End<'a> {
        match self {
            Self::Cloud(scene) => scene.end(finished),
            Self::DryRun { program, .. } => {
                let cloud = newest(program, "local").unwrap_or_default();
                End { program, finished, cloud, token: "" }
            }
        }
    }

    /// What was done more than once.
    fn repeated_effects(&self, ending: Ending) -> Vec<String> {
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
