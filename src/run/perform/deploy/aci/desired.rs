//! The container group that the plan describes, its expressions evaluated.

use super::containers::{containers, init_containers};
use super::group::ContainerGroup;
use super::id::id;
use super::image::deployed_image;
use super::settings::{dns_config, hosting, identities, ip_kind, log_analytics, subnet};
use super::volumes::volumes;
use crate::azure::container_instances::{Desired, GroupId, Replace};
use crate::azure::registries::RegistryLogin;
use crate::oci::Reference;
use crate::plan::expr::Scope;
use crate::plan::schema::Aci;
use crate::run::outcome::StepError;
use crate::run::perform::deploy::own_tags::resource_tags;
use crate::run::perform::deploy::pull::pull_login;
use crate::run::perform::deployed::tags::{EXPIRES, SERVICE};
use crate::run::perform::names::{name, optional_plain, plain};
use crate::run::perform::performer::{Job, Performer};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a version beside the one that runs may stay if its run is killed: `sweep`
/// removes it then.
const MAX_TRIAL_AGE: Duration = Duration::from_hours(1);
/// What the names of a version end with that stands beside the one that runs.
const TRIAL_SUFFIX: &str = "-next";
/// Of groups and of DNS labels.
const MAX_NAME_CHARS: usize = 63;

pub async fn desired(group: &ContainerGroup<'_>, job: &Job) -> Result<Desired, StepError> {
    let ContainerGroup { performer, deploy, keys: aci, .. } = group;
    let scope = &job.scope;
    let id = id(group, scope).await?;
    let mut containers = containers(deploy, aci, &id.name, job)?;
    let named = deploy.image.as_ref().map(|_| containers[0].image.clone());
    for (container, named) in containers.iter_mut().zip(deploy.images()) {
        // What this run pushed is known to be a single image and needs no request.
        if named.is_some() {
            container.image = deployed_image(group, &container.image, job).await?;
        }
    }
    let mut init_containers = init_containers(aci, job)?;
    for (container, keys) in init_containers.iter_mut().zip(&aci.init_containers) {
        if keys.image.is_some() {
            container.image = deployed_image(group, &container.image, job).await?;
        }
    }
    let own_tags = resource_tags(performer, job, &containers[0].image, named.as_deref());
    let settings = group.settings(scope);
    let own = aci.location.as_ref();
    let images = containers.iter().map(|container| &container.image);
    let images = images.chain(init_containers.iter().map(|container| &container.image));
    let mut desired = Desired {
        location: settings.location(own, &id.subscription, &id.resource_group).await?,
        registries: registries(group, images, scope).await?,
        containers,
        init_containers,
        volumes: volumes(aci, scope)?,
        restart_policy: aci.restart_policy.resolve(scope)?,
        dns_label: aci
            .dns_label
            .as_ref()
            .map(|label| name(label, "DNS label", scope))
            .transpose()?,
        dns_label_scope: optional_plain(aci.dns_label_scope.as_ref(), "DNS label's scope", scope)?,
        ip: ip_kind(aci, scope)?,
        subnet: subnet(aci, &id, scope)?,
        dns_config: dns_config(aci, scope)?,
        identities: identities(group, scope).await?,
        log_analytics: log_analytics(aci, scope)?,
        hosting: hosting(aci, scope)?,
        tags: tags(aci, own_tags.to_map(), scope)?,
        replace: replace(performer, aci, scope)?,
        id,
    };
    desired.add_fingerprint();
    Ok(desired)
}

/// The group under other names, until it is verified and removed.
pub fn trial(desired: &Desired) -> Desired {
    let id = GroupId { name: trial_name(&desired.id.name), ..desired.id.clone() };
    let mut trial = Desired {
        id,
        dns_label: desired.dns_label.as_deref().map(trial_name),
        replace: Replace::WhenRequired,
        ..desired.clone()
    };
    let expires = Timestamp::now() + MAX_TRIAL_AGE;
    trial.tags.insert(EXPIRES.to_owned(), expires.to_string());
    if let Some(service) = trial.tags.get_mut(SERVICE) {
        *service = trial_service(service);
    }
    trial.add_fingerprint();
    trial
}

/// What the tags name as the service of a version that is tried. No service of a plan has
/// such a name.
fn trial_service(service: &str) -> String {
    format!("{service} (next)")
}

/// The name of what stands beside `name`.
fn trial_name(name: &str) -> String {
    let kept = name.len().min(MAX_NAME_CHARS - TRIAL_SUFFIX.len());
    let kept = name.floor_char_boundary(kept);
    format!("{}{TRIAL_SUFFIX}", name[..kept].trim_end_matches('-'))
}

/// The plan's `replace`; `never` by default in a protected environment.
pub fn replace(performer: &Performer, aci: &Aci, scope: &Scope) -> Result<Replace, StepError> {
    let default = if performer.facts.protected { Replace::Never } else { Replace::WhenRequired };
    Ok(aci.replace.as_ref().map(|field| field.resolve(scope)).transpose()?.unwrap_or(default))
}

/// The plan's tags, beside Shipway's own. `check` keeps their names apart.
fn tags(
    aci: &Aci,
    mut tags: BTreeMap<String, String>,
    scope: &Scope,
) -> Result<BTreeMap<String, String>, StepError> {
    for (key, value) in aci.tags.iter() {
        tags.insert(key.value.clone(), plain(value, "tag", scope)?);
    }
    Ok(tags)
}

/// The login that Azure pulls with, for each registry of an image.
async fn registries(
    group: &ContainerGroup<'_>,
    images: impl Iterator<Item = &String>,
    scope: &Scope,
) -> Result<Vec<RegistryLogin>, StepError> {
    let mut logins = BTreeMap::new();
    for image in images {
        let reference: Reference = image
            .parse()
            .map_err(|error: crate::oci::InvalidReference| StepError::new(error.to_string()))?;
        if logins.contains_key(&reference.host) {
            continue;
        }
        if let Some(login) = pull_login(group.settings(scope), &reference.host).await? {
            logins.insert(reference.host, login);
        }
    }
    Ok(logins.into_iter().map(|(server, login)| RegistryLogin { server, login }).collect())
}

#[cfg(test)]
mod tests {
    use super::tags;
    use crate::plan::expr::{Object, Scope, Value};
    use crate::plan::schema::{Action, DeployKind};
    use crate::run::outcome::StepError;
    use crate::secret::Redactor;
    use std::collections::BTreeMap;

    /// `team` is a tag of the plan with the value of `vars.team`.
    fn tagged(team: Value) -> Result<BTreeMap<String, String>, StepError> {
        let text = "name: a\nvars: { team: web }\nazure: { resource-group: g }\nsteps:\n\
                    - deploy:\n    image: a.io/b:v1\n    \
                    aci: { tags: { team: \"${{ vars.team }}\", cost: 1 } }\n";
        let plan = crate::plan::read(text).plan.expect("a plan");
        let (_, service) = &plan.services.0[0];
        let Action::Deploy(deploy) = &service.steps[0].action else { panic!("{service:?}") };
        let DeployKind::Aci(aci) = &deploy.kind;
        let scope = Scope::default().with("vars", Object::default().with("team", team));
        let own = BTreeMap::from([("shipway-plan".to_owned(), "a".to_owned())]);
        tags(aci, own, &scope)
    }

    #[test]
    fn tags_of_the_plan_are_added_to_those_of_shipway() {
        let all = tagged("web".into()).expect("tags");
        let all: Vec<_> = all.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(all, ["cost=1", "shipway-plan=a", "team=web"]);
    }

    #[test]
    fn secret_in_a_tag_is_refused() {
        let secret = Redactor::default().adopt("secrets.team", "hunter22".to_owned());
        let error = tagged(Value::secret(&secret)).expect_err("a secret");
        assert_eq!(error.failure.chain, ["the tag holds `secrets.team`, which is a secret"]);
    }
}
