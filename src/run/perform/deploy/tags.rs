//! The tags that mark a deployed resource as Shipway's, so that it can be found
//! again by plan, run, service, environment and pull request.

use crate::run::perform::performer::{Job, Performer};
use std::collections::BTreeMap;

/// The tags of what `job` deploys.
pub fn resource_tags(performer: &Performer, job: &Job) -> BTreeMap<String, String> {
    let Performer { facts, plan, .. } = performer;
    let mut tags = BTreeMap::from([
        ("shipway-plan".to_owned(), plan.parsed.name.value.clone()),
        ("shipway-run".to_owned(), facts.id.clone()),
        ("shipway-service".to_owned(), plan.service_name(job.service)),
    ]);
    if let Some(name) = &facts.environment_name {
        tags.insert("shipway-environment".to_owned(), name.clone());
    }
    let pull_request = plan.scope.context("pr").map(|context| context.get("number").text());
    if let Some(number) = pull_request.filter(|number| !number.is_empty()) {
        tags.insert("shipway-pull-request".to_owned(), number);
    }
    if let Some(time_to_live) = facts.expires {
        let expires = jiff::Timestamp::now() + time_to_live;
        tags.insert("shipway-expires".to_owned(), expires.to_string());
    }
    tags
}
