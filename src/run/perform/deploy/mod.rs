//! `deploy`: runs the service's image in Azure Container Instances.

mod desired;
mod evidence;
pub(super) mod pull;
mod target;

pub(super) use evidence::with_signs_of_life;
pub(super) use target::Target;

use super::performer::{Job, Performer};
use crate::azure::container_instances::DeployEvent;
use crate::journal::{Deployed, Handover};
use crate::plan::expr::Rendered;
use crate::plan::schema::{Deploy, DeployKind};
use crate::run::outcome::{AttemptError, StepError, StepOutput};

pub(super) async fn perform(
    performer: &Performer,
    deploy: &Deploy,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let DeployKind::Aci(aci) = &deploy.kind;
    let desired = desired::desired(performer, deploy, aci, job).await?;
    job.note(format!("container group `{}` in {}", desired.id.name, desired.location));
    let events = |event: DeployEvent| job.note(event.to_string());
    let deployed = performer.clients.instances.deploy(&desired, &events).await;
    let deployed = deployed.map_err(|error| StepError::from_error(&error))?;
    let plain = |name: &str, value: &str| (name.to_owned(), Rendered::Plain(value.to_owned()));
    let mut outputs = vec![plain("resource-id", &deployed.resource_id)];
    outputs.extend(deployed.fqdn.iter().map(|fqdn| plain("fqdn", fqdn)));
    outputs.extend(deployed.ip.iter().map(|ip| plain("ip", ip)));
    outputs.extend(deployed.url.iter().map(|url| plain("url", url)));
    outputs.push(plain("urls", &deployed.urls.join("\n")));
    let handover = Handover {
        deployed: Some(Deployed {
            resource_id: deployed.resource_id,
            fqdn: deployed.fqdn,
            ip: deployed.ip,
            url: deployed.url,
        }),
        ..job.handover.clone()
    };
    Ok(StepOutput { outputs, handover })
}
