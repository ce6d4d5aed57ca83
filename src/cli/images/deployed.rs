//! What runs: the container groups of the plan's subscription, and the images
//! that they run.

use crate::azure::ArmError;
use crate::azure::container_instances::Group;
use crate::cli::session::Session;
use crate::cli::session::reach::Reach;
use crate::plan::schema::{Action, DeployKind, Text};
use crate::registry::Reference;
use crate::run::outcome::{Trouble, chain_of};
use crate::run::perform::Clients;
use std::collections::BTreeSet;

/// What runs, or why that is not known.
#[derive(Clone, Debug)]
pub(super) enum Running {
    /// These images, by these groups.
    Known(Vec<Use>),
    /// Nobody could be asked.
    Unknown(String),
}

/// An image that a container group runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Use {
    /// The group's name.
    pub(super) group: String,
    /// The image, as the group names it.
    pub(super) image: Reference,
}

impl Running {
    /// Why it is not known.
    pub(super) fn unknown(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }

    /// The images of a repository that run.
    pub(super) fn of<'a>(&'a self, host: &'a str, repository: &'a str) -> Vec<&'a Use> {
        let Self::Known(uses) = self else { return Vec::new() };
        let here = |one: &&Use| {
            one.image.host.eq_ignore_ascii_case(host) && one.image.repository == repository
        };
        uses.iter().filter(here).collect()
    }
}

/// Who is asked for what runs.
pub(super) struct Deployed<'a> {
    pub(super) session: &'a Session,
    pub(super) reach: &'a Reach,
    pub(super) clients: &'a Clients,
}

impl Deployed<'_> {
    /// Asks for the groups of the subscription; of the plan's resource groups
    /// alone where that is all we may see.
    pub(super) async fn find(&self) -> Running {
        if self.session.plan.azure.is_none() && self.reach.subscription.is_none() {
            let why = if self.session.loaded.is_nothing() {
                "there is no plan, and `AZURE_SUBSCRIPTION_ID` is not set"
            } else {
                "the plan has no `azure`"
            };
            return Running::Unknown(why.to_owned());
        }
        match self.groups().await {
            Ok(groups) => Running::Known(uses(&groups)),
            Err(trouble) => {
                let chain = trouble.shown(&self.session.redactor, None).chain;
                Running::Unknown(chain.join(": "))
            }
        }
    }

    async fn groups(&self) -> Result<Vec<Group>, Trouble> {
        let subscription = self.subscription().await?;
        let instances = &self.clients.instances;
        let whole = match instances.list_all(&subscription).await {
            Ok(groups) => return Ok(groups),
            Err(error) => error,
        };
        let named = self.resource_groups();
        if named.is_empty() || !is_forbidden(&whole) {
            return Err(failed(&whole));
        }
        let mut found = Vec::new();
        for group in named {
            let listed = instances.list(&subscription, &group).await;
            found.extend(listed.map_err(|error| failed(&error))?);
        }
        Ok(found)
    }

    async fn subscription(&self) -> Result<String, Trouble> {
        let azure = self.session.plan.azure.as_ref();
        let given = azure.and_then(|azure| azure.subscription.as_ref());
        let given = given.and_then(|text| self.rendered(text));
        if let Some(id) = given.or_else(|| self.reach.subscription.clone()) {
            return Ok(id);
        }
        let only = self.clients.resource_groups.only_subscription().await;
        only.map_err(|error| Trouble::from_fault(&error))
    }

    /// The resource groups that the plan names, as far as they are known
    /// before a run.
    fn resource_groups(&self) -> BTreeSet<String> {
        let plan = &self.session.plan;
        let own = plan.azure.iter().filter_map(|azure| azure.resource_group.as_ref());
        let steps = plan.services.iter().flat_map(|(_, service)| &service.steps);
        let deploys = steps.filter_map(|step| match &step.action {
            Action::Deploy(deploy) => {
                let DeployKind::Aci(aci) = &deploy.kind;
                aci.resource_group.as_ref()
            }
            _ => None,
        });
        own.chain(deploys).filter_map(|text| self.rendered(text)).collect()
    }

    fn rendered(&self, text: &Text) -> Option<String> {
        let text = text.render(&self.session.scope).ok()?.expose().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

fn is_forbidden(error: &ArmError) -> bool {
    matches!(error, ArmError::Refused(refusal) if refusal.status == 403)
}

fn failed(error: &ArmError) -> Trouble {
    let mut chain = chain_of(error).into_iter();
    let first = Trouble::new(chain.next().unwrap_or_default());
    chain.fold(first, Trouble::because).while_doing("list the container groups")
}

/// Every image of every group, once each.
fn uses(groups: &[Group]) -> Vec<Use> {
    let mut uses = Vec::new();
    for group in groups {
        for container in &group.properties.containers {
            let Ok(image) = container.properties.image.parse() else { continue };
            let one = Use { group: group.name.clone(), image };
            if !uses.contains(&one) {
                uses.push(one);
            }
        }
    }
    uses
}

#[cfg(test)]
mod tests {
    use super::{Running, uses};
    use crate::azure::container_instances::Group;
    use serde_json::json;

    #[test]
    fn images_are_read_from_groups_whatever_their_spelling() {
        let container = |image: &str| json!({ "name": "c", "properties": { "image": image } });
        let groups: Vec<Group> = serde_json::from_value(json!([
            { "name": "a", "properties": { "containers": [container("Demo.azurecr.io/web:v1"), container("nginx")] } },
            { "name": "b", "properties": { "containers": [container("demo.azurecr.io/web:v1")] } },
            { "name": "c", "properties": { "containers": [container(""), container("a b")] } },
        ]))
        .expect("groups");

        let running = Running::Known(uses(&groups));

        let groups_of = |repository: &str| -> Vec<String> {
            running.of("demo.azurecr.io", repository).iter().map(|one| one.group.clone()).collect()
        };
        assert_eq!(groups_of("web"), ["a", "b"]);
        assert!(groups_of("nginx").is_empty());
        assert_eq!(running.of("docker.io", "library/nginx").len(), 1);
    }
}
