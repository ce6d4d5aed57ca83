//! The containers that the plan describes, their expressions evaluated.

use super::probes::probes;
use super::volumes::mounts;
use crate::azure::container_instances::{Container, EnvValue, Gpu, InitContainer, Limits, Port};
use crate::plan::expr::Scope;
use crate::plan::literal::{Size, Times};
use crate::plan::schema::{
    Aci, ContainerSettings, Deploy, Field, MAX_CPU, Map, Text, VariableValue,
};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::image::image_of;
use crate::run::perform::deploy::values::variable_value;
use crate::run::perform::names::{name, plain_list};
use crate::run::perform::performer::Job;

/// The service of Azure that runs them.
const RUNS_ON: &str = "Container Instances";

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

/// The first container, and further ones. `group` is the name of the group, which is
/// that of the first container unless the plan gives it another.
pub fn containers(
    deploy: &Deploy,
    aci: &Aci,
    group: &str,
    job: &Job,
) -> Result<Vec<Container>, StepError> {
    let first = first_name(aci, group, &job.scope)?;
    let mut containers = vec![container(&aci.first, first, deploy.image.as_ref(), job)?];
    for further in &aci.containers {
        let name = name(&further.name, "container's name", &job.scope)?;
        containers.push(container(&further.settings, name, further.image.as_ref(), job)?);
    }
    Ok(containers)
}

/// The name of the first container.
pub fn first_name(aci: &Aci, group: &str, scope: &Scope) -> Result<String, StepError> {
    match &aci.container_name {
        Some(text) => name(text, "container's name", scope),
        None => Ok(group.to_owned()),
    }
}

pub fn init_containers(aci: &Aci, job: &Job) -> Result<Vec<InitContainer>, StepError> {
    let scope = &job.scope;
    let all = aci.init_containers.iter().map(|keys| {
        Ok(InitContainer {
            name: name(&keys.name, "container's name", scope)?,
            image: image_of(keys.image.as_ref(), RUNS_ON, job)?,
            command: command(keys.command.as_deref(), scope)?,
            env: variables(&keys.env, scope)?,
            mounts: mounts(&keys.mounts, scope)?,
        })
    });
    all.collect()
}

fn container(
    keys: &ContainerSettings,
    name: String,
    image: Option<&Text>,
    job: &Job,
) -> Result<Container, StepError> {
    let scope = &job.scope;
    let Resources { cpu, memory_gb } = Resources::of(&keys.cpu, &keys.memory, scope)?;
    let ports = ports(&keys.ports, scope)?;
    Ok(Container {
        name,
        image: image_of(image, RUNS_ON, job)?,
        cpu,
        memory_gb,
        limits: limits(keys, scope)?,
        gpu: gpu(keys, scope)?,
        command: command(keys.command.as_deref(), scope)?,
        env: variables(&keys.env, scope)?,
        mounts: mounts(&keys.mounts, scope)?,
        probes: probes(&keys.probes, ports.first().copied(), scope)?,
        ports,
    })
}

fn ports(texts: &[Text], scope: &Scope) -> Result<Vec<Port>, StepError> {
    let ports = plain_list(texts, "port", scope)?;
    let ports = ports.iter().map(|text| text.parse::<Port>());
    ports.collect::<Result<_, _>>().map_err(|error| StepError::new(error.to_string()))
}

fn command(words: Option<&[Text]>, scope: &Scope) -> Result<Vec<String>, StepError> {
    words.map_or_else(|| Ok(Vec::new()), |words| plain_list(words, "command", scope))
}

fn variables(
    env: &Map<VariableValue>,
    scope: &Scope,
) -> Result<Vec<(String, EnvValue)>, StepError> {
    let mut all = Vec::new();
    for (key, variable) in env.iter() {
        if let Some(value) = variable_value(variable, scope)? {
            all.push((key.value.clone(), value));
        }
    }
    Ok(all)
}

fn limits(keys: &ContainerSettings, scope: &Scope) -> Result<Limits, StepError> {
    let cpu = keys.cpu_limit.as_ref().unwrap_or(&keys.cpu);
    let memory = keys.memory_limit.as_ref().unwrap_or(&keys.memory);
    let Resources { cpu, memory_gb } = Resources::of(cpu, memory, scope)?;
    Ok(Limits {
        cpu: keys.cpu_limit.is_some().then_some(cpu),
        memory_gb: keys.memory_limit.is_some().then_some(memory_gb),
    })
}

fn gpu(keys: &ContainerSettings, scope: &Scope) -> Result<Option<Gpu>, StepError> {
    let Some(gpu) = &keys.gpu else { return Ok(None) };
    let Times(count) = gpu.count.resolve(scope)?;
    Ok(Some(Gpu { count, sku: gpu.sku.resolve(scope)? }))
}

/// Azure's `memoryInGB` has steps of a tenth: rounds up to the next.
fn in_gigabytes(bytes: u64) -> f64 {
    let tenths = bytes.div_ceil(100_000_000);
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}

#[cfg(test)]
mod tests {
    use super::in_gigabytes;

    #[test]
    fn memory_is_rounded_up_to_a_tenth_of_a_gigabyte() {
        let read: Vec<String> = [500_000_000, 1_500_000_000, 512 << 20, 1]
            .map(|bytes| in_gigabytes(bytes).to_string())
            .to_vec();
        assert_eq!(read, ["0.5", "1.5", "0.6", "0.1"]);
    }
}
