//! Layers go up while others are still being packed, or taken in, where nothing
//! stands between the build and the push.

use crate::image::Store;
use crate::oci::{Descriptor, Reference};
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, Step};
use crate::registry::{self, Blob, BlobSource};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::tag;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A smaller blob is sent as fast by the push itself.
const WORTH: u64 = 1 << 20;

/// The attempt of a build, and where what it makes may go ahead to.
pub(in crate::run::perform) struct Outbound<'a> {
    pub(in crate::run::perform) job: &'a Job,
    pub(in crate::run::perform) ahead: Option<registry::Ahead>,
}

/// What is on its way, by the place of the service.
#[derive(Default)]
pub struct Underway(Mutex<BTreeMap<usize, registry::Ahead>>);

impl Underway {
    /// What a build of the service has sent on its way.
    pub(in crate::run::perform) fn keep(&self, service: usize, ahead: registry::Ahead) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service, ahead);
    }

    /// Ends it where it is: nothing is going to be pushed.
    pub fn drop_of(&self, service: usize) {
        drop(self.take(service));
    }

    /// It, for the push.
    pub(in crate::run::perform) fn take(&self, service: usize) -> Option<registry::Ahead> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&service)
    }
}

/// Makes ready to send what a build makes to where it is going to be pushed.
/// Nothing goes ahead of a step that may yet decide that it is not pushed, of a
/// build that is made whatever happened before, or to a registry that is to be
/// created.
pub(in crate::run::perform) fn begin(performer: &Performer, job: &Job) -> Option<registry::Ahead> {
    let build = performer.step(job.service, job.place);
    let later = performer.later_steps(job.service, job.place);
    let targets = targets(build, later, &job.scope)?;
    let created = |target: &Reference| performer.is_created(&target.host);
    let cleared = Arc::clone(&performer.cleared);
    (!targets.iter().any(created)).then(|| performer.clients.registry.ahead(&targets, cleared))
}

/// What the push is going to name the image, where it is certain to come next.
fn targets<'a>(
    build: &Step,
    later: impl Iterator<Item = (bool, &'a Step)>,
    scope: &Scope,
) -> Option<Vec<Reference>> {
    if build.condition.is_some() {
        return None;
    }
    let mut references = None;
    for (chosen, step) in later {
        if !chosen || step.condition.is_some() {
            return None;
        }
        match &step.action {
            Action::Tag(tag) => references = Some(tag::references(tag, scope).ok()?),
            Action::Push(push) if push.image.is_none() => return references,
            _ => return None,
        }
    }
    None
}

/// Sends a blob that is in the store on its way, where there is one.
pub(in crate::run::perform) fn send(
    ahead: Option<&registry::Ahead>,
    store: &Store,
    blob: &Descriptor,
) {
    if let Some(ahead) = ahead.filter(|_| blob.size >= WORTH)
        && let Ok(path) = store.locate(blob)
    {
        ahead.send(Blob { descriptor: blob.clone(), source: BlobSource::File(path) });
    }
}

#[cfg(test)]
mod tests {
    use super::targets;
    use crate::plan::expr::Scope;
    use crate::secret::Redactor;

    /// Where what the first step builds goes ahead to, of steps up to `chosen`.
    fn named(steps: &str, chosen: usize) -> Option<String> {
        let text =
            format!("name: web\nsteps:\n  - build: {{ layers: [{{ from: a, to: /a }}] }}\n{steps}");
        let reading = crate::plan::read(&text);
        let plan = reading.plan.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        let (build, later) = plan.services.0[0].1.steps.split_first().expect("steps");
        let later = (1..).zip(later);
        let scope = Scope::new(Redactor::default());
        let targets = targets(build, later.map(|(place, step)| (place < chosen, step)), &scope)?;
        let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
        Some(names.join(" "))
    }

    #[test]
    fn layers_go_ahead_where_the_push_is_certain_to_come_next() {
        let tag = "  - tag: localhost:5000/web:one\n";
        let push = "  - push:\n";
        let both = format!("{tag}{push}");
        let later = "  - tag: { image: localhost:5000/api, tags: [a, b] }\n";

        assert_eq!(named(&both, 9).as_deref(), Some("localhost:5000/web:one"));
        assert_eq!(
            named(&format!("{tag}{later}{push}"), 9).as_deref(),
            Some("localhost:5000/api:a localhost:5000/api:b")
        );
        assert_eq!(named(&both, 2), None, "the push is not to be run");
        assert_eq!(named(tag, 9), None, "there is no push");
        for between in [
            format!("    if: always()\n{both}"),
            format!("{tag}  - run: ./test\n{push}"),
            format!("{tag}  - push:\n    if: success()\n"),
            format!("  - tag: localhost:5000/web:one\n    if: success()\n{push}"),
            format!("{tag}  - push: {{ image: localhost:5000/other:one }}\n"),
            format!("  - tag: localhost:5000/${{{{ steps.build.outputs.image-id }}}}\n{push}"),
        ] {
            assert_eq!(named(&between, 9), None, "{between}");
        }
    }
}
