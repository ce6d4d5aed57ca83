//! The container group that the plan describes, its expressions evaluated.

use super::group::ContainerGroup;
use super::id::id;
use super::image::{deployed_image, image_of};
use crate::azure::container_instances::{Container, Desired, EnvValue, GroupId, Port, Replace};
use crate::azure::registries::RegistryLogin;
use crate::oci::Reference;
use crate::plan::expr::{Rendered, Scope};
use crate::plan::literal::Size;
use crate::plan::schema::{Aci, Deploy, Field, MAX_CPU, Map, Text};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::own_tags::resource_tags;
use crate::run::perform::deploy::pull::pull_login;
use crate::run::perform::deployed::tags::{EXPIRES, SERVICE};
use crate::run::perform::names::{name, optional_plain, plain, plain_list};
use crate::run::perform::performer::{Job, Performer};
use crate::secret::Secret;
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

/// The cores and the gigabytes of a container.
pub struct Resources {
    cpu: f64,
    memory_gb: f64,
}

/// The memory of the largest container group that Azure has, on request
/// (learn.microsoft.com, "Resource availability & quota limits for ACI").
const MAX_MEMORY_GB: f64 = 240.0;

impl Resources {
    /// Evaluates both. Refuses what no region of Azure has.
    pub fn of(cpu: &Field<f64>, memory: &Field<Size>, scope: &Scope) -> Result<Self, StepError> {
        let cores = cpu.resolve(scope)?;
        if !(cores > 0.0 && cores <= MAX_CPU) {
            let message = format!(
                "`cpu` is {cores}, and a container has more than 0 and at most {MAX_CPU} cores"
            );
            return Err(StepError::new(message).at(&cpu.text.span));
        }
        let Size(bytes) = memory.resolve(scope)?;
        let memory_gb = in_gigabytes(bytes);
        if !(memory_gb > 0.0 && memory_gb <= MAX_MEMORY_GB) {
            let message = format!(
                "`memory` is {memory_gb} GB, and a container has more than 0 and at most {MAX_MEMORY_GB} GB"
            );
            return Err(StepError::new(message).at(&memory.text.span));
        }
        Ok(Self { cpu: cores, memory_gb })
    }
}

/// The keys that the first container and further ones have in common.
struct ContainerKeys<'p> {
    ports: &'p [Text],
    cpu: &'p Field<f64>,
    memory: &'p Field<Size>,
    command: Option<&'p Vec<Text>>,
    env: &'p Map<Text>,
}

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
    let own_tags = resource_tags(performer, job, &containers[0].image, named.as_deref());
    let settings = group.settings(scope);
    let own = aci.location.as_ref();
    let mut desired = Desired {
        location: settings.location(own, &id.subscription, &id.resource_group).await?,
        registries: registries(group, &containers, scope).await?,
        containers,
        restart_policy: aci.restart_policy.resolve(scope)?,
        dns_label: aci
            .dns_label
            .as_ref()
            .map(|label| name(label, "DNS label", scope))
            .transpose()?,
        dns_label_scope: optional_plain(aci.dns_label_scope.as_ref(), "DNS label's scope", scope)?,
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

/// The variables that have a secret value, by container and name. `group` is the name
/// of the group, and so of its first container. One that cannot be evaluated is left
/// out.
pub fn secret_variables<'a>(
    aci: &'a Aci,
    group: &'a str,
    scope: &'a Scope,
) -> impl Iterator<Item = ((String, String), Secret)> {
    let further = aci.containers.iter().filter_map(move |container| {
        let name = name(&container.name, "container's name", scope).ok()?;
        Some((name, &container.env))
    });
    let all = std::iter::once((group.to_owned(), &aci.env)).chain(further);
    all.flat_map(move |(container, env)| {
        env.iter().filter_map(move |(name, text)| match text.render(scope).ok()? {
            Rendered::Secret(secret) => Some(((container.clone(), name.value.clone()), secret)),
            Rendered::Plain(_) => None,
        })
    })
}

fn containers(
    deploy: &Deploy,
    aci: &Aci,
    group: &str,
    job: &Job,
) -> Result<Vec<Container>, StepError> {
    let first = ContainerKeys {
        ports: &aci.ports,
        cpu: &aci.cpu,
        memory: &aci.memory,
        command: aci.command.as_ref(),
        env: &aci.env,
    };
    let mut containers = vec![first.container(group, deploy.image.as_ref(), job)?];
    for further in &aci.containers {
        let keys = ContainerKeys {
            ports: &further.ports,
            cpu: &further.cpu,
            memory: &further.memory,
            command: further.command.as_ref(),
            env: &further.env,
        };
        let name = name(&further.name, "container's name", &job.scope)?;
        containers.push(keys.container(&name, further.image.as_ref(), job)?);
    }
    Ok(containers)
}

impl ContainerKeys<'_> {
    fn container(
        &self,
        name: &str,
        image: Option<&Text>,
        job: &Job,
    ) -> Result<Container, StepError> {
        let scope = &job.scope;
        let Resources { cpu, memory_gb } = Resources::of(self.cpu, self.memory, scope)?;
        let env = self.env.iter().map(|(key, text)| {
            let value = match text.render(scope)? {
                Rendered::Plain(text) => EnvValue::Plain(text),
                Rendered::Secret(secret) => EnvValue::Secret(secret),
            };
            Ok((key.value.clone(), value))
        });
        let ports = plain_list(self.ports, "port", scope)?;
        Ok(Container {
            name: name.to_owned(),
            image: image_of(image, job)?,
            ports: ports
                .iter()
                .map(|text| text.parse::<Port>())
                .collect::<Result<_, _>>()
                .map_err(|error| StepError::new(error.to_string()))?,
            cpu,
            memory_gb,
            command: self
                .command
                .map(|words| plain_list(words, "command", scope))
                .transpose()?
                .unwrap_or_default(),
            env: env.collect::<Result<_, StepError>>()?,
        })
    }
}

/// Azure's `memoryInGB` has steps of a tenth: rounds up to the next.
fn in_gigabytes(bytes: u64) -> f64 {
    let tenths = bytes.div_ceil(100_000_000);
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

/// The login that Azure pulls with, for each registry of an image.
async fn registries(
    group: &ContainerGroup<'_>,
    containers: &[Container],
    scope: &Scope,
) -> Result<Vec<RegistryLogin>, StepError> {
    let mut logins = BTreeMap::new();
    for container in containers {
        let reference: Reference = container
            .image
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
    use super::{in_gigabytes, tags};
    use crate::plan::expr::{Object, Scope, Value};
    use crate::plan::schema::{Action, DeployKind};
    use crate::run::outcome::StepError;
    use crate::secret::Redactor;
    use std::collections::BTreeMap;

    #[test]
    fn memory_is_rounded_up_to_a_tenth_of_a_gigabyte() {
        let read: Vec<String> = [500_000_000, 1_500_000_000, 512 << 20, 1]
            .map(|bytes| in_gigabytes(bytes).to_string())
            .to_vec();
        assert_eq!(read, ["0.5", "1.5", "0.6", "0.1"]);
    }

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
