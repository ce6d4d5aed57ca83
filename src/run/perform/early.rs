//! Builds that begin while logins are still being tried.
//!
//! Only those that read files or images and write nothing but the store: what
//! they make counts for nothing until the run takes it up, and goes nowhere
//! before the logins are known to be good.

use super::performer::{Job, Performer, Say};
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

/// The first attempt of a build, already at work.
pub struct Early {
    /// The places of its service in the plan, and of the step in it.
    pub place: (usize, usize),
    attempt: MaybeDone<LocalBoxFuture<'static, Result<StepOutput, AttemptError>>>,
    stop: Stop,
    said: Arc<Mutex<Said>>,
}

/// What it says before somebody listens, and then who does.
enum Said {
    Kept(Vec<EventKind>),
    To(Say),
}

impl Said {
    fn hear(&mut self, event: EventKind) {
        match self {
            Self::Kept(events) => match (events.last_mut(), event) {
                // Nobody saw it move: how far it is by now is all there is to say.
                (
                    Some(EventKind::Progressed { progress: kept, .. }),
                    EventKind::Progressed { progress, .. },
                ) if kept.verb == progress.verb => kept.go_on(progress),
                (_, event) => events.push(event),
            },
            Self::To(say) => say(event),
        }
    }
}

impl Early {
    /// Begins the builds that the run begins with.
    pub fn begin(
        performer: &Arc<Performer>,
        (layout, places): (&Layout, &[(usize, usize)]),
        store: &Store,
    ) -> Vec<Self> {
        let firsts = layout.services.iter().filter(|service| service.needs.is_empty());
        let firsts = firsts.filter_map(|service| service.steps.first());
        let fresh = firsts.filter(|&&step| !layout.steps[step].done_before);
        fresh
            .map(|&step| (step, places[step]))
            .filter(|(_, (service, place))| is_harmless(*place, performer.step(*service, *place)))
            .map(|(step, place)| {
                Self::of(performer, place, |stop, say| Job {
                    id: layout.steps[step].id.clone(),
                    service: place.0,
                    place: place.1,
                    handover: store.handover(&layout.steps[step].id.service),
                    scope: store.scope(performer, place.0, None, false),
                    stop,
                    say,
                })
            })
            .collect()
    }

    fn of(
        performer: &Arc<Performer>,
        place: (usize, usize),
        job: impl FnOnce(Stop, Say) -> Job,
    ) -> Self {
        let (stop, said) = (Stop::default(), Arc::new(Mutex::new(Said::Kept(Vec::new()))));
        let hears = Arc::clone(&said);
        let say: Say = Arc::new(move |event| {
            hears.lock().unwrap_or_else(PoisonError::into_inner).hear(event);
        });
        let (job, performer) = (job(stop.clone(), say), Arc::clone(performer));
        let attempt = async move { performer.attempt(job).await }.boxed_local();
        Self { place, attempt: maybe_done(attempt), stop, said }
    }

    /// Lets them work until something else is done.
    pub async fn until<T>(early: &mut [Self], done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        poll_fn(|context| {
            if let Poll::Ready(result) = done.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            for each in early.iter_mut() {
                // It keeps what came of it.
                let _pending = each.attempt.poll_unpin(context).is_pending();
            }
            Poll::Pending
        })
        .await
    }

    /// Takes it up as an attempt of the run: how it is stopped, and what comes
    /// of it. What it said meanwhile is said now.
    pub fn take_up(
        self,
        say: &Say,
    ) -> (Stop, LocalBoxFuture<'static, Result<StepOutput, AttemptError>>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Said::Kept(events) = std::mem::replace(&mut *said, Said::To(Arc::clone(say))) {
            for event in events {
                say(event);
            }
        }
        drop(said);
        let mut attempt = self.attempt;
        let ended = async move {
            (&mut attempt).await;
            Pin::new(&mut attempt).take_output().expect("it is taken once")
        };
        (self.stop, ended.boxed_local())
    }
}

/// Whether a step may begin before anything is known: it comes first, whatever
/// happens, and starts no program.
fn is_harmless(place: usize, step: &Step) -> bool {
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
    use super::is_harmless;

    fn harmless(steps: &str) -> Vec<bool> {
        let reading = crate::plan::read(&format!("name: web\nsteps:\n{steps}"));
        let plan = reading.plan.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        let steps = plan.services.0[0].1.steps.iter().enumerate();
        steps.map(|(place, step)| is_harmless(place, step)).collect()
    }

    #[test]
    fn what_starts_no_program_and_comes_first_begins_early() {
        assert_eq!(harmless("  - build: { layers: [{ from: a, to: /a }] }\n"), [true]);
        assert_eq!(harmless("  - build: { image: 'oci:a' }\n"), [true]);
        assert_eq!(harmless("  - build: .\n"), [false], "a Dockerfile may run anything");
        assert_eq!(harmless("  - build: { image: 'oci:a' }\n    if: always()\n"), [false]);
        assert_eq!(harmless("  - run: make\n  - build: { image: 'oci:a' }\n"), [false, false]);
    }
}
