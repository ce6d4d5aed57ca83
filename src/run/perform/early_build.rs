//! Builds that begin during preflight.
//!
//! Only builds that start no program and write to nothing but the image store.
//! Until the run adopts such a build its result has no effect, and nothing of it
//! is uploaded before preflight has passed.

use super::performer::{Job, Performer, Produced};
use super::say::{Room, Said, Say};
use crate::event::EventKind;
use crate::plan::schema::{Action, BuildKind, Step};
use crate::run::child::Stop;
use crate::run::layout::Layout;
use crate::run::outcome::{AttemptError, StepOutput};
use crate::run::store::Store;
use futures::future::{FutureExt as _, LocalBoxFuture, MaybeDone, maybe_done, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

/// The first attempt of a build that began during preflight.
pub struct EarlyBuild {
    /// The indices of its service in the plan and of the step in the service.
    pub place: (usize, usize),
    attempt: MaybeDone<LocalBoxFuture<'static, Result<StepOutput, AttemptError>>>,
    stop: Stop,
    events: Arc<Mutex<EventSink>>,
}

/// Where the attempt's events go: kept until the run adopts the build, then
/// published.
enum EventSink {
    Buffer(Vec<Said>),
    Publish(Say),
}

impl EventSink {
    fn accept(&mut self, said: Said) {
        match self {
            Self::Buffer(events) => match (events.last_mut().map(|last| &mut last.event), said) {
                // Progress that was never shown is merged into its latest state.
                (
                    Some(EventKind::Progressed { progress: kept, .. }),
                    Said { event: EventKind::Progressed { progress, .. }, .. },
                ) if kept.verb == progress.verb => kept.merge(progress),
                (_, said) => events.push(said),
            },
            Self::Publish(say) => say.said(said),
        }
    }
}

impl EarlyBuild {
    /// Begins the builds that are the first steps of services without `needs`.
    /// `places` has the indices of service and step for each step of `layout`.
    pub fn begin(
        performer: &Arc<Performer>,
        layout: &Layout,
        places: &[(usize, usize)],
        store: &Store,
    ) -> Vec<Self> {
        let services = layout.services.iter().filter(|service| service.needs.is_empty());
        services
            .filter_map(|service| service.steps.first())
            .filter(|&&step| !layout.steps[step].done_before)
            .map(|&step| (step, places[step]))
            .filter(|(_, (service, place))| {
                may_begin_early(*place, performer.plan.step(*service, *place))
            })
            .map(|(step, place)| {
                Self::new(performer, place.0, place.1, |stop, say| Job {
                    id: layout.steps[step].id.clone(),
                    service: place.0,
                    place: place.1,
                    attempt: 1,
                    handover: store.handover(&layout.steps[step].id.service),
                    scope: store.scope(performer, place.0, None, false),
                    replaced: None,
                    in_doubt: store.is_in_doubt(&layout.steps[step].id),
                    stop,
                    say,
                    produced: Produced::default(),
                    remember: None,
                })
            })
            .collect()
    }

    fn new(
        performer: &Arc<Performer>,
        service: usize,
        step: usize,
        job: impl FnOnce(Stop, Say) -> Job,
    ) -> Self {
        let stop = Stop::default();
        let events = Arc::new(Mutex::new(EventSink::Buffer(Vec::new())));
        let sink = Arc::clone(&events);
        // Such a build has no lines, and its progress is merged.
        let say = Say::new(Room::default(), move |said| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).accept(said);
        });
        let (job, performer) = (job(stop.clone(), say), Arc::clone(performer));
        let attempt = async move { Box::pin(performer.attempt(job)).await }.boxed_local();
        Self { place: (service, step), attempt: maybe_done(attempt), stop, events }
    }

    /// Polls the builds until `done` resolves.
    pub async fn until<T>(builds: &mut [Self], done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        poll_fn(|context| {
            if let Poll::Ready(result) = done.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            for build in builds.iter_mut() {
                // `MaybeDone` keeps the output of a build that has finished.
                let _pending = build.attempt.poll_unpin(context).is_pending();
            }
            Poll::Pending
        })
        .await
    }

    /// Turns the build into an attempt of the run, with its stop handle. Events
    /// that it emitted so far are published now.
    pub fn adopt(
        self,
        say: &Say,
    ) -> (Stop, LocalBoxFuture<'static, Result<StepOutput, AttemptError>>) {
        let mut sink = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let publish = EventSink::Publish(say.clone());
        if let EventSink::Buffer(events) = std::mem::replace(&mut *sink, publish) {
            for event in events {
                say.said(event);
            }
        }
        drop(sink);
        let mut attempt = self.attempt;
        let ended = async move {
            (&mut attempt).await;
            Pin::new(&mut attempt).take_output().expect("the output is taken once")
        };
        (self.stop, ended.boxed_local())
    }
}

/// Whether a step may begin during preflight: it is the first of its service, has
/// no condition and starts no program.
fn may_begin_early(place: usize, step: &Step) -> bool {
    let build = match &step.action {
        Action::Build(build) => &build.kind,
        Action::Tag(_)
        | Action::Push(_)
        | Action::Deploy(_)
        | Action::Verify(_)
        | Action::Run(_) => return false,
    };
    place == 0
        && step.condition.is_none()
        && matches!(build, BuildKind::Layers(_) | BuildKind::Image(_))
}

#[cfg(test)]
mod tests {
    use super::may_begin_early;

    fn begins_early(steps: &str) -> Vec<bool> {
        let reading = crate::plan::read(&format!("name: web\nsteps:\n{steps}"));
        let plan = reading.plan.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        let steps = plan.services.0[0].1.steps.iter().enumerate();
        steps.map(|(place, step)| may_begin_early(place, step)).collect()
    }

    #[test]
    fn only_a_first_build_that_starts_no_program_begins_early() {
        assert_eq!(begins_early("  - build: { layers: [{ from: a, to: /a }] }\n"), [true]);
        assert_eq!(begins_early("  - build: { image: 'oci:a' }\n"), [true]);
        assert_eq!(begins_early("  - build: .\n"), [false], "a Dockerfile may run anything");
        assert_eq!(begins_early("  - build: { image: 'oci:a' }\n    if: always()\n"), [false]);
        assert_eq!(begins_early("  - run: make\n  - build: { image: 'oci:a' }\n"), [false, false]);
    }
}
