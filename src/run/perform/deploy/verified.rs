//! Records on a target that what it runs was verified, so that a later rollback from
//! any machine knows which versions are good.

use super::holding::{give_up, is_followed_by_check};
use super::live;
use crate::journal::{Deployed, RunId};
use crate::plan::AskedDeploy;
use crate::plan::expr::Value;
use crate::plan::schema::{Service, Verify};
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags, VERIFIED};
use crate::run::perform::performer::{Job, Performer};

/// Records what a `verify` that passed says of the deploys that it asks.
pub async fn record_checked(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
    last: Option<&Deployed>,
) -> Result<(), StepError> {
    let service = performer.plan.service(job.service);
    match AskedDeploy::of(service, verify) {
        AskedDeploy::Last | AskedDeploy::Unknown => {
            let Some(deployed) = last else { return Ok(()) };
            let id = deploy_of(service, job, deployed).unwrap_or_default();
            record(performer, job, &id, deployed, true).await
        }
        AskedDeploy::Named(ids) => {
            for id in ids {
                let Some(target) = target_of(job, &id) else { continue };
                let is_last = last.is_some_and(|last| last.target.as_str() == target);
                let run = last.and_then(|last| last.run.clone());
                let deployed = Deployed { target: target.into(), run, ..Deployed::default() };
                record(performer, job, &id, &deployed, is_last).await?;
            }
            Ok(())
        }
    }
}

/// The resource that a deploy of the service has deployed.
fn target_of(job: &Job, deploy: &str) -> Option<String> {
    let outputs = job.scope.context("steps").map(|steps| steps.get(deploy).get("outputs"));
    let target = outputs.map(|outputs: Value| outputs.get("resource-id").text());
    target.filter(|target| !target.is_empty())
}

/// The id of the deploy of the service that has deployed this.
fn deploy_of(service: &Service, job: &Job, deployed: &Deployed) -> Option<String> {
    let mut deploys = service.deploys().map(|(_, id)| id);
    let found = deploys.find(|id| target_of(job, id).as_deref() == Some(deployed.target.as_str()));
    found.map(str::to_owned)
}

/// Records that what a deploy has deployed was verified, if no later `verify` of the plan
/// asks it, be it left out by an option or by its `if`. `is_last` says that the service
/// has deployed nothing since.
async fn record(
    performer: &Performer,
    job: &Job,
    id: &str,
    deployed: &Deployed,
    is_last: bool,
) -> Result<(), StepError> {
    let service = performer.plan.service(job.service);
    let next = service.deploys().find(|(place, _)| *place > job.place);
    let mut later = service.checks().filter(|(place, _)| *place > job.place);
    let is_asked_again = later.any(|(place, asked)| {
        asked.is_of(id, is_last && next.is_none_or(|(next, _)| place < next))
    });
    if !is_asked_again {
        return record_verified(performer, job, deployed).await;
    }
    let is_own = deployed.run.as_ref() == Some(&performer.facts.id);
    if is_own && !is_followed_by_check(performer, job) {
        // A lease that is not given up ends by itself.
        give_up(performer, &deployed.target).await.ok();
    }
    Ok(())
}

/// Records that what was deployed is good, and ends the run's lease. What cannot be
/// recorded makes no check fail. Fails where another run has deployed since, since what
/// was checked may have been its version, and where a container that the checks do not
/// ask does not stay up.
pub async fn record_verified(
    performer: &Performer,
    job: &Job,
    deployed: &Deployed,
) -> Result<(), StepError> {
    let (mut by_another, mut broken) = (None, None);
    let recorded = live::change_tags(performer, &deployed.target, |live, tags| {
        let Some(found) = ResourceTags::read(tags) else { return false };
        if deployed.run.as_ref().is_some_and(|run| *run != found.run) {
            by_another = Some(found.run);
            return false;
        }
        if live::is_broken(performer, live) {
            broken = Some(live.clone());
            return false;
        }
        let own = Some(performer.facts.id.as_str());
        let is_leased = found.lease.is_some_and(|lease| !lease.holds_against(own));
        if is_leased {
            tags.retain(|name, _| !name.eq_ignore_ascii_case(LEASE));
        }
        tags.insert(VERIFIED.to_owned(), "true".to_owned());
        is_leased || !found.verified
    })
    .await;
    if let Err(error) = recorded {
        let why = error.failure.chain.join(": ");
        job.warn(format!("a later rollback will not know that this was verified: {why}"));
    }
    if let Some(live) = broken {
        live::broken(performer, &live).await?;
    }
    match by_another {
        Some(run) => Err(superseded(&live::name_of(&deployed.target), &run)),
        None => Ok(()),
    }
}

/// The error where another run has deployed in the meantime. `by` is its id.
fn superseded(name: &str, by: &str) -> StepError {
    let when = RunId::existing(by).began().map(|began| format!(", which began at {began},"));
    StepError::new(format!(
        "{name} was deployed by run {by}{} before this run had checked it",
        when.unwrap_or_default()
    ))
    .help("look at that run; what was checked here may have been its version")
}

#[cfg(test)]
mod tests {
    use super::record_verified;
    use crate::azure::container_instances::Patience;
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::journal::Deployed;
    use crate::run::perform::AzureClients;
    use crate::run::perform::test_support::{job, performer};
    use serde_json::json;

    const PLAN: &str = "\
name: web
azure: { resource-group: demo }
steps:
  - verify: https://example.com
";
    const GROUP: &str = "/subscriptions/s/resourceGroups/demo/providers/\
                         Microsoft.ContainerInstance/containerGroups/web";

    /// What becomes of a check of what run `a` deployed, if run `now` is the last that
    /// deployed, and the bodies of the requests that change something.
    async fn checked(now: &str) -> (Result<(), String>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut performer = performer(PLAN, folder.path()).await;
        let group = json!({
            "id": GROUP, "name": "web", "properties": {},
            "tags": {
                "shipway-plan": "web", "shipway-service": "web", "shipway-run": now,
                "Shipway-Lease": "a until 2200-01-01T00:00:00Z", "team": "shop",
            },
        });
        let url = format!("management.azure.com{GROUP}");
        let fake = FakeAzure::script(vec![
            (&format!("GET {url}"), vec![Reply::json(200, &group)]),
            (&format!("PATCH {url}"), vec![Reply::json(200, &group)]),
        ])
        .await;
        performer.services.clients.azure =
            AzureClients::over(fake.arm(), Patience::default(), None);
        performer.facts.id = "a".to_owned();
        let (job, _) = job(&performer);
        let target = GROUP.to_owned().into();
        let deployed = Deployed { target, run: Some("a".to_owned()), ..Deployed::default() };

        let checked = record_verified(&performer, &job, &deployed).await;

        let changes = fake.requests().into_iter().filter(|asked| asked.method == "PATCH");
        let bodies = changes.map(|asked| asked.body).collect();
        (checked.map_err(|error| error.failure.chain.join("\n")), bodies)
    }

    #[tokio::test]
    async fn success_of_the_last_check_ends_the_lease() {
        let (checked, changes) = checked("a").await;
        assert_eq!(checked, Ok(()));
        let tags = r#"{"tags":{"shipway-plan":"web","shipway-run":"a","shipway-service":"web","shipway-verified":"true","team":"shop"}}"#;
        assert_eq!(changes, [tags]);
    }

    #[tokio::test]
    async fn check_fails_if_another_run_has_deployed_since() {
        let (checked, changes) = checked("01kdt4eyg0000000000000000a").await;
        assert_eq!(
            checked,
            Err("container group `web` was deployed by run 01kdt4eyg0000000000000000a, which \
                 began at 2025-12-31T12:00:00Z, before this run had checked it"
                .to_owned())
        );
        assert_eq!(changes, Vec::<String>::new());
    }
}
