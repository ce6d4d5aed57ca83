//! What is restarted: found by its tags alone, and in the order of `needs`.

use crate::cli::down::stages;
use crate::cli::rollback::outputs_of_needs;
use crate::cli::targets::{Target, Targets};
use crate::event::Outputs;
use crate::run::outcome::StepError;
use std::collections::BTreeMap;

/// A service whose containers are started again.
#[derive(Clone, Debug)]
pub struct Restart {
    pub target: Target,
    /// Its image, by digest; empty where that is not known.
    pub image: String,
    /// The outputs of the services that it needs, by service.
    pub outputs: BTreeMap<String, Outputs>,
}

/// What the plan has deployed of these services, or of all: a service after those that it
/// needs.
pub async fn choose(targets: &Targets<'_>, services: &[String]) -> Result<Vec<Restart>, StepError> {
    let plan = &targets.session.plan;
    let listed = targets.listed_in_environment().await?;
    let place = targets.place();
    let stages = stages(plan);
    let mut names: Vec<&str> = plan.services.keys().collect();
    names.retain(|name| services.is_empty() || services.iter().any(|it| it == name));
    names.sort_by_key(|name| std::cmp::Reverse(stages.get(*name).copied().unwrap_or_default()));
    let mut chosen = Vec::new();
    for name in names {
        let mut own = listed.iter().filter(|(target, _)| target.tags.service == name);
        let Some((target, resource)) = own.next() else {
            if services.is_empty() {
                continue;
            }
            return Err(targets.not_deployed(name));
        };
        let further: Vec<&Target> = own.map(|(target, _)| target).collect();
        if !further.is_empty() {
            let what = format!("`{name}` is deployed more than once{place}");
            let request = &target.tags.pull_request;
            let is_previews = further.iter().any(|other| other.tags.pull_request != *request);
            return Err(StepError::of_usage(what).help(if is_previews {
                "name the pull request with `--pr N`"
            } else {
                "name the services that have one deploy; `az container restart` restarts one group"
            }));
        }
        chosen.push(Restart {
            target: target.clone(),
            image: resource.revision.as_ref().map(|it| it.image.to_string()).unwrap_or_default(),
            outputs: outputs_of_needs(targets, name).await?,
        });
    }
    if chosen.is_empty() {
        let plan = &plan.name.value;
        return Err(StepError::new(format!("nothing that `{plan}` deployed{place} is there"))
            .help("`shipway run` deploys it; another environment is named with `--env`"));
    }
    Ok(chosen)
}
