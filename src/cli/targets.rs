//! The targets of a plan: what it has deployed, found by the tags of the resources
//! alone, so that every machine finds the same.

use super::exit::Exit;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::session::listing::Listing;
use super::session::retries::retries_outside_of_runs;
use crate::plan::diagnostic::closest;
use crate::run::outcome::StepError;
use crate::run::perform::{
    AzureClients, DeployedResource, KindWords, ResourceId, ResourceTags, Retries,
};

/// A resource that Shipway deployed.
#[derive(Clone, Debug)]
pub struct Target {
    pub id: ResourceId,
    pub kind: &'static KindWords,
    pub tags: ResourceTags,
}

/// Whose targets are looked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owner {
    pub plan: String,
    pub environment: Option<String>,
    /// `owner/name`; `None` where it is not known.
    pub repository: Option<String>,
    pub pull_request: Option<String>,
}

/// Refuses a service that the plan does not have.
pub fn refuse_unknown_services<'n>(
    session: &PlanSession,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<(), Exit> {
    let known: Vec<&str> = session.plan.services.keys().collect();
    let Some(unknown) = names.into_iter().find(|name| !known.contains(name)) else {
        return Ok(());
    };
    let help = match closest(unknown, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the plan has `{}`", known.join("`, `")),
    };
    say::error(&[format!("there is no service `{unknown}`")], Some(&help));
    Err(Exit::Usage)
}

/// Refuses a plan with environments of which none is chosen.
pub fn refuse_missing_environment(session: &PlanSession) -> Result<(), Exit> {
    let environments = &session.plan.environments;
    if session.resolved.environment.is_some() || environments.len() == 0 {
        return Ok(());
    }
    let names: Vec<&str> = environments.keys().collect();
    let help = format!("name one with `--env`, of `{}`", names.join("`, `"));
    say::error(&["no environment is chosen".to_owned()], Some(&help));
    Err(Exit::Usage)
}

/// Refuses to change a protected environment that no option names.
pub fn require_named_if_protected(
    session: &PlanSession,
    is_named: bool,
    doing: &str,
) -> Result<(), StepError> {
    let chosen = session.resolved.environment.as_ref();
    let Some(chosen) = chosen.filter(|chosen| chosen.protected && !is_named) else {
        return Ok(());
    };
    let name = &chosen.name;
    let what = format!("cannot {doing} in `{name}`, which is protected, unless it is named");
    Err(StepError::of_usage(what).help(format!("add `--env {name}`")))
}

/// The service of a name such as `web` or `web/proxy`.
pub fn service_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// Finds targets. No secret of the plan is needed for that.
pub struct Targets<'a> {
    pub session: &'a PlanSession,
    pub clients: AzureClients,
}

impl<'a> Targets<'a> {
    pub fn new(session: &'a PlanSession, connections: &Connections) -> Self {
        let clients = connections.azure_clients(session);
        Self { session, clients }
    }

    /// The environment in a sentence, such as " in `production`"; empty where none is chosen.
    pub fn place(&self) -> String {
        let environment = self.session.resolved.environment.as_ref();
        environment.map(|chosen| format!(" in `{}`", chosen.name)).unwrap_or_default()
    }

    /// The error where a service is not deployed.
    pub fn not_deployed(&self, service: &str) -> StepError {
        StepError::new(format!("`{service}` is not deployed{}", self.place()))
            .help("`shipway run` deploys it; another environment is named with `--env`")
    }

    /// The plan, the chosen environment, and the pull request that this is about.
    pub fn owner(&self) -> Owner {
        let PlanSession { plan, resolved, scope, .. } = self.session;
        let pull_request = scope.context("pr").map(|context| context.get("number").text());
        Owner {
            plan: plan.name.value.clone(),
            environment: resolved.environment.as_ref().map(|chosen| chosen.name.clone()),
            repository: resolved.repository(),
            pull_request: pull_request.filter(|number| !number.is_empty()),
        }
    }

    /// What the plan has deployed in the chosen environment. Where a pull request is
    /// known, only what belongs to it, or to none.
    pub async fn of_environment(&self) -> Result<Vec<Target>, StepError> {
        let listed = self.listed_in_environment().await?;
        Ok(listed.into_iter().map(|(target, _)| target).collect())
    }

    /// The same with each resource as a list has it: without the state of its containers.
    pub async fn listed_in_environment(
        &self,
    ) -> Result<Vec<(Target, DeployedResource)>, StepError> {
        let owner = self.owner();
        let subscription = self.subscription().await?;
        let listing = self.listing();
        let resources = self.retries().run(|| listing.of_plan(&subscription)).await?;
        let mut listed = with_targets(resources);
        listed.retain(|(target, _)| owner.sees(&target.tags));
        Ok(listed)
    }

    /// What all plans of the repository have deployed, in all environments.
    pub async fn of_repository(&self) -> Result<Vec<Target>, StepError> {
        let owner = self.owner();
        let subscription = self.subscription().await?;
        let listing = self.listing();
        let listed = self.retries().run(|| listing.listed(&subscription)).await?;
        let listed = with_targets(listed.with_note(&self.session.redactor));
        let mut targets: Vec<Target> = listed.into_iter().map(|(target, _)| target).collect();
        targets.retain(|target| owner.is_of_repository(&target.tags));
        Ok(targets)
    }

    /// A target with the state of its containers; `None` if it was deleted meanwhile.
    pub async fn read(&self, target: &Target) -> Result<Option<DeployedResource>, StepError> {
        self.retries().run(|| self.clients.deployed.find(&target.id.target)).await
    }

    fn listing(&self) -> Listing<'_> {
        Listing { session: self.session, resources: &self.clients.deployed }
    }

    async fn subscription(&self) -> Result<String, StepError> {
        let PlanSession { plan, scope, .. } = self.session;
        self.retries().run(|| self.clients.subscription.id(plan, scope)).await
    }

    /// Nothing here changes anything, so whatever may pass is asked again.
    fn retries(&self) -> Retries {
        retries_outside_of_runs(&self.session.redactor)
    }
}

impl Owner {
    /// Whether a resource is of the plan in the environment, and not of another pull
    /// request than the one this is about.
    fn sees(&self, tags: &ResourceTags) -> bool {
        let is_of_another = match (&self.pull_request, &tags.pull_request) {
            (Some(asked), Some(own)) => asked != own,
            (None, _) | (_, None) => false,
        };
        self.is_of_repository(tags)
            && tags.plan == self.plan
            && tags.environment == self.environment
            && !is_of_another
    }

    /// Whether a resource was deployed from the repository. Where either is not known,
    /// that is no reason against it.
    fn is_of_repository(&self, tags: &ResourceTags) -> bool {
        match (&self.repository, &tags.repository) {
            (Some(asked), Some(own)) => asked.eq_ignore_ascii_case(own),
            (None, _) | (_, None) => true,
        }
    }
}

/// What Shipway deployed, sorted by service and name.
fn with_targets(resources: Vec<DeployedResource>) -> Vec<(Target, DeployedResource)> {
    let mut targets: Vec<(Target, DeployedResource)> = resources
        .into_iter()
        .filter_map(|resource| {
            let tags = resource.tags.clone()?;
            Some((Target { id: resource.id.clone(), kind: resource.kind, tags }, resource))
        })
        .collect();
    targets.sort_by(|(a, _), (b, _)| (&a.tags.service, &a.id).cmp(&(&b.tags.service, &b.id)));
    targets
}

/// The error of a container that a deployed service does not have. `known` are those that it
/// has.
pub fn no_container(service: &str, container: &str, known: &[&str]) -> StepError {
    let help = match closest(container, known.iter().copied()) {
        Some(near) => format!("did you mean `{service}/{near}`?"),
        None => format!("it has `{}`", known.join("`, `")),
    };
    StepError::new(format!("`{service}` has no container `{container}`")).help(help)
}

#[cfg(test)]
mod tests {
    use super::Owner;
    use crate::run::perform::ResourceTags;

    fn tags() -> ResourceTags {
        ResourceTags {
            plan: "shop".into(),
            service: "web".into(),
            environment: Some("preview".into()),
            repository: Some("octo/shop".into()),
            pull_request: Some("7".into()),
            ..ResourceTags::default()
        }
    }

    fn owner() -> Owner {
        Owner {
            plan: "shop".into(),
            environment: Some("preview".into()),
            repository: Some("Octo/Shop".into()),
            pull_request: Some("7".into()),
        }
    }

    #[test]
    fn resources_of_another_plan_environment_repository_or_pull_request_are_not_seen() {
        assert!(owner().sees(&tags()));
        assert!(Owner { pull_request: None, ..owner() }.sees(&tags()));
        assert!(Owner { repository: None, ..owner() }.sees(&tags()));
        for other in [
            Owner { plan: "docs".into(), ..owner() },
            Owner { environment: Some("production".into()), ..owner() },
            Owner { environment: None, ..owner() },
            Owner { repository: Some("fork/shop".into()), ..owner() },
            Owner { pull_request: Some("8".into()), ..owner() },
        ] {
            assert!(!other.sees(&tags()), "{other:?}");
        }
    }
}
