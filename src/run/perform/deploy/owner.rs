//! Keeps a deploy from overwriting what another plan, service, repository or pull request has
//! deployed under the same name, or a protected environment of this plan.
//!
//! The preflight compares the names of this plan. A name that an output makes, or one that
//! another plan uses, is found only on the target: its tags say who deployed it.

use crate::journal::TargetId;
use crate::run::outcome::StepError;
use crate::run::perform::deployed::tags::{PLAN, PULL_REQUEST, REPOSITORY, ResourceTags, SERVICE};
use crate::run::perform::performer::Performer;

/// A target that a service of the plan is about to change.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    pub performer: &'a Performer,
    /// Index of the service in the plan.
    pub service: usize,
    pub target: &'a TargetId,
    /// The target as people call it.
    pub name: &'a str,
}

/// To whom a target belongs that is not this service's.
enum Owner {
    Repository(String),
    Plan(String),
    Service(String),
    /// A protected one, which is not that of the run.
    Environment(String),
    /// The number of another pull request than that of the run.
    PullRequest(u64),
}

/// Whether another service of this plan has deployed it. One that the plan has no longer was
/// renamed.
pub fn is_of_other_service(performer: &Performer, tags: &ResourceTags, service: usize) -> bool {
    let plan = &performer.plan;
    tags.service != plan.service_name(service)
        && plan.parsed.services.keys().any(|name| *name == tags.service)
}

impl Claim<'_> {
    /// Fails where the tags of the target name another repository or plan, or another
    /// service, protected environment or pull request of this plan.
    pub fn check(&self, tags: &ResourceTags) -> Result<(), StepError> {
        let Some(owner) = self.other_owner(tags) else { return Ok(()) };
        let whose = match &owner {
            Owner::Repository(name) => format!("repository `{name}`"),
            Owner::Plan(name) => format!("plan `{name}`"),
            Owner::Service(name) => format!("service `{name}` of this plan"),
            Owner::Environment(name) => format!("the protected environment `{name}`"),
            Owner::PullRequest(number) => format!("pull request {number}"),
        };
        let error = StepError::new(format!(
            "{} belongs to {whose}, whose run {} has deployed it: this step would overwrite it",
            self.name, tags.run
        ));
        Err(error.help(self.remedy(&owner)))
    }

    fn other_owner(&self, tags: &ResourceTags) -> Option<Owner> {
        let Performer { facts, plan, .. } = self.performer;
        // A folder without a remote is in no known repository, which is no clash.
        if let (Some(own), Some(other)) = (&facts.repository, &tags.repository)
            && !own.eq_ignore_ascii_case(other)
        {
            return Some(Owner::Repository(other.clone()));
        }
        if tags.plan != plan.parsed.name.value {
            return Some(Owner::Plan(tags.plan.clone()));
        }
        if is_of_other_service(self.performer, tags, self.service) {
            return Some(Owner::Service(tags.service.clone()));
        }
        let is_other = |environment: &&String| facts.environment_name.as_ref() != Some(environment);
        let other = tags.environment.as_ref().filter(is_other);
        if let Some(protected) = other.filter(|environment| self.is_protected(environment)) {
            return Some(Owner::Environment(protected.clone()));
        }
        self.other_pull_request(tags).map(Owner::PullRequest)
    }

    /// The pull request whose preview would be replaced by that of another one. A run for none
    /// may replace what a preview has left.
    fn other_pull_request(&self, tags: &ResourceTags) -> Option<u64> {
        let own = self.performer.facts.pull_request?;
        let other: u64 = tags.pull_request.as_ref()?.parse().ok()?;
        (other != own).then_some(other)
    }

    fn is_protected(&self, environment: &str) -> bool {
        let plan = &self.performer.plan;
        let section = plan.parsed.environments.get(environment);
        section.is_some_and(|section| section.protected.resolve(&plan.scope).unwrap_or(true))
    }

    /// What a person can do, among it what takes the target over on purpose.
    fn remedy(&self, owner: &Owner) -> String {
        let apart = "give this one another `name` or DNS label";
        let Performer { facts, plan, .. } = self.performer;
        let (when, tags) = match owner {
            Owner::Service(_) | Owner::Environment(_) => return apart.to_owned(),
            Owner::PullRequest(other) => return self.remedy_between_pull_requests(*other),
            Owner::Repository(_) => {
                let own = facts.repository.as_deref().unwrap_or_default();
                ("the repository was renamed, or this one", format!("{REPOSITORY}={own}"))
            }
            Owner::Plan(_) => {
                let (plan, service) = (&plan.parsed.name.value, plan.service_name(self.service));
                ("the plan was renamed, or this one", format!("{PLAN}={plan} {SERVICE}={service}"))
            }
        };
        format!(
            "{apart}; if {when} is to take it over, change its tags with `az tag update \
             --operation Merge --resource-id {} --tags {tags}`",
            self.target.as_str()
        )
    }

    fn remedy_between_pull_requests(&self, other: u64) -> String {
        let own = self.performer.facts.pull_request.unwrap_or_default();
        format!(
            "write `${{{{ pr.dns-label }}}}` as its `name` or DNS label, which no other pull \
             request has; or remove the other preview with `shipway down --pr {other}`, or take it \
             over with `az tag update --operation Merge --resource-id {} --tags \
             {PULL_REQUEST}={own}`",
            self.target.as_str()
        )
    }
}
