//! Uploads layers while others are still being packed or imported, where it is
//! certain that a push follows the build.

use super::performer::{Job, Performer};
use super::references::references;
use crate::image::Store;
use crate::oci::{Descriptor, Reference};
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, Step};
use crate::registry::{self, Blob, BlobSource};
use std::sync::Arc;

/// A smaller blob is not uploaded early: the push sends it just as fast.
const MIN_EARLY_UPLOAD_BYTES: u64 = 1 << 20;

/// The attempt of a build, and the upload that takes its layers, if any.
pub struct BuildJob<'a> {
    pub job: &'a Job,
    pub upload: Option<registry::EarlyUploads>,
}

/// Prepares the upload of a build's layers to where they are going to be pushed.
/// `None` where a later step may still prevent the push, where the build has a
/// condition, or where a registry is still to be created.
pub fn begin(performer: &Performer, job: &Job) -> Option<registry::EarlyUploads> {
    let Performer { services, plan, .. } = performer;
    let build = plan.step(job.service, job.place);
    let later = plan.later_steps(job.service, job.place);
    let targets = targets(build, later, &job.scope)?;
    if targets.iter().any(|target: &Reference| plan.creates_registry(&target.host)) {
        return None;
    }
    let allowed = Arc::clone(&services.uploads_allowed);
    Some(services.clients.registry.early_uploads(&targets, allowed))
}

/// The references that the push is going to use, if it is certain to follow.
fn targets<'a>(
    build: &Step,
    later: impl Iterator<Item = (bool, &'a Step)>,
    scope: &Scope,
) -> Option<Vec<Reference>> {
    if build.condition.is_some() {
        return None;
    }
    let mut tagged = None;
    for (chosen, step) in later {
        if !chosen || step.condition.is_some() {
            return None;
        }
        match &step.action {
            Action::Tag(tag) => tagged = Some(references(tag, scope).ok()?),
            Action::Push(push) if push.image.is_none() => return tagged,
            _ => return None,
        }
    }
    None
}

/// Begins to upload a blob of the store, unless it is small.
pub fn send(upload: Option<&registry::EarlyUploads>, store: &Store, blob: &Descriptor) {
    if let Some(upload) = upload.filter(|_| blob.size >= MIN_EARLY_UPLOAD_BYTES)
        && let Ok(path) = store.locate(blob)
    {
        upload.send(&Blob { descriptor: blob.clone(), source: BlobSource::File(path) });
    }
}

#[cfg(test)]
mod tests {
    use super::targets;
    use crate::plan::expr::Scope;
    use crate::secret::Redactor;

    /// The references that a build followed by `steps` uploads to, where the
    /// steps before index `chosen` are run.
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
    fn layers_are_uploaded_early_where_a_push_is_certain_to_follow() {
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
