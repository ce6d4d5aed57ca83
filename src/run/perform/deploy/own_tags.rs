//! The tags that a deploy gives its resource.

use crate::oci::Reference;
use crate::plan::expr::Scope;
use crate::run::perform::deployed::tags::ResourceTags;
use crate::run::perform::performer::{Job, Performer};
use jiff::Timestamp;

/// The tags of what `job` deploys. `image` is the image that its first container runs,
/// `named` the one that the plan names, if it names one.
pub fn resource_tags(
    performer: &Performer,
    job: &Job,
    image: &str,
    named: Option<&str>,
) -> ResourceTags {
    let Performer { facts, plan, .. } = performer;
    let git = |name: &str| member(&plan.scope, "git", name);
    let parsed = |image: &str| image.parse::<Reference>().ok();
    let pushed_tag = || job.handover.references.first()?.tag.clone();
    let expires = facts.expires.map(|time_to_live| Timestamp::now() + time_to_live);
    ResourceTags {
        plan: plan.parsed.name.value.clone(),
        repository: facts.repository.clone(),
        run: facts.id.clone(),
        service: plan.service_name(job.service),
        environment: facts.environment_name.clone(),
        pull_request: member(&plan.scope, "pr", "number"),
        branch: git("branch"),
        commit: git("sha"),
        commit_time: git("commit-time"),
        dirty: git("dirty").is_some_and(|dirty| dirty == "true"),
        digest: parsed(image).and_then(|image| image.digest).map(|digest| digest.to_string()),
        image_tag: match named {
            Some(named) => parsed(named).and_then(|image| image.tag),
            None => pushed_tag(),
        },
        expires: expires.map(|time| time.to_string()),
        verified: false,
        lease: None,
        revisions: Vec::new(),
    }
}

fn member(scope: &Scope, context: &str, name: &str) -> Option<String> {
    scope.context(context).map(|context| context.get(name).text())
}
