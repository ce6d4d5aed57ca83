//! Chooses what `down` removes: by its tags alone.

use crate::cli::removal::resource::{ListedResource, TaggedResource};
use crate::plan::schema::Plan;
use std::collections::BTreeMap;

/// What is to be taken down.
#[derive(Clone, Debug)]
pub struct DownFilter {
    /// The name of the plan.
    pub plan: String,
    /// `owner/name`; `None` where the plan is in no known repository.
    pub repository: Option<String>,
    pub environment: EnvironmentFilter,
    pub pull_request: Option<u64>,
    /// The environments that are protected, unless the command line names one.
    pub protected: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EnvironmentFilter {
    /// This one, or none at all.
    Is(Option<String>),
    /// The pull request tells enough.
    Any,
}

/// The resources of the plan, and why each goes or stays. Those of another environment,
/// pull request or plan are left out, unless a person would expect them to go.
pub fn select(resources: &[TaggedResource], filter: &DownFilter) -> Vec<ListedResource> {
    let listed = resources.iter().filter_map(|resource| {
        let (goes, why) = decide(resource, filter)?;
        Some(ListedResource { resource: resource.clone(), goes, why })
    });
    let mut listed: Vec<ListedResource> = listed.collect();
    listed.sort_by(|one, other| {
        let key = |it: &ListedResource| {
            (!it.goes, it.resource.tags.service.clone(), it.resource.id.clone())
        };
        key(one).cmp(&key(other))
    });
    listed
}

fn decide(resource: &TaggedResource, filter: &DownFilter) -> Option<(bool, String)> {
    let tags = &resource.tags;
    if tags.plan != filter.plan {
        return of_other_plan(resource, filter);
    }
    if let EnvironmentFilter::Is(name) = &filter.environment
        && tags.environment != *name
    {
        return None;
    }
    if filter.pull_request.is_some() && resource.pull_request() != filter.pull_request {
        return None;
    }
    if !resource.is_of(filter.repository.as_deref()) {
        let from = match &tags.repository {
            Some(repository) => format!(
                "deployed from `{repository}`, another repository: `shipway down` in a checkout \
                 of it removes it"
            ),
            None => format!(
                "deployed from outside of a repository: `{}` removes it",
                resource.delete_command
            ),
        };
        return Some((false, from));
    }
    if filter.pull_request.is_none()
        && let Some(number) = &tags.pull_request
    {
        return Some((false, format!("of pull request {number}: `--pr {number}` removes it")));
    }
    if let Some(name) = tags.environment.as_ref().filter(|name| filter.protected.contains(*name)) {
        return Some((false, format!("`{name}` is protected: `--env {name}` removes it")));
    }
    Some((true, of(resource)))
}

/// What another plan of the repository deployed for the same pull request. It stays, and is
/// named, because the plan may have had that name before.
fn of_other_plan(resource: &TaggedResource, filter: &DownFilter) -> Option<(bool, String)> {
    let number = filter.pull_request?;
    let is_of_both =
        resource.pull_request() == Some(number) && resource.is_of(filter.repository.as_deref());
    is_of_both.then(|| {
        let plan = &resource.tags.plan;
        let why = format!(
            "of plan `{plan}`: `shipway sweep` removes it once pull request {number} is closed"
        );
        (false, why)
    })
}

/// The environment and the pull request that a resource belongs to.
fn of(resource: &TaggedResource) -> String {
    let environment = resource.tags.environment.as_ref().map(|name| format!("`{name}`"));
    let pull_request =
        resource.tags.pull_request.as_ref().map(|number| format!("pull request {number}"));
    let parts: Vec<String> = environment.into_iter().chain(pull_request).collect();
    if parts.is_empty() { "deployed by this plan".to_owned() } else { parts.join(", ") }
}

/// The stage in which each service is removed: a service goes before those that it
/// needs. One that the plan no longer has goes first.
pub fn stages(plan: &Plan) -> BTreeMap<String, usize> {
    let services = &plan.services;
    let depths: Vec<usize> = (0..services.len()).map(|at| depth(plan, at, 0)).collect();
    let deepest = depths.iter().max().copied().unwrap_or(0);
    let names = services.keys().zip(depths);
    names.map(|(name, depth)| (name.to_owned(), 1 + deepest - depth)).collect()
}

/// How many services in a row a service stands on. `above` bounds the search in a
/// plan whose services need each other in a circle, which `check` refuses.
fn depth(plan: &Plan, service: usize, above: usize) -> usize {
    if above > plan.services.len() {
        return 0;
    }
    let find = |name: &str| plan.services.keys().position(|known| known == name);
    let needs = plan.services.0[service].1.needs.iter().filter_map(|need| find(&need.value));
    needs.map(|need| 1 + depth(plan, need, above + 1)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{DownFilter, EnvironmentFilter, select, stages};
    use crate::cli::removal::resource::TaggedResource;
    use crate::cli::removal::resource::testing::resource;

    fn filter(environment: Option<&str>, pull_request: Option<u64>) -> DownFilter {
        DownFilter {
            plan: "shop".into(),
            repository: Some("Octo/Demo".into()),
            environment: EnvironmentFilter::Is(environment.map(str::to_owned)),
            pull_request,
            protected: Vec::new(),
        }
    }

    fn of_pull_request(name: &str, number: u64) -> TaggedResource {
        let mut resource = resource(name);
        resource.tags.pull_request = Some(number.to_string());
        resource
    }

    /// `+` goes, `-` stays.
    fn chosen(resources: &[TaggedResource], filter: &DownFilter) -> Vec<String> {
        let line = |one: crate::cli::removal::resource::ListedResource| {
            format!("{} {}: {}", if one.goes { '+' } else { '-' }, one.resource.id.name, one.why)
        };
        select(resources, filter).into_iter().map(line).collect()
    }

    #[test]
    fn only_the_pull_request_goes() {
        let resources = [of_pull_request("a", 7), of_pull_request("b", 9), resource("c")];
        assert_eq!(
            chosen(&resources, &filter(Some("preview"), Some(7))),
            ["+ a: `preview`, pull request 7"]
        );
    }

    #[test]
    fn pull_requests_stay_where_none_is_named() {
        let resources = [of_pull_request("a", 7), resource("c")];
        assert_eq!(
            chosen(&resources, &filter(Some("preview"), None)),
            ["+ c: `preview`", "- a: of pull request 7: `--pr 7` removes it"]
        );
    }

    #[test]
    fn other_plans_and_environments_are_not_listed() {
        let (mut plan, mut environment) = (resource("a"), resource("b"));
        plan.tags.plan = "other".into();
        environment.tags.environment = Some("production".into());
        assert!(chosen(&[plan, environment], &filter(Some("preview"), None)).is_empty());

        let mut none = resource("c");
        none.tags.environment = None;
        assert_eq!(chosen(&[none], &filter(None, None)), ["+ c: deployed by this plan"]);
    }

    #[test]
    fn what_another_plan_deployed_for_the_pull_request_is_named() {
        let (mut renamed, mut foreign) = (of_pull_request("a", 7), of_pull_request("b", 7));
        renamed.tags.plan = "store".into();
        foreign.tags.plan = "store".into();
        foreign.tags.repository = Some("evil/demo".into());
        let mut other = of_pull_request("c", 9);
        other.tags.plan = "store".into();
        assert_eq!(
            chosen(
                &[renamed, foreign, other, of_pull_request("d", 7)],
                &filter(Some("preview"), Some(7))
            ),
            [
                "+ d: `preview`, pull request 7",
                "- a: of plan `store`: `shipway sweep` removes it once pull request 7 is closed",
            ]
        );
    }

    #[test]
    fn another_repository_with_the_same_plan_stays() {
        let (mut other, mut unknown) = (resource("a"), resource("b"));
        other.tags.repository = Some("evil/demo".into());
        unknown.tags.repository = None;
        let resources = [other, unknown.clone()];
        assert_eq!(
            chosen(&resources, &filter(Some("preview"), None)),
            [
                "- a: deployed from `evil/demo`, another repository: `shipway down` in a checkout \
                 of it removes it",
                "- b: deployed from outside of a repository: `rm b` removes it",
            ]
        );
        let outside = DownFilter { repository: None, ..filter(Some("preview"), None) };
        assert_eq!(chosen(&[unknown], &outside), ["+ b: `preview`"]);
    }

    #[test]
    fn a_protected_environment_is_not_removed_by_a_pull_request_alone() {
        let mut live = of_pull_request("a", 7);
        live.tags.environment = Some("production".into());
        let any = DownFilter {
            environment: EnvironmentFilter::Any,
            protected: vec!["production".into()],
            ..filter(None, Some(7))
        };
        assert_eq!(
            chosen(&[live, of_pull_request("b", 7)], &any),
            [
                "+ b: `preview`, pull request 7",
                "- a: `production` is protected: `--env production` removes it",
            ]
        );
    }

    #[test]
    fn services_go_before_those_that_they_need() {
        let plan = crate::plan::read(
            "name: shop
services:
  db: { steps: [{ run: 'true' }] }
  api: { needs: [db], steps: [{ run: 'true' }] }
  web: { needs: [api, db], steps: [{ run: 'true' }] }
  docs: { steps: [{ run: 'true' }] }
",
        );
        let stages = stages(&plan.plan.expect("a plan"));
        let stages: Vec<_> = stages.iter().map(|(name, stage)| format!("{name} {stage}")).collect();
        assert_eq!(stages, ["api 2", "db 3", "docs 3", "web 1"]);
    }
}
