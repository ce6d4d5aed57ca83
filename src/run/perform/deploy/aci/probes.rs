//! The probes of a container, their expressions evaluated.

use crate::azure::container_instances::{Port, Probe, ProbeRequest, Probes};
use crate::plan::expr::Scope;
use crate::plan::literal::{Period, Times};
use crate::plan::schema::{HealthProbe, HealthProbeKind, HealthProbes, Text};
use crate::run::outcome::StepError;
use crate::run::perform::names::{plain, plain_list};
use std::time::Duration;

/// `first_port` is the one that `http` asks where the plan names none.
pub fn probes(
    keys: &HealthProbes,
    first_port: Option<Port>,
    scope: &Scope,
) -> Result<Probes, StepError> {
    let probe = |keys: &Option<HealthProbe>| {
        keys.as_ref().map(|keys| probe(keys, first_port, scope)).transpose()
    };
    Ok(Probes { liveness: probe(&keys.liveness)?, readiness: probe(&keys.readiness)? })
}

fn probe(keys: &HealthProbe, first_port: Option<Port>, scope: &Scope) -> Result<Probe, StepError> {
    let request = match &keys.kind {
        HealthProbeKind::Http(path) => ProbeRequest::Http {
            path: plain(path, "path of a probe", scope)?,
            port: port(keys.port.as_ref(), first_port, path, scope)?,
            scheme: keys.scheme.resolve(scope)?,
            headers: keys
                .headers
                .iter()
                .map(|(name, value)| Ok((name.value.clone(), plain(value, "header", scope)?)))
                .collect::<Result<_, StepError>>()?,
        },
        HealthProbeKind::Exec(command) => {
            ProbeRequest::Exec(plain_list(command, "command of a probe", scope)?)
        }
    };
    let Period(period) = keys.period.resolve(scope)?;
    let Period(timeout) = keys.timeout.resolve(scope)?;
    let Times(failure_threshold) = keys.failure_threshold.resolve(scope)?;
    let Times(success_threshold) = keys.success_threshold.resolve(scope)?;
    Ok(Probe {
        request,
        initial_delay_secs: whole_seconds(keys.initial_delay.resolve(scope)?),
        period_secs: whole_seconds(period),
        timeout_secs: whole_seconds(timeout),
        failure_threshold,
        success_threshold,
    })
}

fn port(
    own: Option<&Text>,
    first: Option<Port>,
    path: &Text,
    scope: &Scope,
) -> Result<Port, StepError> {
    if let Some(text) = own {
        let port = plain(text, "port of a probe", scope)?.parse::<Port>();
        return port.map_err(|error| StepError::new(error.to_string()).at(&text.span));
    }
    first.ok_or_else(|| {
        StepError::new("a probe by `http` has no port to ask")
            .help("give the container `ports`, or the probe a `port`")
            .at(&path.span)
    })
}

/// Rounded up: Azure knows whole seconds.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
