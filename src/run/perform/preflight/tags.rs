//! Which `tag` steps name what is pushed, and what is deployed.
//!
//! A `push` sends the image under the references of the last `tag` before it, and a build
//! begins anew. Steps before those that were chosen count, too: an earlier run has made
//! them. Where a condition is known only to the run, several steps may be the one.

use super::Preflight;
use crate::plan::schema::{Action, Tag};

/// The `tag` steps of a service that may name its image at one of its steps.
#[derive(Default)]
struct Tags<'p> {
    /// Of which one names what a push would send.
    tagged: Vec<&'p Tag>,
    /// Of which one names what was pushed.
    pushed: Vec<&'p Tag>,
}

impl<'p> Tags<'p> {
    /// Goes on past a step that may run, or certainly runs.
    fn pass(&mut self, action: &'p Action, is_certain: bool) {
        match action {
            Action::Build(_) if is_certain => *self = Self::default(),
            Action::Tag(tag) => {
                if is_certain {
                    *self = Self::default();
                }
                self.tagged.push(tag);
            }
            Action::Push(_) => {
                if is_certain {
                    self.pushed.clear();
                }
                self.pushed.extend(&self.tagged);
            }
            Action::Build(_) | Action::Deploy(_) | Action::Verify(_) | Action::Run(_) => {}
        }
    }
}

impl Preflight<'_> {
    /// The `tag` steps whose references the chosen pushes send.
    pub(super) fn pushed_tags(&self) -> Vec<&Tag> {
        let pushes = self.may_run().filter(|(_, _, step)| matches!(step.action, Action::Push(_)));
        let tags = pushes.flat_map(|(service, place, _)| self.tags_before(service, place).tagged);
        tags.collect()
    }

    /// The `tag` steps of which one names the image that the service has pushed when its
    /// step at `place` begins.
    pub(super) fn tags_of_image(&self, service: usize, place: usize) -> Vec<&Tag> {
        self.tags_before(service, place).pushed
    }

    fn tags_before(&self, service: usize, place: usize) -> Tags<'_> {
        let mut tags = Tags::default();
        for step in self.performer.plan.service(service).steps.iter().take(place) {
            match self.holds(step.condition.as_ref()) {
                Some(false) => {}
                holds => tags.pass(&step.action, holds == Some(true)),
            }
        }
        tags
    }
}
