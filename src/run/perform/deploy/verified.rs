//! Records on a target that what it runs was verified, so that a later rollback from
//! any machine knows which versions are good.

use super::holding::{give_up, is_followed_by_check};
use super::live::{self, LiveResource};
use crate::event::EventKind;
use crate::journal::{Deployed, RunId, TargetId};
use crate::plan::AskedDeploy;
use crate::plan::expr::Value;
use crate::plan::schema::{Action, Service, Verify};
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::{LEASE, ResourceTags, VERIFIED};
use crate::run::perform::performer::{Job, Performer};
use crate::run::perform::retry::{FailedAttempt, Retries};
use std::sync::Arc;

/// A deploy of the service that a `verify` asks.
struct AskedTarget {
    /// The id of its step.
    id: String,
    deployed: Deployed,
    /// Whether the service has deployed nothing since.
    is_last: bool,
}

/// Records what a `verify` that passed says of the deploys that it asks. Unless another
/// `verify` is sure to run, everything that the service has deployed must run still.
pub async fn record_checked(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
    last: Option<&Deployed>,
) -> Result<(), StepError> {
    let asked = asked_targets(performer, verify, job, last);
    let (asked_again, good): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|asked| is_asked_again(performer, job, asked));
    if !is_surely_checked_again(performer, job) {
        let mut others = all_targets(performer, job, last);
        // These are read when their success is recorded.
        others.retain(|other| good.iter().all(|good| good.deployed.target != *other));
        for other in others {
            live::require_running(performer, &other).await?;
        }
    }
    for good in &good {
        record_verified(performer, job, &good.deployed).await?;
    }
    for AskedTarget { deployed, .. } in &asked_again {
        let is_own = deployed.run.as_ref() == Some(&performer.facts.id);
        if is_own && !is_followed_by_check(performer, job) {
            // A lease that is not given up ends by itself.
            give_up(performer, &deployed.target).await.ok();
        }
    }
    Ok(())
}

fn asked_targets(
    performer: &Performer,
    verify: &Verify,
    job: &Job,
    last: Option<&Deployed>,
) -> Vec<AskedTarget> {
    let service = performer.plan.service(job.service);
    match AskedDeploy::of(service, verify) {
        AskedDeploy::Last | AskedDeploy::Unknown => {
            let of = |deployed: &Deployed| AskedTarget {
                id: deploy_of(service, job, deployed).unwrap_or_default(),
                deployed: deployed.clone(),
                is_last: true,
            };
            last.map(of).into_iter().collect()
        }
        AskedDeploy::Named(ids) => {
            let of = |id: String| {
                let target = target_of(job, &id)?;
                let is_last = last.is_some_and(|last| last.target.as_str() == target);
                let run = last.and_then(|last| last.run.clone());
                let deployed = Deployed { target: target.into(), run, ..Deployed::default() };
                Some(AskedTarget { id, deployed, is_last })
            };
            ids.into_iter().filter_map(of).collect()
        }
    }
}

/// What the service has deployed so far, each resource once.
fn all_targets(performer: &Performer, job: &Job, last: Option<&Deployed>) -> Vec<TargetId> {
    let deploys = performer.plan.service(job.service).deploys();
    let earlier = deploys.filter(|(place, _)| *place < job.place);
    let mut found: Vec<TargetId> =
        earlier.filter_map(|(_, id)| target_of(job, id)).map(TargetId::from).collect();
    found.extend(last.map(|last| last.target.clone()));
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a later `verify` of the service runs if nothing fails, and fails the service if
/// it does not pass. Of one with an `if`, only the run tells.
fn is_surely_checked_again(performer: &Performer, job: &Job) -> bool {
    performer.plan.later_steps(job.service, job.place).any(|(is_chosen, step)| {
        is_chosen
            && matches!(step.action, Action::Verify(_))
            && step.condition.is_none()
            && step.continue_on_error.text.as_literal() == Some("false")
    })
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

/// Whether a later `verify` of the plan asks the same, be it left out by an option or by its
/// `if`: then what was deployed is not verified yet.
fn is_asked_again(performer: &Performer, job: &Job, asked: &AskedTarget) -> bool {
    let service = performer.plan.service(job.service);
    let next = service.deploys().find(|(place, _)| *place > job.place);
    let mut later = service.checks().filter(|(place, _)| *place > job.place);
    later.any(|(place, check)| {
        check.is_of(&asked.id, asked.is_last && next.is_none_or(|(next, _)| place < next))
    })
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
    let (say, step) = (job.say.clone(), job.id.clone());
    let retries = Retries::new(Arc::new(move |failed: &FailedAttempt<'_>| {
        say.event(EventKind::Noted { step: step.clone(), message: failed.to_string() });
    }));
    match retries.run(|| record(performer, deployed)).await {
        Ok(Recorded::Done) => Ok(()),
        Ok(Recorded::ByAnother(run)) => Err(superseded(&live::name_of(&deployed.target), &run)),
        Ok(Recorded::Broken(found)) => live::broken(performer, &found).await,
        Err(error) => {
            let why = error.failure.chain.join(": ");
            job.warn(format!("a later rollback will not know that this was verified: {why}"));
            Ok(())
        }
    }
}

/// What was found when it was to be recorded that a check passed.
enum Recorded {
    Done,
    /// Nothing: this run has deployed since.
    ByAnother(String),
    /// Nothing: a container of it does not stay up.
    Broken(Box<LiveResource>),
}

async fn record(performer: &Performer, deployed: &Deployed) -> Result<Recorded, StepError> {
    let mut recorded = Recorded::Done;
    live::change_tags(performer, &deployed.target, |live, tags| {
        let Some(found) = ResourceTags::read(tags) else { return false };
        if deployed.run.as_ref().is_some_and(|run| *run != found.run) {
            recorded = Recorded::ByAnother(found.run);
            return false;
        }
        if live::is_broken(performer, live) {
            recorded = Recorded::Broken(Box::new(live.clone()));
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
    .await?;
    Ok(recorded)
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
    use super::{record_checked, record_verified};
    use crate::azure::container_instances::Patience;
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::journal::Deployed;
    use crate::plan::expr::Object;
    use crate::plan::schema::Action;
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

    /// Two groups, of which the second is the last that the service deployed.
    const PAIR: &str = "\
name: web
azure: { resource-group: demo }
steps:
  - { id: blue, deploy: { image: 'a.io/b:v1', aci: { name: blue } } }
  - { id: green, deploy: { image: 'a.io/b:v1', aci: { name: green } } }
  - verify: https://example.com
";
    const PAIRS: &str = "\
/subscriptions/s/resourceGroups/demo/providers/Microsoft.ContainerInstance/containerGroups";

    /// What becomes of the first `verify` if a container of `blue` has ended with an error,
    /// and the groups that were read. `later` are the steps after it, all chosen.
    async fn checked_beside_a_crash(later: &str) -> (Result<(), String>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut performer = performer(&format!("{PAIR}{later}"), folder.path()).await;
        let group = |name: &str, code: i64| {
            let state = json!({ "state": "Terminated", "exitCode": code });
            let view = json!({ "restartCount": 0, "currentState": state });
            json!({
                "id": format!("{PAIRS}/{name}"), "name": name,
                "tags": {
                    "shipway-plan": "web", "shipway-service": "web", "shipway-run": "a",
                    "shipway-verified": "true",
                },
                "properties": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "queue", "properties": { "instanceView": view } }],
                },
            })
        };
        let url = |name: &str| format!("GET management.azure.com{PAIRS}/{name}");
        let log = format!("{}/containers/queue/logs", url("blue"));
        let fake = FakeAzure::script(vec![
            (&url("blue"), vec![Reply::json(200, &group("blue", 1))]),
            (&url("green"), vec![Reply::json(200, &group("green", 0))]),
            (&log, vec![Reply::json(200, &json!({ "content": "full" }))]),
        ])
        .await;
        performer.services.clients.azure =
            AzureClients::over(fake.arm(), Patience::default(), None);
        performer.facts.id = "a".to_owned();
        let steps = performer.plan.service(0).steps.len();
        performer.plan.chosen = (0..steps).map(|place| (0, place)).collect();
        let (mut job, _) = job(&performer);
        job.place = 2;
        let mut steps = Object::default();
        for name in ["blue", "green"] {
            let outputs = Object::default().with("resource-id", format!("{PAIRS}/{name}"));
            steps.set(name, Object::default().with("outputs", outputs));
        }
        job.scope = job.scope.clone().with("steps", steps);
        let target = format!("{PAIRS}/green").into();
        let last = Deployed { target, run: Some("a".to_owned()), ..Deployed::default() };
        let Action::Verify(verify) = &performer.plan.step(0, 2).action else { panic!("a verify") };

        let checked = record_checked(&performer, verify, &job, Some(&last)).await;

        let groups = fake.requests().into_iter().filter_map(|asked| {
            let path = asked.to.split('?').next().unwrap_or_default().to_owned();
            path.split_once("/containerGroups/").map(|(_, name)| name.to_owned())
        });
        let groups: Vec<String> = groups.collect();
        (checked.map_err(|error| error.failure.chain.join("\n")), groups)
    }

    #[tokio::test]
    async fn last_check_reads_every_group_that_the_service_deployed() {
        let crash = "the service answers, but container `queue` of container group `blue` does \
                     not stay up: it ended with exit code 1";
        let (checked, groups) = checked_beside_a_crash("").await;
        assert_eq!(checked, Err(crash.to_owned()));
        assert_eq!(groups, ["blue", "blue/containers/queue/logs"]);

        // Whether these run, or what their failure means, is not known yet.
        for later in [
            "  - { id: again, if: \"steps.blue.outcome == 'x'\", verify: 'https://example.com/' }\n",
            "  - { id: again, continue-on-error: true, verify: 'https://example.com/' }\n",
        ] {
            let (checked, _) = checked_beside_a_crash(later).await;
            assert_eq!(checked, Err(crash.to_owned()), "{later}");
        }
    }

    #[tokio::test]
    async fn check_before_one_that_is_sure_to_run_reads_nothing_more() {
        let (checked, groups) =
            checked_beside_a_crash("  - { id: again, verify: 'https://example.com/' }\n").await;
        assert_eq!(checked, Ok(()));
        assert_eq!(groups, Vec::<String>::new());
    }
}
