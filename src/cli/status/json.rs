//! The status as JSON. Its keys are documented in `docs/operate.md` and do not change.

use super::answer::Answer;
use super::commits::Titles;
use super::survey::{ServiceStatus, Survey, TargetStatus};
use crate::cli::targets::Target;
use crate::run::perform::DeployedContainer;
use jiff::Timestamp;
use serde_json::{Value, json};

/// One document.
pub fn show(survey: &Survey, now: Timestamp) -> String {
    let services: Vec<Value> =
        survey.services.iter().map(|one| service(one, &survey.titles, now)).collect();
    let document = json!({
        "plan": survey.owner.plan,
        "environment": survey.owner.environment,
        "repository": survey.owner.repository,
        "pull-request": survey.owner.pull_request,
        "services": services,
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn service(status: &ServiceStatus, titles: &Titles, now: Timestamp) -> Value {
    json!({
        "service": status.service,
        "in-plan": status.is_in_plan,
        "deployed": status.target.is_some(),
        "well": status.is_well(now),
        "target": status.target.as_ref().map(|found| target(found, titles)),
    })
}

fn target(status: &TargetStatus, titles: &Titles) -> Value {
    let TargetStatus { resource, state, containers, urls, changed_outside } = status;
    let Target { id, tags, .. } = resource;
    json!({
        "id": id.to_string(),
        "name": id.name,
        "resource-group": id.resource_group,
        "state": state,
        "plan": tags.plan,
        "environment": tags.environment,
        "repository": tags.repository,
        "pull-request": tags.pull_request,
        "branch": tags.branch,
        "run": tags.run,
        "commit": tags.commit,
        "commit-title": titles.of(tags.commit.as_ref()),
        "commit-time": tags.commit_time,
        "dirty": tags.dirty,
        "digest": tags.digest,
        "image-tag": tags.image_tag,
        "deployed-at": tags.deployed_at().map(|time| time.to_string()),
        "expires": tags.expires,
        "verified": tags.verified,
        "changed-outside": changed_outside,
        "containers": containers.iter().map(container).collect::<Vec<_>>(),
        "urls": urls.iter().map(|(url, answer)| endpoint(url, answer)).collect::<Vec<_>>(),
    })
}

fn container(container: &DeployedContainer) -> Value {
    let health = &container.health;
    json!({
        "name": container.name,
        "image": container.image,
        "state": health.word,
        "restarts": health.restarts,
        "exit-code": health.exit_code,
        "detail": health.detail,
        "well": health.is_well,
    })
}

fn endpoint(url: &str, answer: &Answer) -> Value {
    let (status, error) = match answer {
        Answer::Status(status) => (Some(*status), None),
        Answer::Nothing(why) => (None, Some(why)),
    };
    json!({ "url": url, "status": status, "error": error, "well": answer.is_well() })
}

#[cfg(test)]
mod tests {
    use super::super::survey::testing::{now, survey};
    use super::show;

    #[test]
    fn document_has_all_that_is_known() {
        insta::assert_snapshot!(show(&survey(), now()));
    }
}
