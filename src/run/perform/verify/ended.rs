//! `verify: { exit: CODE }`: waits until what is deployed has run to its end.

use super::pace::Pace;
use crate::event::Outputs;
use crate::journal::TargetId;
use crate::plan::literal::ExitCode;
use crate::plan::schema::Field;
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::run::perform::deployed::{DeployedContainer, DeployedResource, split_time};
use crate::run::perform::performer::{Job, Performer};
use tokio::time::Instant;

/// How many lines of each container's log are shown.
const MAX_LOG_LINES: u32 = 200;

/// Returns once every container has ended with this exit code. Their logs are shown as
/// the output of the step. Fails as soon as one has ended with another.
pub async fn until(
    performer: &Performer,
    code: &Field<ExitCode>,
    pace: &Pace,
    job: &Job,
) -> Result<StepOutput, AttemptError> {
    let ExitCode(wanted) = code.resolve(&job.scope).map_err(StepError::from)?;
    let deployed = job.handover.deployed.as_ref().ok_or_else(|| {
        StepError::new("its end is waited for, but nothing is deployed")
            .help("deploy before, with `restart-policy: never`")
    })?;
    let target = &deployed.target;
    let began = Instant::now();
    loop {
        let last_error = match performer.services.clients.azure.deployed.find(target).await {
            Ok(Some(found)) => {
                if let Some(ended) = ended(&found, i64::from(wanted)) {
                    show_logs(performer, target, &found, job).await;
                    return ended.map_err(AttemptError::from).map(|note| {
                        job.note(note);
                        StepOutput { outputs: Outputs::new(), handover: job.handover.clone() }
                    });
                }
                None
            }
            Ok(None) => {
                let message = "what was deployed is not there any more";
                return Err(StepError::new(message).into());
            }
            // It may be there again before the time is over.
            Err(error) => Some(error),
        };
        let Some(next) = pace.next_try(began, Instant::now(), 0) else {
            let error = last_error.unwrap_or_else(|| still_runs(pace));
            return Err(error.into());
        };
        tokio::time::sleep_until(next).await;
    }
}

/// `None` while a container runs, or will run again. Else what is said of the end.
fn ended(found: &DeployedResource, wanted: i64) -> Option<Result<String, StepError>> {
    let other = found.containers.iter().find(|container| {
        !container.is_running && container.exit_code.is_some_and(|code| code != wanted)
    });
    if let Some(container) = other {
        return Some(Err(ended_otherwise(container, wanted)));
    }
    let has_ended = |container: &DeployedContainer| {
        !container.is_running && container.exit_code == Some(wanted)
    };
    (found.has_ended && found.containers.iter().all(has_ended)).then(|| {
        Ok(format!("{} `{}` has ended with exit code {wanted}", found.kind.name, found.id.name))
    })
}

fn ended_otherwise(container: &DeployedContainer, wanted: i64) -> StepError {
    let code = container.exit_code.unwrap_or_default();
    let error = StepError::new(format!(
        "container `{}` has ended with exit code {code}, not {wanted}",
        container.name
    ));
    if container.health.detail.is_empty() {
        error
    } else {
        error.because(container.health.detail.clone())
    }
}

fn still_runs(pace: &Pace) -> StepError {
    let seconds = pace.within.as_secs_f64();
    StepError::new(format!("what was deployed has not ended within {seconds} s")).help(
        "give it longer with `within`, and the step with `timeout`; what is to end needs \
         `restart-policy: never` or `on-failure`",
    )
}

/// The logs as the output of the step, each line after the name of its container where
/// there are several.
async fn show_logs(performer: &Performer, target: &TargetId, found: &DeployedResource, job: &Job) {
    let resources = &performer.services.clients.azure.deployed;
    for container in &found.containers {
        let log = match resources.log(target, &container.name, Some(MAX_LOG_LINES)).await {
            Ok(log) => log,
            Err(error) => {
                let why = error.failure.chain.join(": ");
                job.warn(format!(
                    "the log of container `{}` cannot be read: {why}",
                    container.name
                ));
                continue;
            }
        };
        for line in log.lines() {
            let text = split_time(line).map_or(line, |(_, text)| text);
            let line = match found.containers.len() {
                1 => text.to_owned(),
                _ => format!("{}: {text}", container.name),
            };
            job.output(line).await;
        }
    }
}
