//! How a service ended, judged by the ends of its steps.
//!
//! Pure. A service has succeeded only if no step of it was left out because of a
//! failure or a stop, and where its own condition left out a deploy, the result says so:
//! a report must never claim a deploy that did not happen.

use super::layout::{Exclusion, Goal};
use crate::event::{
    Failure, LEFT_OUT_BY_ONLY, NO_STEP_APPLIES, Outcome, Shortfall, Status, StepId,
};
use crate::plan::AskedDeploy;

/// How a step ended, as far as it matters for its service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StepEnd {
    Succeeded,
    /// It failed or timed out, and its service with it.
    Failed,
    /// It failed or timed out, and the plan tolerates that.
    Tolerated {
        reason: String,
    },
    /// It was stopped while it ran.
    Cancelled,
    LeftOut(LeftOut),
}

/// Why a step was not started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LeftOut {
    /// Its `if` is false although nothing failed: the plan asks for it in other cases.
    NotApplicable,
    /// This step, of the service of this name, failed before it.
    FailureOf { step: StepId, service: String },
    /// The run was stopped.
    RunStopped,
    /// It is no part of the run.
    Excluded(Exclusion),
}

/// A step that has ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedStep<'a> {
    /// The step's id in its service.
    pub step: &'a str,
    pub goal: Goal,
    /// What it asks if it is a `verify`.
    pub asks: &'a AskedDeploy,
    pub end: &'a StepEnd,
}

/// How a service ended.
#[derive(Debug, Eq, PartialEq)]
pub struct ServiceEnd {
    pub status: Status,
    /// What is missing although the plan asks for it, such as `not deployed`.
    pub missing: Option<String>,
    /// Why it is missing, or why the service was skipped.
    pub reason: Option<String>,
    /// What else is missing, the most important first.
    pub also_missing: Vec<Shortfall>,
}

impl ServiceEnd {
    /// Judges by the most serious end. Of several steps that prevent success, the one
    /// with the most important goal is named. The steps are in the plan's order, and
    /// `has_check` says whether the plan has a `verify` for the service.
    pub fn of(steps: &[EndedStep<'_>], has_check: bool) -> Self {
        let began = steps.iter().any(|step| !matches!(step.end, StepEnd::LeftOut(_)));
        let find = |is: fn(&StepEnd) -> bool| {
            steps.iter().filter(|step| is(step.end)).min_by_key(|step| step.goal)
        };
        let prevented = steps.iter().filter(|step| step.prevented().is_some());
        if find(|end| *end == StepEnd::Failed).is_some() {
            return Self::new(Status::Failed, None, None);
        }
        if let Some(step) = find(|end| *end == StepEnd::Cancelled) {
            return Self::new(Status::Cancelled, step.goal.unfinished(), None);
        }
        if let Some(step) = find(|end| *end == StepEnd::LeftOut(LeftOut::RunStopped)) {
            let missing = (step.goal != Goal::Other).then(|| step.goal.missing());
            return Self::new(Status::Cancelled, missing, None);
        }
        let shortfalls = if began { reservations(steps, has_check) } else { Vec::new() };
        let left_out = prevented.min_by_key(|step| step.goal);
        if let Some((step, reason)) = left_out.and_then(|step| Some((step, step.prevented()?))) {
            // Where nothing began, "skipped" says that all of it is missing.
            let missing = began.then(|| step.goal.missing());
            let end = Self::new(Status::Skipped, missing, Some(reason));
            return Self { also_missing: grouped(shortfalls), ..end };
        }
        let status = if began { Status::Succeeded } else { Status::Skipped };
        let mut found = grouped(shortfalls);
        found.extend(not_run(steps));
        if found.is_empty() {
            return Self::new(status, None, (!began).then(|| NO_STEP_APPLIES.to_owned()));
        }
        let Shortfall { missing, reason } = found.remove(0);
        Self { also_missing: found, ..Self::new(status, Some(&missing), Some(reason)) }
    }

    /// The end of a service that `--only` does not name.
    pub fn left_out() -> Self {
        Self::new(Status::Skipped, None, Some(LEFT_OUT_BY_ONLY.to_owned()))
    }

    /// The end of a service whose deploy was rolled back. Where an earlier process was
    /// stopped, the steps alone do not show that it has failed.
    #[must_use]
    pub fn rolled_back(self) -> Self {
        match self.status {
            Status::Succeeded | Status::Skipped => Self::new(Status::Failed, None, None),
            Status::Failed | Status::Cancelled => self,
        }
    }

    fn new(status: Status, missing: Option<&str>, reason: Option<String>) -> Self {
        let missing = missing.map(str::to_owned);
        Self { status, missing, reason, also_missing: Vec::new() }
    }
}

impl StepEnd {
    /// The end of a step that was not left out.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded | Outcome::AlreadyDone => Self::Succeeded,
            Outcome::Failed { tolerated: false, .. }
            | Outcome::TimedOut { tolerated: false, .. } => Self::Failed,
            Outcome::Failed { failure, tolerated: true }
            | Outcome::TimedOut { failure, tolerated: true, .. } => Self::tolerated(failure),
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Skipped { .. } => Self::LeftOut(LeftOut::NotApplicable),
        }
    }

    fn tolerated(failure: &Failure) -> Self {
        Self::Tolerated { reason: failure.chain.join(": ") }
    }

    /// Why it is no part of the run.
    fn excluded(&self) -> Option<&Exclusion> {
        match self {
            Self::LeftOut(LeftOut::Excluded(why)) => Some(why),
            Self::LeftOut(
                LeftOut::NotApplicable | LeftOut::FailureOf { .. } | LeftOut::RunStopped,
            )
            | Self::Succeeded
            | Self::Failed
            | Self::Tolerated { .. }
            | Self::Cancelled => None,
        }
    }
}

impl EndedStep<'_> {
    /// Why a step without which the service has not succeeded was left out, unless the
    /// run was stopped.
    fn prevented(&self) -> Option<String> {
        match self.end {
            StepEnd::LeftOut(LeftOut::FailureOf { service, .. }) => {
                Some(format!("{service} failed"))
            }
            StepEnd::LeftOut(LeftOut::Excluded(why)) => {
                why.prevents(self.goal).then(|| why.because())
            }
            StepEnd::LeftOut(LeftOut::NotApplicable | LeftOut::RunStopped)
            | StepEnd::Succeeded
            | StepEnd::Failed
            | StepEnd::Tolerated { .. }
            | StepEnd::Cancelled => None,
        }
    }
}

/// Something that a service lacks that did all it was asked to do.
struct Reservation {
    goal: Goal,
    missing: String,
    reason: String,
}

/// What is missing in the result of a service although no step failed it: a step failed
/// that may fail, the condition of its push, deploy or verify is false, or a deploy was
/// not verified. The plan may give a step to each of several cases, so that one is left
/// out counts only if no other step did the same.
fn reservations(steps: &[EndedStep<'_>], has_check: bool) -> Vec<Reservation> {
    let is_done = |goal| {
        let mut others = steps.iter().filter(|step| step.goal == goal);
        others.any(|step| !matches!(step.end, StepEnd::LeftOut(_)))
    };
    let own = steps.iter().filter_map(|step| match step.end {
        StepEnd::Tolerated { reason } => {
            let missing = match step.goal {
                Goal::Verify => "not verified".to_owned(),
                Goal::Deploy | Goal::Push | Goal::Other => format!("{} failed", step.step),
            };
            Some(Reservation { goal: step.goal, missing, reason: reason.clone() })
        }
        StepEnd::LeftOut(why @ LeftOut::NotApplicable)
            if step.goal != Goal::Other && !is_done(step.goal) =>
        {
            Some(Reservation::of(step.goal, why.because()))
        }
        StepEnd::LeftOut(_) | StepEnd::Succeeded | StepEnd::Failed | StepEnd::Cancelled => None,
    });
    let unverified = (0..steps.len()).filter_map(|deploy| not_verified(steps, deploy, has_check));
    let unverified = unverified.map(|reason| Reservation::of(Goal::Verify, reason));
    let mut all: Vec<Reservation> = own.chain(unverified).collect();
    all.sort_by_key(|reservation| reservation.goal);
    all
}

/// Why no `verify` has asked what the deploy at this index deployed. The checks of a step
/// before it asked something else. Without any `verify` in the plan, the deploy itself
/// has seen that the service runs.
fn not_verified(steps: &[EndedStep<'_>], deploy: usize, has_check: bool) -> Option<String> {
    let EndedStep { step: id, goal: Goal::Deploy, end: StepEnd::Succeeded, .. } = steps[deploy]
    else {
        return None;
    };
    let mut is_last = true;
    let mut left_out = None;
    for later in &steps[deploy + 1..] {
        let runs = !matches!(later.end, StepEnd::LeftOut(_));
        match later.goal {
            Goal::Deploy => is_last &= !runs,
            Goal::Verify if later.asks.may_be_of(id, is_last) => match later.end {
                StepEnd::LeftOut(why) => left_out = left_out.or(Some(why)),
                _ => return None,
            },
            Goal::Verify | Goal::Push | Goal::Other => {}
        }
    }
    match left_out {
        Some(LeftOut::NotApplicable) => Some(LeftOut::NotApplicable.because()),
        // It is among the steps that prevent success.
        Some(LeftOut::FailureOf { .. } | LeftOut::RunStopped | LeftOut::Excluded(_)) => None,
        None => has_check.then(|| format!("no `verify` asks what `{id}` deployed")),
    }
}

impl Reservation {
    fn of(goal: Goal, reason: String) -> Self {
        Self { goal, missing: goal.missing().to_owned(), reason }
    }
}

/// What is missing for the same reason is named together.
fn grouped(all: Vec<Reservation>) -> Vec<Shortfall> {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for Reservation { missing, reason, .. } in all {
        match groups.iter_mut().find(|(_, known)| *known == reason) {
            Some((known, _)) if known.contains(&missing) => {}
            Some((known, _)) => known.push(missing),
            None => groups.push((vec![missing], reason)),
        }
    }
    let shortfall =
        |(missing, reason): (Vec<String>, _)| Shortfall { missing: joined(&missing), reason };
    groups.into_iter().map(shortfall).collect()
}

/// The steps that the command line leaves out and without which the service has done
/// its work.
fn not_run(steps: &[EndedStep<'_>]) -> Option<Shortfall> {
    let left_out = || steps.iter().filter_map(|step| Some((step.step, step.end.excluded()?)));
    let (_, why) = left_out().next()?;
    let names: Vec<String> = left_out().map(|(step, _)| format!("`{step}`")).collect();
    Some(Shortfall { missing: format!("{} not run", joined(&names)), reason: why.because() })
}

/// Such as `a, b and c`.
fn joined(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

impl LeftOut {
    /// The reason in the outcome of the step.
    pub fn because(&self) -> String {
        match self {
            Self::NotApplicable => "its `if` is false".to_owned(),
            Self::FailureOf { step, .. } => format!("`{step}` failed"),
            Self::RunStopped => "the run was cancelled".to_owned(),
            Self::Excluded(why) => why.because(),
        }
    }
}

impl Goal {
    /// The result without a step that was not started.
    fn missing(self) -> &'static str {
        match self {
            Self::Deploy => "not deployed",
            Self::Verify => "not verified",
            Self::Push => "not pushed",
            Self::Other => "not finished",
        }
    }

    /// The result of a step that was stopped while it ran. A deploy or a push may
    /// have reached the server already, so neither is called missing.
    fn unfinished(self) -> Option<&'static str> {
        match self {
            Self::Deploy => Some("deploy not finished"),
            Self::Verify => Some("not verified"),
            Self::Push => Some("push not finished"),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EndedStep, LeftOut, ServiceEnd, StepEnd};
    use crate::event::{Status, StepId};
    use crate::plan::AskedDeploy;
    use crate::run::layout::{Exclusion, Goal};

    const GOALS: [(&str, Goal); 4] = [
        ("build", Goal::Other),
        ("push", Goal::Push),
        ("live", Goal::Deploy),
        ("check", Goal::Verify),
    ];

    /// Judges a service of build, push, deploy and verify.
    #[track_caller]
    fn is(ends: &[StepEnd; 4], expected: &str) {
        let steps: Vec<EndedStep<'_>> = GOALS
            .iter()
            .zip(ends)
            .map(|(&(step, goal), end)| EndedStep { step, goal, asks: &AskedDeploy::Last, end })
            .collect();
        let end = ServiceEnd::of(&steps, true);
        let said = format!("{:?} / {:?} / {:?}", end.status, end.missing, end.reason);
        let said = said.replace("None", "-").replace("Some(", "").replace(')', "");
        let also = end.also_missing.iter();
        let also: String = also.flat_map(|it| ["; ", &it.missing, ": ", &it.reason]).collect();
        assert_eq!(said + &also, expected);
    }

    #[test]
    fn the_most_serious_end_decides() {
        let ok = || StepEnd::Succeeded;
        let stopped = || StepEnd::LeftOut(LeftOut::RunStopped);
        let no_if = || StepEnd::LeftOut(LeftOut::NotApplicable);
        let fork = || StepEnd::LeftOut(LeftOut::Excluded(Exclusion::Fork));
        let closed = || StepEnd::LeftOut(LeftOut::Excluded(Exclusion::ClosedPullRequest));
        let blocked = || {
            let step = StepId { service: "tests".into(), step: "unit".into() };
            StepEnd::LeftOut(LeftOut::FailureOf { step, service: "tests".into() })
        };
        let until = || StepEnd::LeftOut(LeftOut::Excluded(Exclusion::Until("build".into())));
        let tolerated = || StepEnd::Tolerated { reason: "no answer".into() };

        is(&[ok(), ok(), ok(), ok()], "Succeeded / - / -");
        is(&[ok(), ok(), ok(), tolerated()], r#"Succeeded / "not verified" / "no answer""#);
        is(&[tolerated(), ok(), ok(), ok()], r#"Succeeded / "build failed" / "no answer""#);
        is(&[ok(), ok(), tolerated(), ok()], r#"Succeeded / "live failed" / "no answer""#);
        let no_deploy = r#"Succeeded / "not deployed" / "its `if` is false""#;
        is(
            &[ok(), ok(), no_if(), no_if()],
            r#"Succeeded / "not deployed and not verified" / "its `if` is false""#,
        );
        is(&[ok(), ok(), no_if(), ok()], no_deploy);
        is(
            &[ok(), no_if(), no_if(), no_if()],
            r#"Succeeded / "not deployed, not verified and not pushed" / "its `if` is false""#,
        );
        is(&[tolerated(), ok(), no_if(), ok()], &format!("{no_deploy}; build failed: no answer"));
        is(
            &[ok(), no_if(), ok(), tolerated()],
            r#"Succeeded / "not verified" / "no answer"; not pushed: its `if` is false"#,
        );
        is(&[ok(), ok(), ok(), no_if()], r#"Succeeded / "not verified" / "its `if` is false""#);
        is(&[ok(), no_if(), ok(), ok()], r#"Succeeded / "not pushed" / "its `if` is false""#);
        is(&[no_if(), ok(), ok(), ok()], "Succeeded / - / -");
        is(
            &[ok(), ok(), tolerated(), no_if()],
            r#"Succeeded / "live failed" / "no answer"; not verified: its `if` is false"#,
        );
        is(&[no_if(), no_if(), no_if(), no_if()], r#"Skipped / - / "no step applies""#);
        is(&[blocked(), blocked(), blocked(), blocked()], r#"Skipped / - / "tests failed""#);
        is(&[ok(), ok(), blocked(), blocked()], r#"Skipped / "not deployed" / "tests failed""#);
        is(&[ok(), ok(), ok(), blocked()], r#"Skipped / "not verified" / "tests failed""#);
        is(
            &[ok(), blocked(), no_if(), no_if()],
            r#"Skipped / "not pushed" / "tests failed"; not deployed and not verified: its `if` is false"#,
        );
        is(
            &[ok(), fork(), fork(), fork()],
            r#"Skipped / "not deployed" / "the code comes from a fork""#,
        );
        is(
            &[closed(), closed(), closed(), closed()],
            r#"Skipped / - / "the pull request is closed""#,
        );
        is(
            &[ok(), until(), until(), until()],
            r#"Skipped / "not deployed" / "left out by `--until build`""#,
        );
        is(
            &[ok(), ok(), ok(), until()],
            r#"Skipped / "not verified" / "left out by `--until build`""#,
        );
        is(&[until(), until(), until(), until()], r#"Skipped / - / "left out by `--until build`""#);
        is(&[ok(), ok(), StepEnd::Failed, blocked()], "Failed / - / -");
        is(
            &[ok(), ok(), StepEnd::Cancelled, stopped()],
            r#"Cancelled / "deploy not finished" / -"#,
        );
        is(&[StepEnd::Cancelled, stopped(), stopped(), stopped()], "Cancelled / - / -");
        is(&[ok(), stopped(), stopped(), stopped()], r#"Cancelled / "not deployed" / -"#);
        is(&[ok(), ok(), ok(), stopped()], r#"Cancelled / "not verified" / -"#);
    }

    #[test]
    fn one_of_several_deploys_is_enough() {
        let (ok, no_if) = (StepEnd::Succeeded, StepEnd::LeftOut(LeftOut::NotApplicable));
        let asks = &AskedDeploy::Last;
        let step = |step, end| EndedStep { step, goal: Goal::Deploy, asks, end };
        let (staging, production) = (step("staging", &ok), step("production", &no_if));
        assert_eq!(
            ServiceEnd::of(&[staging, production], false),
            ServiceEnd::new(Status::Succeeded, None, None)
        );
    }

    /// Judges a service of deploys and checks, such as `a; /; b; =a; ?`: `/` asks the last
    /// deploy, `=a` that of this id, and `?` an address of which it is not known whose it
    /// is. A step with `-` is left out by its `if`.
    #[track_caller]
    fn verifies(steps: &str, expected: &str) {
        let (done, left_out) = (StepEnd::Succeeded, StepEnd::LeftOut(LeftOut::NotApplicable));
        let steps: Vec<(&str, Goal, AskedDeploy, &StepEnd)> = steps
            .split("; ")
            .map(|text| {
                let step = text.trim_end_matches('-');
                let end = if step == text { &done } else { &left_out };
                match (step, step.strip_prefix('=')) {
                    ("/", _) => (step, Goal::Verify, AskedDeploy::Last, end),
                    ("?", _) => (step, Goal::Verify, AskedDeploy::Unknown, end),
                    (_, Some(id)) => {
                        (step, Goal::Verify, AskedDeploy::Named(vec![id.to_owned()]), end)
                    }
                    (_, None) => (step, Goal::Deploy, AskedDeploy::Last, end),
                }
            })
            .collect();
        let steps: Vec<EndedStep<'_>> = steps
            .iter()
            .map(|(step, goal, asks, end)| EndedStep { step, goal: *goal, asks, end })
            .collect();
        let end = ServiceEnd::of(&steps, true);
        let first = end.missing.zip(end.reason);
        let first = first.map(|(missing, reason)| format!("{missing}: {reason}"));
        let also = end.also_missing.iter().map(|it| format!("{}: {}", it.missing, it.reason));
        assert_eq!(first.into_iter().chain(also).collect::<Vec<_>>().join("; "), expected);
    }

    #[test]
    fn deploy_is_verified_only_by_a_later_check_that_asks_it() {
        verifies("a; /", "");
        verifies("a; ?", "");
        verifies("a; /; b; /", "");
        verifies("a; b; =a; =b", "");
        verifies("a; b; =a; /", "");
        verifies("a; b; ?; ?", "");
        verifies("a-; b; /", "");
        verifies("a; b-; /", "");
        verifies("a; /; /-", "");
        verifies("a; /; b", "not verified: no `verify` asks what `b` deployed");
        verifies("/; a", "not verified: no `verify` asks what `a` deployed");
        verifies("a; b; /", "not verified: no `verify` asks what `a` deployed");
        verifies("a; b; =a", "not verified: no `verify` asks what `b` deployed");
        verifies("a; /; b; /-", "not verified: its `if` is false");
        verifies("a; /-", "not verified: its `if` is false");
        verifies("a; /; b-; /-", "");
    }

    #[test]
    fn run_steps_that_are_left_out_leave_a_reservation() {
        let left_out = StepEnd::LeftOut(LeftOut::Excluded(Exclusion::SkipRun));
        let asks = &AskedDeploy::Last;
        let step = |step, end| EndedStep { step, goal: Goal::Other, asks, end };
        let [lint, test, docs] = ["lint", "test", "docs"].map(|name| step(name, &left_out));
        let said = |steps: &[EndedStep<'_>]| {
            let ServiceEnd { status, missing, reason, .. } = ServiceEnd::of(steps, false);
            format!("{status:?}, {}: {}", missing.unwrap_or_default(), reason.unwrap_or_default())
        };
        assert_eq!(
            said(&[lint, test, docs, step("build", &StepEnd::Succeeded)]),
            "Succeeded, `lint`, `test` and `docs` not run: left out by `--skip-run`"
        );
        assert_eq!(
            said(&[step("lint", &left_out)]),
            "Skipped, `lint` not run: left out by `--skip-run`"
        );
    }
}
