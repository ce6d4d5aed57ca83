//! How a run of ACR Tasks ended, as the error of a step.

use crate::azure::registry_tasks::{Run, RunStatus};
use crate::http::Retry;
use crate::image::dockerfile::{BuildFailure, BuildOutput, DockerfileError};
use crate::registry::registry_name;
use crate::run::outcome::StepError;
use crate::run::perform::performer::Job;

/// A run that has ended.
pub struct Ending<'a> {
    pub run: &'a Run,
    /// The registry.
    pub host: &'a str,
}

impl Ending<'_> {
    /// Why a run gave no image.
    pub fn failure(&self, output: BuildOutput, job: &Job) -> Option<StepError> {
        let Self { run, host } = self;
        let what = |how: &str| format!("the run `{}` of `{host}` {how}", run.id);
        let log = format!(
            "`az acr task logs --registry {} --run-id {}` shows its log",
            registry_name(host),
            run.id
        );
        let because = |error: StepError| match &run.error {
            Some(reason) => error.because(reason.clone()),
            None => error,
        };
        Some(match run.status {
            RunStatus::Succeeded | RunStatus::InProgress => return None,
            RunStatus::Failed => {
                let BuildFailure { error, lines } = output.failure(1);
                if matches!(error, DockerfileError::Engine { .. }) {
                    let lines = job.produced.last_lines();
                    because(StepError::new(what("failed"))).details(lines).help(log)
                } else {
                    StepError::from(error).details(lines)
                }
            }
            RunStatus::Canceled => StepError::new(what("was cancelled"))
                .details(job.produced.last_lines())
                .help("someone has ended it in Azure; run the step again"),
            RunStatus::Timeout => StepError::new(what("took too long"))
                .details(job.produced.last_lines())
                .help("give the step a longer `timeout`, of at most 8h in ACR Tasks"),
            RunStatus::Error => because(StepError::new(what("broke in Azure")))
                .details(job.produced.last_lines())
                .help(log)
                .retry(Retry::Backoff),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Ending;
    use crate::azure::registry_tasks::{Run, RunStatus};
    use crate::http::Retry;
    use crate::image::dockerfile::BuildOutput;
    use crate::run::outcome::StepError;
    use crate::run::perform::test_support::{job, performer};

    const PLAN: &str =
        "name: a\nsteps:\n- build: { using: acr }\n- tag: demo.azurecr.io/b:v1\n- push:\n";

    async fn failure(status: RunStatus) -> Option<StepError> {
        let folder = tempfile::tempdir().expect("a folder");
        let performer = performer(PLAN, folder.path()).await;
        let (job, _) = job(&performer);
        job.output("the last line".into()).await;
        let error = Some("the agent was lost".to_owned());
        let run = Run { id: "ch1".into(), status, error, images: Vec::new() };
        let output = BuildOutput::of_acr_tasks("Dockerfile", "FROM scratch\n");
        Ending { run: &run, host: "demo.azurecr.io" }.failure(output, &job)
    }

    async fn told(status: RunStatus) -> String {
        let error = failure(status).await.expect("it failed");
        let help = error.failure.help.unwrap_or_default();
        format!("{} | {} | {help}", error.failure.chain.join(": "), error.failure.details.join(" "))
    }

    #[tokio::test]
    async fn each_end_has_its_words() {
        assert!(failure(RunStatus::Succeeded).await.is_none());
        assert_eq!(
            told(RunStatus::Failed).await,
            "the run `ch1` of `demo.azurecr.io` failed: the agent was lost | the last line | \
             `az acr task logs --registry demo --run-id ch1` shows its log"
        );
        assert_eq!(
            told(RunStatus::Canceled).await,
            "the run `ch1` of `demo.azurecr.io` was cancelled | the last line | someone has ended \
             it in Azure; run the step again"
        );
        assert_eq!(
            told(RunStatus::Timeout).await,
            "the run `ch1` of `demo.azurecr.io` took too long | the last line | give the step a \
             longer `timeout`, of at most 8h in ACR Tasks"
        );
        assert_eq!(
            told(RunStatus::Error).await,
            "the run `ch1` of `demo.azurecr.io` broke in Azure: the agent was lost | the last line \
             | `az acr task logs --registry demo --run-id ch1` shows its log"
        );
        let broken = failure(RunStatus::Error).await.expect("it failed");
        assert_eq!(broken.retry, Retry::Backoff);
    }
}
