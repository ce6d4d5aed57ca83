//! Asks Azure for the targets and their containers, and each URL for an answer.

use super::answer::Answer;
use super::commits::Titles;
use crate::cli::session::PlanSession;
use crate::cli::targets::{Owner, Target, Targets};
use crate::http;
use crate::plan::schema::{Action, Plan, Probe};
use crate::run::outcome::{StepError, chain_of};
use crate::run::perform::{DeployedContainer, ResourceTags};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::time::Duration;

/// Targets that are read at the same time.
const MAX_PARALLEL_READS: usize = 16;

/// How long a URL may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Which targets are shown.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Those of these services in the chosen environment; of all services if empty.
    Environment(&'a [String]),
    /// Those of all plans of the repository.
    Repository,
}

#[derive(Debug)]
pub struct Survey {
    pub owner: Owner,
    /// Whether targets of several plans and environments are shown.
    pub is_of_repository: bool,
    pub services: Vec<ServiceStatus>,
    pub titles: Titles,
}

/// A service, with one of its targets if it has any.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    pub service: String,
    /// Whether the plan deploys a service of this name. Not asked of all plans of the
    /// repository.
    pub is_in_plan: bool,
    pub target: Option<TargetStatus>,
}

#[derive(Clone, Debug)]
pub struct TargetStatus {
    pub resource: Target,
    /// The state in the cloud's word.
    pub state: String,
    pub containers: Vec<DeployedContainer>,
    pub urls: Vec<(String, Answer)>,
    /// Whether it is no longer as its last deploy put it; `None` if that is not known.
    pub changed_outside: Option<bool>,
}

impl ServiceStatus {
    /// Whether it is deployed, verified, runs, answers, has not expired, and is as it was
    /// deployed.
    pub fn is_well(&self, now: Timestamp) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_well(now))
    }
}

impl TargetStatus {
    fn is_well(&self, now: Timestamp) -> bool {
        let expired = self.resource.tags.expires_at().is_some_and(|expires| expires <= now);
        !expired
            && self.resource.tags.verified
            && self.changed_outside != Some(true)
            && self.containers.iter().all(|container| container.health.is_well)
            && self.urls.iter().all(|(_, answer)| answer.is_well())
    }
}

pub async fn survey(
    targets: &Targets<'_>,
    http: &http::Client,
    scope: Scope<'_>,
) -> Result<Survey, StepError> {
    let mut found = match scope {
        Scope::Environment(_) => targets.of_environment().await?,
        Scope::Repository => targets.of_repository().await?,
    };
    let wanted = match scope {
        Scope::Environment(services) if !services.is_empty() => services,
        _ => &[],
    };
    found.retain(|target| wanted.is_empty() || wanted.contains(&target.tags.service));
    let reads = found.into_iter().map(|target| read(targets, http, target));
    let read: Vec<Option<TargetStatus>> =
        futures::stream::iter(reads).buffered(MAX_PARALLEL_READS).try_collect().await?;
    let read: Vec<TargetStatus> = read.into_iter().flatten().collect();
    let commits = read.iter().filter_map(|target| target.resource.tags.commit.as_ref());
    let titles = Titles::read(&targets.session.host, commits);
    let services = match scope {
        Scope::Repository => of_repository(read),
        Scope::Environment(_) => of_plan(&targets.session.plan, wanted, read),
    };
    Ok(Survey {
        owner: targets.owner(),
        is_of_repository: matches!(scope, Scope::Repository),
        services,
        titles,
    })
}

fn of_repository(read: Vec<TargetStatus>) -> Vec<ServiceStatus> {
    let status = |target: TargetStatus| ServiceStatus {
        service: target.resource.tags.service.clone(),
        is_in_plan: true,
        target: Some(target),
    };
    let mut services: Vec<ServiceStatus> = read.into_iter().map(status).collect();
    services.sort_by_key(|service| {
        let target = service.target.as_ref();
        let tags = target.map(|found| found.resource.tags.clone()).unwrap_or_default();
        (tags.plan, tags.environment, tags.pull_request, tags.service)
    });
    services
}

/// The services that deploy, in the order of the plan, and what else was found.
fn of_plan(plan: &Plan, wanted: &[String], mut read: Vec<TargetStatus>) -> Vec<ServiceStatus> {
    let mut services = Vec::new();
    for (name, service) in plan.services.iter() {
        let deploys = service.steps.iter().any(|step| step.action.azure_deploy().is_some());
        if !deploys || !(wanted.is_empty() || wanted.contains(&name.value)) {
            continue;
        }
        let (own, others): (Vec<_>, Vec<_>) =
            read.into_iter().partition(|found| found.resource.tags.service == name.value);
        read = others;
        let status =
            |target| ServiceStatus { service: name.value.clone(), is_in_plan: true, target };
        if own.is_empty() {
            services.push(status(None));
        }
        services.extend(own.into_iter().map(|target| status(Some(target))));
    }
    services.extend(read.into_iter().map(|target| ServiceStatus {
        service: target.resource.tags.service.clone(),
        is_in_plan: false,
        target: Some(target),
    }));
    services
}

/// The state of a target; `None` if it was deleted meanwhile.
async fn read(
    targets: &Targets<'_>,
    http: &http::Client,
    target: Target,
) -> Result<Option<TargetStatus>, StepError> {
    let Some(found) = targets.read(&target).await? else { return Ok(None) };
    let path = checked_path(targets.session, &target.tags);
    let urls: Vec<String> = found
        .urls
        .into_iter()
        .map(|url| path.as_ref().map_or(url.clone(), |path| below(&url, path)))
        .collect();
    let answers = futures::future::join_all(urls.iter().map(|url| ask(http, url))).await;
    Ok(Some(TargetStatus {
        resource: target,
        state: found.state,
        containers: found.containers,
        changed_outside: found.changed_outside,
        urls: urls.into_iter().zip(answers).collect(),
    }))
}

/// The path that the first `verify` of the service asks, where the plan says it plainly.
fn checked_path(session: &PlanSession, tags: &ResourceTags) -> Option<String> {
    if tags.plan != session.plan.name.value {
        return None;
    }
    let service = session.plan.services.get(&tags.service)?;
    let addresses = service.steps.iter().find_map(|step| match &step.action {
        Action::Verify(verify) => match &verify.probe {
            Probe::Http(addresses) => Some(addresses),
            Probe::Tcp(_) | Probe::Exit(_) => None,
        },
        Action::Build(_)
        | Action::Tag(_)
        | Action::Push(_)
        | Action::Deploy(_)
        | Action::Run(_) => None,
    });
    let first = addresses?.first().filter(|text| text.is_known_early())?;
    let path = first.render(&session.scope).ok()?.plain()?.to_owned();
    (path.starts_with('/') && path != "/").then_some(path)
}

fn below(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

async fn ask(http: &http::Client, url: &str) -> Answer {
    let request = http.direct().get(url).timeout(ANSWER_TIMEOUT);
    match http.send(request).await {
        Ok(response) => Answer::Status(response.status().as_u16()),
        Err(error) => Answer::Nothing(chain_of(&error).join(": ")),
    }
}

/// A survey with services in different states, for the tests of how it is shown.
#[cfg(test)]
pub mod testing {
    use super::{ServiceStatus, Survey, TargetStatus};
    use crate::cli::status::answer::Answer;
    use crate::cli::status::commits::Titles;
    use crate::cli::targets::{Owner, Target};
    use crate::run::perform::deployed_testing::{Health, JOB_FILE, container};
    use crate::run::perform::{DeployedContainer, ResourceId, ResourceTags};
    use jiff::Timestamp;

    pub fn now() -> Timestamp {
        "2025-12-31T15:00:00Z".parse().expect("a time")
    }

    /// A container that ended four times, and is about to be started again.
    fn crashing(name: &str, image: &str) -> DeployedContainer {
        let detail = "CrashLoopBackOff".into();
        let health = Health { exit_code: Some(137), detail, ..Health::new("restarting", 4) };
        DeployedContainer { health, is_running: false, ..container(name, image) }
    }

    fn target(name: &str, containers: Vec<DeployedContainer>) -> TargetStatus {
        let target = format!(
            "/subscriptions/0/resourceGroups/demo/providers/\
             Microsoft.ContainerInstance/containerGroups/{name}"
        );
        let id =
            ResourceId { resource_group: "demo".into(), name: name.into(), target: target.into() };
        let tags = ResourceTags {
            plan: "shop".into(),
            service: "web".into(),
            // Of 2025-12-31T12:00:00Z.
            run: "01kdt4eyg0000000000000000a".into(),
            environment: Some("preview".into()),
            repository: Some("octo/shop".into()),
            pull_request: Some("7".into()),
            branch: Some("topic".into()),
            commit: Some("7c09f310000000000000000000000000000beef0".into()),
            commit_time: Some("2025-12-31T11:00:00Z".into()),
            dirty: false,
            digest: Some(format!("sha256:{}", "9b".repeat(32))),
            image_tag: Some("7c09f31".into()),
            expires: Some("2026-01-02T12:00:00Z".into()),
            verified: true,
            lease: None,
            revisions: Vec::new(),
        };
        TargetStatus {
            resource: Target { id, kind: &JOB_FILE, tags },
            state: "Running".into(),
            containers,
            urls: vec![(
                format!("http://{name}.westeurope.azurecontainer.io"),
                Answer::Status(200),
            )],
            changed_outside: Some(false),
        }
    }

    pub fn survey() -> Survey {
        let image = format!("demo.azurecr.io/team/web@sha256:{}", "9b".repeat(32));
        let web = target(
            "shop-pr-7",
            vec![container("shop-pr-7", &image), crashing("proxy", "nginx:1.27")],
        );
        let mut api = target("shop-api", vec![container("shop-api", &image)]);
        api.resource.tags.dirty = true;
        api.resource.tags.expires = Some("2025-12-31T14:00:00Z".into());
        api.changed_outside = Some(true);
        api.urls[0].1 = Answer::Nothing("connection refused".into());
        let mut old = target("shop-old", vec![container("shop-old", "demo.azurecr.io/old:v1")]);
        old.resource.tags =
            ResourceTags { plan: "shop".into(), service: "old".into(), ..ResourceTags::default() };
        old.changed_outside = None;
        old.urls.clear();
        let status = |service: &str, target: Option<TargetStatus>, is_in_plan| ServiceStatus {
            service: service.into(),
            is_in_plan,
            target,
        };
        Survey {
            owner: Owner {
                plan: "shop".into(),
                environment: Some("preview".into()),
                repository: Some("octo/shop".into()),
                pull_request: Some("7".into()),
            },
            is_of_repository: false,
            titles: Titles::default(),
            services: vec![
                status("web", Some(web), true),
                status("api", Some(api), true),
                status("worker", None, true),
                status("old", Some(old), false),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, survey};
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::cli::session::testing::{session, tags};
    use crate::cli::status::table;
    use crate::cli::targets::Targets;
    use crate::http;
    use crate::run::perform::deployed_testing::{JobFiles, azure_clients, job_file};
    use serde_json::json;

    #[tokio::test]
    async fn resources_of_another_kind_are_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let list = "GET management.azure.com/subscriptions/s/resourceGroups/demo/providers/\
                    Microsoft.ContainerInstance/containerGroups";
        let empty = Reply::json(200, &json!({ "value": [] }));
        let fake = FakeAzure::script(vec![(list, vec![empty])]).await;
        let files =
            JobFiles::of(vec![job_file("jobs", Some(tags("shop")), &["demo.azurecr.io/web:v1"])]);
        let targets = Targets { session: &session, clients: azure_clients(fake.arm(), &files) };

        let http = http::Client::new(http::Settings::default()).expect("a client");
        let survey = survey(&targets, &http, Scope::Environment(&[])).await.expect("a survey");

        assert_eq!(
            table::show(&survey, "2025-12-31T15:00:00Z".parse().expect("a time"), None),
            "SERVICE  STATE                  IMAGE   COMMIT  AGE  EXPIRES  DRIFT  URL
shop     running, not verified  web:v1  -       3h   -        -      -"
        );
        assert_eq!(*files.calls.lock().expect("no panic"), ["find file:jobs"]);
    }
}
