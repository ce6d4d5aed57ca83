//! Whether the files that images are built from have changed since what is deployed.

use crate::resolve::{HostEnvironment, count_changed};
use crate::run::perform::{ChangedSources, Forecast, StepForecast};
use std::collections::BTreeMap;

/// Compares the sources of each service's Dockerfile builds with the commit that is
/// deployed, where git knows it.
pub fn compare(host: &HostEnvironment, steps: &mut [StepForecast]) {
    let commits = deployed_commits(steps);
    for step in steps {
        let Forecast::Build { sources, changed, .. } = &mut step.forecast else { continue };
        let Some(commit) = commits.get(&step.service) else { continue };
        *changed = count_changed(host, commit, sources)
            .map(|files| ChangedSources { since: commit.clone(), files });
    }
}

/// The commit of the first target of each service.
fn deployed_commits(steps: &[StepForecast]) -> BTreeMap<String, String> {
    let mut commits = BTreeMap::new();
    for step in steps {
        let Forecast::Deploy { target: deploy, .. } = &step.forecast else { continue };
        let compared = deploy.compared.as_ref();
        if let Some(commit) = compared.and_then(|compared| compared.deployed_commit.clone()) {
            commits.entry(step.service.clone()).or_insert(commit);
        }
    }
    commits
}
