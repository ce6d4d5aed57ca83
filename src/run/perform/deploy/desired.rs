//! The container group that the plan asks for, its expressions evaluated.

use super::pull::pull_login;
use super::target::Target;
use crate::azure::container_instances::{
    self as aci, Container, Desired, EnvValue, Port, Protocol, RegistryLogin,
};
use crate::oci::{Platform, Reference};
use crate::plan::expr::{Rendered, Scope};
use crate::plan::schema::{self, Aci, Deploy, Map, Size, Text};
use crate::registry::PullError;
use crate::run::outcome::StepError;
use crate::run::perform::names::{name, plain, plain_list};
use crate::run::perform::performer::{Job, Performer};
use std::collections::BTreeMap;

/// What a container has of its own.
struct Parts<'p> {
    ports: &'p [Text],
    cpu: &'p schema::Field<f64>,
    memory: &'p schema::Field<Size>,
    command: Option<&'p Vec<Text>>,
    env: &'p Map<Text>,
}

/// The group as it is to be.
pub(super) async fn desired(
    performer: &Performer,
    deploy: &Deploy,
    aci: &Aci,
    job: &Job,
) -> Result<Desired, StepError> {
    let target = Target { performer, service: job.service, scope: &job.scope };
    let id = target.id(aci).await?;
    let mut containers = containers(deploy, aci, &id.name, job)?;
    let pushed = image_of(None, job).ok();
    for container in &mut containers {
        if pushed.as_ref() != Some(&container.image) {
            container.image = single(performer, &container.image).await?;
        }
    }
    let scope = &job.scope;
    Ok(Desired {
        location: target.location(aci, &id).await?,
        registries: registries(performer, &containers, job).await?,
        containers,
        restart_policy: match aci.restart_policy.resolve(scope)? {
            schema::RestartPolicy::Always => aci::RestartPolicy::Always,
            schema::RestartPolicy::OnFailure => aci::RestartPolicy::OnFailure,
            schema::RestartPolicy::Never => aci::RestartPolicy::Never,
        },
        dns_label: aci
            .dns_label
            .as_ref()
            .map(|label| name(label, "DNS label", scope))
            .transpose()?,
        dns_label_scope: aci
            .dns_label_scope
            .as_ref()
            .map(|text| plain(text, "DNS label's scope", scope))
            .transpose()?,
        tags: performer.tags(job),
        replace: replace(performer, aci, scope)?,
        id,
    })
}

/// What the plan says; `never` where the environment is protected.
fn replace(performer: &Performer, aci: &Aci, scope: &Scope) -> Result<aci::Replace, StepError> {
    let given = aci.replace.as_ref().map(|field| field.resolve(scope)).transpose()?;
    Ok(match given {
        Some(schema::Replace::Never) => aci::Replace::Never,
        Some(schema::Replace::Always) => aci::Replace::Always,
        None if performer.protected => aci::Replace::Never,
        Some(schema::Replace::WhenRequired) | None => aci::Replace::WhenRequired,
    })
}

fn containers(
    deploy: &Deploy,
    aci: &Aci,
    group: &str,
    job: &Job,
) -> Result<Vec<Container>, StepError> {
    let first = Parts {
        ports: &aci.ports,
        cpu: &aci.cpu,
        memory: &aci.memory,
        command: aci.command.as_ref(),
        env: &aci.env,
    };
    let mut containers = vec![first.container(group, deploy.image.as_ref(), job)?];
    for further in &aci.containers {
        let parts = Parts {
            ports: &further.ports,
            cpu: &further.cpu,
            memory: &further.memory,
            command: further.command.as_ref(),
            env: &further.env,
        };
        let called = name(&further.name, "container's name", &job.scope)?;
        containers.push(parts.container(&called, further.image.as_ref(), job)?);
    }
    Ok(containers)
}

impl Parts<'_> {
    fn container(
        &self,
        name: &str,
        image: Option<&Text>,
        job: &Job,
    ) -> Result<Container, StepError> {
        let scope = &job.scope;
        let Size(memory) = self.memory.resolve(scope)?;
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
            ports: ports.iter().map(|text| port(text)).collect::<Result<_, _>>()?,
            cpu: self.cpu.resolve(scope)?,
            memory_gb: in_gigabytes(memory),
            command: self
                .command
                .map(|words| plain_list(words, "command", scope))
                .transpose()?
                .unwrap_or_default(),
            env: env.collect::<Result<_, StepError>>()?,
        })
    }
}

/// Azure's `memoryInGB` is in steps of a tenth: the next that is enough.
fn in_gigabytes(bytes: u64) -> f64 {
    let tenths = bytes.div_ceil(100_000_000);
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

/// The image named, else what the service pushed.
fn image_of(named: Option<&Text>, job: &Job) -> Result<String, StepError> {
    if let Some(text) = named {
        return name(text, "image", &job.scope);
    }
    let pushed = job.handover.pushed.as_deref().ok_or_else(|| {
        StepError::new("there is no image to deploy")
            .help("push one in an earlier step, or name one with `image:`")
    })?;
    of_index(pushed, &job.handover.images, &Platform::default())
}

/// What is named by digest may be an index too: then the image for the platform
/// is meant. Where it cannot be asked for, Azure will say what it makes of it.
async fn single(performer: &Performer, image: &str) -> Result<String, StepError> {
    let reference = match image.parse::<Reference>() {
        Ok(reference) if reference.digest.is_some() => reference,
        Ok(_) | Err(_) => return Ok(image.to_owned()),
    };
    let platform = Platform::default();
    match performer.clients.registry.resolve(&reference, Some(&platform)).await {
        Ok(found) => Ok(reference.with_digest(found.descriptor.digest).to_string()),
        Err(error @ PullError::Platform { .. }) => Err(StepError::from_error(&error)),
        Err(_) => Ok(image.to_owned()),
    }
}

/// Of an index that was pushed, the image for a platform: Container Instances
/// are given single images, never an index.
fn of_index(
    pushed: &str,
    images: &BTreeMap<String, String>,
    platform: &Platform,
) -> Result<String, StepError> {
    if images.is_empty() {
        return Ok(pushed.to_owned());
    }
    let takes = |name: &str| name.parse().is_ok_and(|other| platform.takes(&other));
    let image = images.iter().find(|(name, _)| takes(name)).map(|(_, digest)| digest);
    let name = pushed.split_once('@').map_or(pushed, |(name, _)| name);
    image.map(|digest| format!("{name}@{digest}")).ok_or_else(|| {
        let there: Vec<&str> = images.keys().map(String::as_str).collect();
        let there = there.join(", ");
        StepError::new(format!("`{pushed}` is for {there}, and Container Instances run {platform}"))
            .help(format!("build it for {platform} too"))
    })
}

fn port(text: &str) -> Result<Port, StepError> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    };
    number
        .parse()
        .ok()
        .filter(|number| *number != 0)
        .zip(protocol)
        .map(|(number, protocol)| Port { number, protocol })
        .ok_or_else(|| StepError::new(format!("`{text}` is not a port, such as `80` or `53/udp`")))
}

/// How Azure pulls, for each registry that an image is in.
async fn registries(
    performer: &Performer,
    containers: &[Container],
    job: &Job,
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
        let target = Target { performer, service: job.service, scope: &job.scope };
        if let Some(login) = pull_login(&target, &reference.host).await? {
            logins.insert(reference.host, login);
        }
    }
    Ok(logins.into_iter().map(|(server, login)| RegistryLogin { server, login }).collect())
}

#[cfg(test)]
mod tests {
    use super::{in_gigabytes, of_index, port};
    use crate::azure::container_instances::Protocol;
    use crate::oci::Platform;

    #[test]
    fn memory_is_rounded_up_to_a_tenth_of_a_gigabyte() {
        let read: Vec<String> = [500_000_000, 1_500_000_000, 512 << 20, 1]
            .map(|bytes| in_gigabytes(bytes).to_string())
            .to_vec();
        assert_eq!(read, ["0.5", "1.5", "0.6", "0.1"]);
    }

    #[test]
    fn of_an_index_the_image_for_the_platform_is_deployed() {
        let pushed = "demo.azurecr.io/web@sha256:a";
        let pick = |images: &[(&str, &str)]| {
            let images = images.iter().map(|(name, digest)| ((*name).into(), (*digest).into()));
            of_index(pushed, &images.collect(), &Platform::default())
                .map_err(|trouble| trouble.failure.chain.join("; "))
        };

        assert_eq!(pick(&[]).as_deref(), Ok(pushed));
        assert_eq!(
            pick(&[("linux/arm64/v8", "sha256:b"), ("linux/amd64", "sha256:c")]).as_deref(),
            Ok("demo.azurecr.io/web@sha256:c")
        );
        assert_eq!(
            pick(&[("linux/arm64/v8", "sha256:b"), ("windows/amd64", "sha256:c")]),
            Err("`demo.azurecr.io/web@sha256:a` is for linux/arm64/v8, windows/amd64, \
                 and Container Instances run linux/amd64"
                .to_owned())
        );
    }

    #[test]
    fn a_port_may_say_its_protocol() {
        assert_eq!(port("80").expect("a port").number, 80);
        assert_eq!(port("53/udp").expect("a port").protocol, Protocol::Udp);
        let refused = |text: &str| port(text).expect_err("no port").failure.chain.remove(0);
        assert_eq!(refused("0"), "`0` is not a port, such as `80` or `53/udp`");
        assert_eq!(refused("80/sctp"), "`80/sctp` is not a port, such as `80` or `53/udp`");
    }
}
