//! The state of a run: the only place that decides what happens next.
//!
//! Results, decisions, timers and signals arrive as an [`Input`]; [`RunState::on`]
//! returns the events to publish and the effects to carry out. The function is
//! synchronous and total, so every order of inputs can be written as a test.

mod ends;
mod messages;
mod rollback;
mod rolling_back;

pub use messages::{Answer, Decision, DependencyStatus, Effect, Input};

use super::cancel::Cancellation;
use super::layout::{Layout, StepIndex};
use super::outcome::AttemptError;
use super::retry::wait_after;
use super::service_end::{LeftOut, StepEnd};
use crate::event::{CancelReason, EventKind, Failure, Outcome, Outputs, StepId};
use rollback::RollbackPhase;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Phase {
    Pending,
    Deciding,
    Running { attempt: u32, tolerant: bool, since: Duration },
    Waiting { attempt: u32, tolerant: bool, since: Duration },
    Done(StepEnd),
}

#[derive(Debug)]
pub struct RunState {
    layout: Layout,
    phases: Vec<Phase>,
    /// By step; only deploys are rolled back.
    rollbacks: Vec<RollbackPhase>,
    /// By service: the first step that failed in it or in a service it needs.
    blamed: Vec<Option<StepIndex>>,
    /// By service: the failures of its own steps that were not tolerated, in their order.
    failures: Vec<Vec<(StepId, Failure)>>,
    /// The first step that failed in the whole run.
    failed: Option<StepIndex>,
    keep_going: bool,
    cancel: Cancellation,
    now: Duration,
}

impl RunState {
    pub fn new(layout: Layout, keep_going: bool) -> Self {
        let mut state = Self {
            phases: vec![Phase::Pending; layout.steps.len()],
            rollbacks: layout.steps.iter().map(RollbackPhase::of).collect(),
            blamed: vec![None; layout.services.len()],
            failures: vec![Vec::new(); layout.services.len()],
            failed: None,
            keep_going,
            cancel: Cancellation::default(),
            now: Duration::ZERO,
            layout,
        };
        state.blame_unfinished_rollbacks();
        state
    }

    /// Applies an input that arrived at `now`. `jitter`, a random number from 0 to 1,
    /// shortens the wait before a retry.
    pub fn on(&mut self, input: Input, now: Duration, jitter: f64) -> Answer {
        self.now = now;
        let mut answer = Answer::default();
        match input {
            Input::Begin => self.tell_of_excluded(&mut answer),
            Input::Decided { step, decision } => self.decided(step, decision, &mut answer),
            Input::Ended { step, result, outputs } => {
                if let Some(outcome) = self.ended(step, result, jitter, &mut answer) {
                    self.finish_with(step, outcome, outputs, &mut answer);
                }
            }
            Input::WaitOver { step } => self.wait_over(step, &mut answer),
            Input::ReplacementRecorded { step } => self.rollbacks[step] = RollbackPhase::Possible,
            Input::RolledBack { rollback, step } => self.rolled_back(step, rollback, &mut answer),
            Input::Stop(reason) => self.stop(reason, &mut answer),
        }
        self.advance(&mut answer);
        answer
    }

    /// Whether all steps and rollbacks have ended.
    pub fn is_finished(&self) -> bool {
        (0..self.layout.services.len()).all(|service| self.has_ended(service))
    }

    /// Says which steps are no part of the run, and why.
    fn tell_of_excluded(&self, answer: &mut Answer) {
        let excluded = self.layout.services.iter().flat_map(|service| &service.excluded);
        answer.events.extend(excluded.map(|step| EventKind::StepFinished {
            step: step.id.clone(),
            outcome: Outcome::Skipped { because: step.why.because() },
            took: Duration::ZERO,
            outputs: Outputs::new(),
        }));
    }

    pub fn cancellation(&self) -> Cancellation {
        self.cancel
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn decided(&mut self, step: StepIndex, decision: Decision, answer: &mut Answer) {
        if !matches!(self.phases[step], Phase::Deciding) {
            return;
        }
        match decision {
            Decision::Run { .. } if self.cancel.stops_attempts() => {
                self.skip(step, LeftOut::RunStopped, answer);
            }
            Decision::Run { tolerant } => {
                let since = self.now;
                self.phases[step] = Phase::Running { attempt: 1, tolerant, since };
                answer.events.push(EventKind::StepStarted { step: self.id(step) });
                answer.effects.push(Effect::Attempt { step, attempt: 1 });
            }
            Decision::Skip => {
                let failed = self.blamed[self.service_of(step)];
                let why = failed.map_or(LeftOut::NotApplicable, |failed| self.failure_of(failed));
                self.skip(step, why, answer);
            }
            Decision::Broken(failure) => {
                self.finish(step, Outcome::Failed { failure, tolerated: false }, answer);
            }
        }
    }

    /// Takes in the end of an attempt. Returns the outcome of the step unless another
    /// attempt follows.
    fn ended(
        &mut self,
        step: StepIndex,
        result: Result<(), AttemptError>,
        jitter: f64,
        answer: &mut Answer,
    ) -> Option<Outcome> {
        let Phase::Running { attempt, tolerant: tolerated, since } = self.phases[step] else {
            return None;
        };
        match result {
            Ok(()) => Some(Outcome::Succeeded),
            Err(AttemptError::Stopped) => Some(Outcome::Cancelled),
            Err(AttemptError::TimedOut { limit, error }) => {
                Some(Outcome::TimedOut { limit, tolerated, failure: *error.failure })
            }
            Err(AttemptError::Failed(error)) => {
                let policy = self.layout.steps[step].policy;
                let wait = wait_after(policy, attempt, error.retry, jitter);
                let failure = *error.failure;
                let Some(wait) = wait.filter(|_| !self.cancel.stops_attempts()) else {
                    return Some(Outcome::Failed { failure, tolerated });
                };
                self.phases[step] = Phase::Waiting { attempt, tolerant: tolerated, since };
                answer.events.push(EventKind::AttemptFailed {
                    step: self.id(step),
                    attempt,
                    of: policy.attempts,
                    failure,
                    retry_in: wait,
                });
                answer.effects.push(Effect::Wait { step, wait });
                None
            }
        }
    }

    fn wait_over(&mut self, step: StepIndex, answer: &mut Answer) {
        if let Phase::Waiting { attempt, tolerant, since } = self.phases[step] {
            let attempt = attempt + 1;
            self.phases[step] = Phase::Running { attempt, tolerant, since };
            answer.effects.push(Effect::Attempt { step, attempt });
        }
    }

    fn stop(&mut self, reason: CancelReason, answer: &mut Answer) {
        let Some(reason) = self.cancel.escalate(reason) else { return };
        answer.events.push(EventKind::RunCancelled { reason });
        for step in 0..self.phases.len() {
            if reason == CancelReason::Killed && self.rollbacks[step].is_running() {
                answer.effects.push(Effect::Kill { step });
            }
            match self.phases[step] {
                Phase::Running { .. } if reason == CancelReason::Killed => {
                    answer.effects.push(Effect::Kill { step });
                }
                Phase::Running { .. } => answer.effects.push(Effect::Terminate { step }),
                Phase::Waiting { .. } => self.finish(step, Outcome::Cancelled, answer),
                Phase::Pending | Phase::Deciding | Phase::Done(_) => {}
            }
        }
    }

    /// Starts every rollback and every step that can start, and skips every step that
    /// never can.
    fn advance(&mut self, answer: &mut Answer) {
        let mut moved = true;
        while moved {
            moved = false;
            for service in 0..self.layout.services.len() {
                if let Some(step) = self.next_rollback(service) {
                    self.begin_rollback(step, answer);
                } else if let Some(step) = self.next_of(service) {
                    moved |= self.begin(service, step, answer);
                }
            }
        }
    }

    /// The next step of a service, once the step and the rollback before it and all
    /// services that it needs have ended.
    fn next_of(&self, service: usize) -> Option<StepIndex> {
        let layout = &self.layout.services[service];
        let needs_have_ended = layout.needs.iter().all(|&need| self.has_ended(need));
        if !needs_have_ended || self.is_rolling_back(service) {
            return None;
        }
        let next = *layout.steps.iter().find(|&&step| !self.is_done(step))?;
        matches!(self.phases[next], Phase::Pending).then_some(next)
    }

    /// Whether all steps of a service have ended, and the rollback that follows.
    fn has_ended(&self, service: usize) -> bool {
        let steps = &self.layout.services[service].steps;
        steps.iter().all(|&step| self.is_done(step))
            && !self.is_rolling_back(service)
            && self.next_rollback(service).is_none()
    }

    fn is_done(&self, step: StepIndex) -> bool {
        self.end_of(step).is_some()
    }

    fn end_of(&self, step: StepIndex) -> Option<&StepEnd> {
        match &self.phases[step] {
            Phase::Done(end) => Some(end),
            Phase::Pending | Phase::Deciding | Phase::Running { .. } | Phase::Waiting { .. } => {
                None
            }
        }
    }

    /// Begins a step. Returns `true` if the step has already ended, so that the next
    /// one can begin.
    fn begin(&mut self, service: usize, step: StepIndex, answer: &mut Answer) -> bool {
        if self.layout.steps[step].done_before {
            self.phases[step] = Phase::Done(StepEnd::Succeeded);
            answer.events.push(EventKind::StepFinished {
                step: self.id(step),
                outcome: Outcome::AlreadyDone,
                took: Duration::ZERO,
                outputs: Outputs::new(),
            });
            return true;
        }
        if let Some(outcome) = self.layout.steps[step].ended_before.clone() {
            self.finish(step, outcome, answer);
            return true;
        }
        if self.cancel.stops_attempts() {
            self.skip(step, LeftOut::RunStopped, answer);
            return true;
        }
        self.inherit_blame(service);
        let failed_elsewhere =
            self.failed.filter(|_| !self.keep_going && self.blamed[service].is_none());
        if let Some(failed) = failed_elsewhere
            && !self.layout.steps[step].runs_after_failure
        {
            self.skip(step, self.failure_of(failed), answer);
            return true;
        }
        self.phases[step] = Phase::Deciding;
        let status = match self.blamed[service] {
            Some(_) => DependencyStatus::Failure,
            None => DependencyStatus::Success,
        };
        answer.effects.push(Effect::Decide { step, status });
        false
    }

    /// For `success()` and `failure()`, a service that needs a failed one has failed too.
    fn inherit_blame(&mut self, service: usize) {
        if self.blamed[service].is_none() {
            let needs = &self.layout.services[service].needs;
            self.blamed[service] = needs.iter().find_map(|&need| self.blamed[need]);
        }
    }

    fn failure_of(&self, failed: StepIndex) -> LeftOut {
        let service = self.layout.services[self.service_of(failed)].name.clone();
        LeftOut::FailureOf { step: self.id(failed), service }
    }

    fn skip(&mut self, step: StepIndex, why: LeftOut, answer: &mut Answer) {
        let because = why.because();
        self.phases[step] = Phase::Done(StepEnd::LeftOut(why));
        answer.events.push(EventKind::StepFinished {
            step: self.id(step),
            outcome: Outcome::Skipped { because },
            took: Duration::ZERO,
            outputs: Outputs::new(),
        });
    }

    /// Ends a step that was not skipped, without outputs.
    fn finish(&mut self, step: StepIndex, outcome: Outcome, answer: &mut Answer) {
        self.finish_with(step, outcome, Outputs::new(), answer);
    }

    fn finish_with(
        &mut self,
        step: StepIndex,
        outcome: Outcome,
        outputs: Outputs,
        answer: &mut Answer,
    ) {
        let took = match self.phases[step] {
            Phase::Running { since, .. } | Phase::Waiting { since, .. } => {
                self.now.saturating_sub(since)
            }
            Phase::Pending | Phase::Deciding | Phase::Done(_) => Duration::ZERO,
        };
        let fatal = outcome.fatal();
        self.phases[step] = Phase::Done(StepEnd::of(&outcome));
        let id = self.id(step);
        answer.events.push(EventKind::StepFinished { step: id.clone(), outcome, took, outputs });
        if let Some(failure) = fatal {
            let service = self.service_of(step);
            self.failures[service].push((id, failure));
            self.blamed[service].get_or_insert(step);
            self.failed.get_or_insert(step);
            if !self.keep_going
                && let Some(reason) = self.cancel.escalate(CancelReason::StepFailed)
            {
                answer.events.push(EventKind::RunCancelled { reason });
            }
        }
    }

    fn service_of(&self, step: StepIndex) -> usize {
        self.layout.steps[step].service
    }

    fn id(&self, step: StepIndex) -> StepId {
        self.layout.steps[step].id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Decision, DependencyStatus, Effect, Input, RunState};
    use crate::event::{CancelReason, EventKind, Outcome, Outputs, Status, StepId};
    use crate::event::{Failure, Revision, Rollback, RollbackOutcome};
    use crate::http::Retry;
    use crate::plan::AskedDeploy;
    use crate::plan::schema::RetryPolicy;
    use crate::run::layout::{
        ExcludedStep, Exclusion, Goal, Layout, RecordedRollback, ServiceLayout, StepLayout,
    };
    use crate::run::outcome::{AttemptError, StepError};
    use std::fmt::Write as _;
    use std::time::Duration;

    /// `a: x y; b(a): z!` is two services, of which the second needs the first; `z`
    /// runs after a failure.
    fn layout(text: &str) -> Layout {
        let mut layout = Layout::default();
        let mut names: Vec<String> = Vec::new();
        for (place, part) in text.split("; ").enumerate() {
            let (head, steps) = part.split_once(": ").expect("a service and its steps");
            let (name, needs) = head.split_once('(').unwrap_or((head, ""));
            let needs = needs.trim_end_matches(')').split(',').filter(|need| !need.is_empty());
            let find = |need| names.iter().position(|name| name == need).expect("a service");
            let needs = needs.map(find).collect();
            let mut places = Vec::new();
            for step in steps.split(' ') {
                places.push(layout.steps.len());
                layout.steps.push(StepLayout {
                    id: StepId { service: name.into(), step: step.trim_end_matches('!').into() },
                    service: place,
                    goal: match step.trim_end_matches('!') {
                        "deploy" => Goal::Deploy,
                        "verify" => Goal::Verify,
                        "push" => Goal::Push,
                        _ => Goal::Other,
                    },
                    asks: AskedDeploy::Last,
                    policy: RetryPolicy { attempts: 2, ..RetryPolicy::default() },
                    runs_after_failure: step.ends_with('!'),
                    done_before: false,
                    ended_before: None,
                    rollback: RecordedRollback::Nothing,
                });
            }
            names.push(name.into());
            layout.services.push(ServiceLayout {
                name: name.into(),
                needs,
                steps: places,
                excluded: Vec::new(),
                has_check: part.contains("verify"),
                left_out: false,
            });
        }
        layout
    }

    fn ended(step: usize, result: Result<(), AttemptError>) -> Input {
        Input::Ended { step, result, outputs: Outputs::new() }
    }

    fn timed_out(limit: Duration) -> AttemptError {
        AttemptError::TimedOut { limit, error: Box::new(StepError::timed_out(limit)) }
    }

    fn failed(retry: Retry) -> AttemptError {
        StepError::new("it broke").retry(retry).into()
    }

    /// A run and a log of its events and effects.
    struct Talk {
        state: RunState,
        log: String,
    }

    impl Talk {
        fn begin(layout: Layout, keep_going: bool) -> Self {
            let mut talk = Self { state: RunState::new(layout, keep_going), log: String::new() };
            talk.tell(Input::Begin);
            talk
        }

        /// Sends an input to the state. Every `if` is `success()`, and `true` for a
        /// step that runs after a failure.
        fn tell(&mut self, input: Input) {
            let answer = self.state.on(input, Duration::ZERO, 1.0);
            self.write(answer);
        }

        fn write(&mut self, answer: Answer) {
            for event in answer.events {
                match event {
                    EventKind::StepFinished { step, outcome, .. } => {
                        let outcome = match outcome {
                            Outcome::Succeeded => "succeeded".to_owned(),
                            Outcome::AlreadyDone => "already done".to_owned(),
                            Outcome::Failed { tolerated: true, .. } => "failed, tolerated".into(),
                            Outcome::Failed { .. } => "failed".to_owned(),
                            Outcome::TimedOut { tolerated: true, .. } => {
                                "timed out, tolerated".into()
                            }
                            Outcome::TimedOut { .. } => "timed out".to_owned(),
                            Outcome::Skipped { because } => format!("skipped: {because}"),
                            Outcome::Cancelled => "cancelled".to_owned(),
                        };
                        writeln!(self.log, "{step} {outcome}").expect("text");
                    }
                    EventKind::AttemptFailed { step, attempt, retry_in, .. } => {
                        writeln!(self.log, "{step} again after {attempt} in {retry_in:?}")
                            .expect("text");
                    }
                    EventKind::RunCancelled { reason } => {
                        writeln!(self.log, "cancelled: {reason:?}").expect("text");
                    }
                    EventKind::RollbackFinished { rollback, .. } => {
                        writeln!(self.log, "{} {}", rollback.step, rollback.outcome).expect("text");
                    }
                    _ => {}
                }
            }
            for effect in answer.effects {
                match effect {
                    Effect::Decide { step, status } => {
                        let runs = (status == DependencyStatus::Success)
                            || self.state.layout().steps[step].runs_after_failure;
                        let decision =
                            if runs { Decision::Run { tolerant: false } } else { Decision::Skip };
                        self.tell(Input::Decided { step, decision });
                    }
                    Effect::Attempt { step, attempt } => {
                        let id = &self.state.layout().steps[step].id;
                        writeln!(self.log, "{id} attempt {attempt}").expect("text");
                    }
                    Effect::Wait { .. } => {}
                    Effect::RollBack { step } => {
                        let id = &self.state.layout().steps[step].id;
                        writeln!(self.log, "roll back {id}").expect("text");
                    }
                    Effect::Terminate { step } | Effect::Kill { step } => {
                        let id = &self.state.layout().steps[step].id;
                        let how =
                            if matches!(effect, Effect::Terminate { .. }) { "ask" } else { "kill" };
                        writeln!(self.log, "{how} {id}").expect("text");
                    }
                }
            }
        }

        fn fail(&mut self, step: usize, error: AttemptError) {
            self.tell(ended(step, Err(error)));
        }

        fn roll_back(&mut self, step: usize, outcome: RollbackOutcome) {
            let id = self.state.layout().steps[step].id.clone();
            let rollback = Box::new(Rollback { step: id, outcome, url: None });
            self.tell(Input::RolledBack { rollback, step });
        }

        fn succeed(&mut self, step: usize) {
            self.tell(ended(step, Ok(())));
        }
    }

    #[test]
    fn services_run_in_parallel_and_steps_in_order() {
        let mut talk = Talk::begin(layout("a: x y; b: z"), false);
        talk.succeed(0);
        talk.succeed(2);
        talk.succeed(1);

        assert!(talk.state.is_finished());
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
b.z attempt 1
a.x succeeded
a.y attempt 1
b.z succeeded
a.y succeeded
"
        );
    }

    #[test]
    fn a_service_waits_for_what_it_needs() {
        let mut talk = Talk::begin(layout("a: x; b(a): y"), false);
        assert_eq!(talk.log, "a.x attempt 1\n");
        talk.succeed(0);
        assert!(talk.log.ends_with("a.x succeeded\nb.y attempt 1\n"));
    }

    #[test]
    fn a_step_is_retried_until_its_attempts_are_used_up() {
        let mut talk = Talk::begin(layout("a: x"), false);
        talk.fail(0, failed(Retry::Backoff));
        talk.tell(Input::WaitOver { step: 0 });
        talk.fail(0, failed(Retry::Backoff));

        assert_eq!(talk.state.status(), Status::Failed);
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
a.x again after 1 in 1s
a.x attempt 2
a.x failed
cancelled: StepFailed
"
        );
    }

    #[test]
    fn after_a_failure_only_steps_that_run_after_failure_start() {
        let mut talk = Talk::begin(layout("a: x y z!; b: p q r!; c(a): s"), false);
        talk.fail(0, failed(Retry::Never));
        talk.succeed(2);
        talk.succeed(3);
        talk.succeed(5);

        assert!(talk.state.is_finished());
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
b.p attempt 1
a.x failed
cancelled: StepFailed
a.y skipped: `a.x` failed
a.z attempt 1
a.z succeeded
c.s skipped: `a.x` failed
b.p succeeded
b.q skipped: `a.x` failed
b.r attempt 1
b.r succeeded
"
        );
    }

    #[test]
    fn keep_going_lets_other_services_continue() {
        let mut talk = Talk::begin(layout("a: x; b: p q"), true);
        talk.fail(0, failed(Retry::Never));
        talk.succeed(1);
        talk.succeed(2);

        assert_eq!(talk.state.status(), Status::Failed);
        assert!(talk.log.ends_with("b.p succeeded\nb.q attempt 1\nb.q succeeded\n"));
    }

    #[test]
    fn a_signal_asks_and_a_second_one_kills() {
        let mut talk = Talk::begin(layout("a: x y; b: z"), false);
        talk.fail(2, failed(Retry::Backoff));
        talk.tell(Input::Stop(CancelReason::Interrupted));
        talk.tell(Input::Stop(CancelReason::Terminated));
        talk.fail(0, AttemptError::Stopped);

        assert!(talk.state.is_finished());
        assert_eq!(
            talk.log,
            "\
a.x attempt 1
b.z attempt 1
b.z again after 1 in 1s
cancelled: Interrupted
b.z cancelled
ask a.x
cancelled: Killed
kill a.x
a.x cancelled
a.y skipped: the run was cancelled
"
        );
    }

    #[test]
    fn steps_done_by_an_earlier_process_are_not_repeated() {
        let mut before = layout("a: x y");
        before.steps[0].done_before = true;
        let talk = Talk::begin(before, false);
        assert_eq!(talk.log, "a.x already done\na.y attempt 1\n");
    }

    #[track_caller]
    fn is_tolerated(error: AttemptError, expected: &str) {
        let mut state = RunState::new(layout("a: verify y"), false);
        let first = state.on(Input::Begin, Duration::ZERO, 1.0);
        let status = DependencyStatus::Success;
        assert_eq!(first.effects, [Effect::Decide { step: 0, status }]);
        let decision = Decision::Run { tolerant: true };
        drop(state.on(Input::Decided { step: 0, decision }, Duration::ZERO, 1.0));
        let input = ended(0, Err(error));
        let after = state.on(input, Duration::ZERO, 1.0);

        assert_eq!(state.status(), Status::Succeeded);
        assert!(state.failures(0).is_empty());
        assert_eq!(after.effects, [Effect::Decide { step: 1, status }]);

        let decision = Decision::Run { tolerant: false };
        drop(state.on(Input::Decided { step: 1, decision }, Duration::ZERO, 1.0));
        let input = ended(1, Ok(()));
        drop(state.on(input, Duration::ZERO, 1.0));
        assert_eq!(end_of(&state, 0), expected);
    }

    #[test]
    fn a_tolerated_failure_or_timeout_fails_neither_run_nor_service() {
        is_tolerated(failed(Retry::Never), "succeeded, not verified: it broke");
        let timed_out = timed_out(Duration::from_secs(1));
        is_tolerated(timed_out, "succeeded, not verified: it took longer than 1 s");
    }

    #[test]
    fn a_failure_counts_for_its_own_service_only() {
        let mut talk = Talk::begin(layout("a: x; b: y"), true);
        talk.fail(0, timed_out(Duration::from_secs(90)));
        talk.succeed(1);

        let state = &talk.state;
        assert_eq!(state.status(), Status::Failed);
        assert_eq!(end_of(state, 0), "failed");
        assert_eq!(end_of(state, 1), "succeeded");
        let [(step, failure)] = state.failures(0) else { panic!("not the time-out alone") };
        assert_eq!(step.to_string(), "a.x");
        assert_eq!(failure.chain, ["it took longer than 90 s"]);
    }

    /// The status, what is missing, and why, as reports join them.
    fn end_of(state: &RunState, service: usize) -> String {
        let end = state.service_end(service);
        let missing = end.missing.map_or_else(String::new, |missing| format!(", {missing}"));
        let reason = end.reason.map_or_else(String::new, |reason| format!(": {reason}"));
        format!("{:?}{missing}{reason}", end.status).to_lowercase()
    }

    #[test]
    fn a_service_whose_need_failed_is_skipped() {
        let mut talk = Talk::begin(layout("a: x; b(a): y; c(b): z"), false);
        talk.fail(0, failed(Retry::Never));

        assert!(talk.state.is_finished());
        let ends = [0, 1, 2].map(|service| end_of(&talk.state, service));
        assert_eq!(ends, ["failed", "skipped: a failed", "skipped: a failed"]);
    }

    #[test]
    fn a_service_without_its_deploy_is_not_succeeded() {
        let mut talk = Talk::begin(layout("docs: push deploy verify; tests: x; app: push"), false);
        talk.succeed(4);
        talk.fail(3, failed(Retry::Never));
        talk.succeed(0);

        assert!(talk.state.is_finished());
        assert_eq!(talk.state.status(), Status::Failed);
        let ends = [0, 1, 2].map(|service| end_of(&talk.state, service));
        assert_eq!(ends, ["skipped, not deployed: tests failed", "failed", "succeeded"]);
    }

    #[test]
    fn a_run_of_which_no_step_applies_is_skipped() {
        let mut state = RunState::new(layout("a: x y"), false);
        drop(state.on(Input::Begin, Duration::ZERO, 1.0));
        for step in 0..2 {
            let input = Input::Decided { step, decision: Decision::Skip };
            drop(state.on(input, Duration::ZERO, 1.0));
        }

        assert!(state.is_finished());
        assert_eq!(state.status(), Status::Skipped);
        assert_eq!(end_of(&state, 0), "skipped: no step applies");
    }

    #[test]
    fn a_run_succeeds_although_no_step_of_one_of_its_services_applies() {
        let mut state = RunState::new(layout("a: x; b: y"), false);
        let run = Decision::Run { tolerant: false };
        for input in [
            Input::Begin,
            Input::Decided { step: 0, decision: Decision::Skip },
            Input::Decided { step: 1, decision: run },
            ended(1, Ok(())),
        ] {
            drop(state.on(input, Duration::ZERO, 1.0));
        }

        assert_eq!(state.status(), Status::Succeeded);
        let ends = [0, 1].map(|service| end_of(&state, service));
        assert_eq!(ends, ["skipped: no step applies", "succeeded"]);
    }

    #[test]
    fn a_stop_cancels_only_what_has_not_finished() {
        let mut talk =
            Talk::begin(layout("alpha: x; beta: y; web: deploy verify; late(alpha): z"), false);
        talk.succeed(1);
        talk.tell(Input::Stop(CancelReason::Interrupted));
        talk.fail(0, AttemptError::Stopped);
        talk.succeed(2);

        assert!(talk.state.is_finished());
        assert_eq!(talk.state.status(), Status::Cancelled);
        let ends = [0, 1, 2, 3].map(|service| end_of(&talk.state, service));
        assert_eq!(ends, ["cancelled", "succeeded", "cancelled, not verified", "cancelled"]);
    }

    #[test]
    fn a_deploy_left_out_for_a_fork_makes_neither_service_nor_run_succeed() {
        let mut forked = layout("a: build");
        forked.services[0].excluded = left_out(
            &[("push", Goal::Push), ("live", Goal::Deploy), ("check", Goal::Verify)],
            &Exclusion::Fork,
        );
        let mut talk = Talk::begin(forked, false);
        talk.succeed(0);

        assert_eq!(talk.state.status(), Status::Skipped);
        let expected = "skipped, not deployed: the code comes from a fork";
        assert_eq!(end_of(&talk.state, 0), expected);
    }

    fn left_out(steps: &[(&str, Goal)], why: &Exclusion) -> Vec<ExcludedStep> {
        let step = |&(step, goal): &(&str, Goal)| ExcludedStep {
            id: StepId { service: "a".into(), step: step.into() },
            goal,
            asks: AskedDeploy::Last,
            why: why.clone(),
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn steps_that_the_command_line_leaves_out_are_skipped_when_the_run_begins() {
        let run = |step: &str, goal, why| {
            let mut cut = layout("a: build");
            cut.services[0].excluded = left_out(&[(step, goal)], &why);
            let mut talk = Talk::begin(cut, false);
            talk.succeed(0);
            let end = end_of(&talk.state, 0);
            format!("{}{end}; {:?}", talk.log, talk.state.status())
        };
        assert_eq!(
            run("live", Goal::Deploy, Exclusion::Until("build".into())),
            "a.live skipped: left out by `--until build`
a.build attempt 1
a.build succeeded
skipped, not deployed: left out by `--until build`; Skipped"
        );
        assert_eq!(
            run("test", Goal::Other, Exclusion::SkipRun),
            "a.test skipped: left out by `--skip-run`
a.build attempt 1
a.build succeeded
succeeded, `test` not run: left out by `--skip-run`; Succeeded"
        );
    }

    fn put_back() -> RollbackOutcome {
        RollbackOutcome::RolledBack { to: Revision::default() }
    }

    #[test]
    fn a_failed_service_is_rolled_back_before_its_later_steps_and_dependents() {
        let mut talk = Talk::begin(layout("a: deploy verify clean!; b(a): y!"), false);
        talk.tell(Input::ReplacementRecorded { step: 0 });
        talk.succeed(0);
        talk.fail(1, failed(Retry::Never));
        assert!(!talk.state.is_finished());
        talk.roll_back(0, put_back());
        talk.succeed(2);
        talk.succeed(3);

        assert!(talk.state.is_finished());
        assert_eq!(talk.state.status(), Status::Failed);
        assert_eq!(
            talk.log,
            "\
a.deploy attempt 1
a.deploy succeeded
a.verify attempt 1
a.verify failed
cancelled: StepFailed
roll back a.deploy
a.deploy rolled back to the version before
a.clean attempt 1
a.clean succeeded
b.y attempt 1
b.y succeeded
"
        );
        assert_eq!(talk.state.rollbacks(0).len(), 1);
        assert_eq!(talk.state.rollbacks(1).len(), 0);
    }

    #[test]
    fn the_first_signal_lets_a_rollback_end_and_the_second_kills_it() {
        let mut talk = Talk::begin(layout("a: deploy verify"), false);
        talk.tell(Input::ReplacementRecorded { step: 0 });
        talk.tell(Input::Stop(CancelReason::Interrupted));
        talk.fail(0, AttemptError::Stopped);
        talk.tell(Input::Stop(CancelReason::Terminated));
        let failure = Failure { chain: vec!["killed".into()], ..Failure::default() };
        talk.roll_back(0, RollbackOutcome::Failed { to: None, failure });

        assert!(talk.state.is_finished());
        assert_eq!(talk.state.status(), Status::Cancelled);
        assert_eq!(
            talk.log,
            "\
a.deploy attempt 1
cancelled: Interrupted
ask a.deploy
a.deploy cancelled
roll back a.deploy
cancelled: Killed
kill a.deploy
a.deploy the new preview could not be removed
a.verify skipped: the run was cancelled
"
        );
    }

    #[test]
    fn a_killed_run_records_the_rollback_that_it_does_not_make() {
        let mut talk = Talk::begin(layout("a: deploy verify"), false);
        talk.tell(Input::ReplacementRecorded { step: 0 });
        talk.tell(Input::Stop(CancelReason::Interrupted));
        talk.tell(Input::Stop(CancelReason::Interrupted));
        talk.fail(0, AttemptError::Stopped);

        assert!(talk.log.ends_with("roll back a.deploy\nkill a.deploy\n"), "{}", talk.log);
        assert!(!talk.state.is_finished());
    }

    #[test]
    fn a_resumed_run_finishes_the_rollback_and_repeats_nothing() {
        let mut before = layout("a: push deploy verify note; b: y");
        let failure = Failure { chain: vec!["no answer".into()], ..Failure::default() };
        before.steps[0].done_before = true;
        before.steps[1].done_before = true;
        before.steps[1].rollback = RecordedRollback::Begun;
        before.steps[2].ended_before = Some(Outcome::Failed { failure, tolerated: false });
        let mut talk = Talk::begin(before, false);
        talk.roll_back(1, put_back());

        assert!(talk.state.is_finished());
        assert_eq!(talk.state.status(), Status::Failed);
        assert_eq!(
            talk.log,
            "\
a.push already done
b.y skipped: `a.verify` failed
a.deploy already done
a.verify failed
cancelled: StepFailed
roll back a.deploy
a.deploy rolled back to the version before
a.note skipped: `a.verify` failed
"
        );
        let failures = talk.state.failures(0);
        let [(step, failure)] = failures else { panic!("not that of the earlier process") };
        assert_eq!(
            (step.to_string().as_str(), failure.chain.join("")),
            ("a.verify", "no answer".into())
        );
    }

    #[test]
    fn a_resumed_rollback_of_a_cancelled_run_makes_the_service_fail() {
        let mut before = layout("a: deploy verify");
        before.steps[0].done_before = true;
        before.steps[0].rollback = RecordedRollback::Begun;
        let because = "the run was cancelled".to_owned();
        before.steps[1].ended_before = Some(Outcome::Skipped { because });
        let mut talk = Talk::begin(before, false);
        talk.roll_back(0, put_back());

        assert_eq!(talk.state.status(), Status::Failed);
        assert_eq!(end_of(&talk.state, 0), "failed");
    }
}
