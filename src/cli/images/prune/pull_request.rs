//! Removes the tags of one pull request from some repositories, for `shipway down`.

use super::choose::{PruneChoice, PruneFilter, choose};
use super::{remove, show};
use crate::cli::images::clients::clients;
use crate::cli::images::deployed::DeployedQuery;
use crate::cli::images::survey::{Survey, survey};
use crate::cli::images::target::RegistryTarget;
use crate::cli::session::PlanSession;
use crate::cli::session::connections::Connections;
use crate::run::outcome::StepError;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// What was removed.
#[derive(Debug, Default)]
pub struct TagRemoval {
    /// One line for each tag.
    pub lines: String,
    /// As `shipway images --prune` writes it.
    pub json: Value,
    /// Why not everything was removed.
    pub error: Option<StepError>,
}

/// Removes the tags of a pull request from these registries and repositories. An
/// image that still runs, or another tag needs, stays.
pub async fn remove_tags(
    session: &PlanSession,
    connections: &Connections,
    number: u64,
    repositories: BTreeSet<(String, String)>,
) -> TagRemoval {
    let survey = match listed(session, connections, repositories).await {
        Ok(survey) => survey,
        Err(error) => {
            let error = error.while_doing("cannot remove the tags of the pull request");
            return TagRemoval { error: Some(error), ..TagRemoval::default() };
        }
    };
    let (survey, registry) = survey;
    let filter = PruneFilter {
        older_than: None,
        keep: None,
        pull_requests: Some(BTreeSet::from([number])),
        now: Timestamp::now(),
    };
    let choices: Vec<PruneChoice> =
        survey.listings.iter().map(|listing| choose(listing, &filter)).collect();
    let mut removed = Vec::new();
    let chosen = survey.listings.iter().zip(&choices);
    let error = remove::all(&registry, chosen, &mut removed).await.err();
    let report = show::PruneReport {
        survey: &survey,
        choices: &choices,
        removed: Some(&removed),
        now: filter.now,
    };
    let is_empty = choices.iter().all(|choice| choice.is_empty() && choice.kept.is_empty());
    TagRemoval {
        lines: if is_empty { String::new() } else { report.lines() },
        json: report.value(),
        error,
    }
}

async fn listed(
    session: &PlanSession,
    connections: &Connections,
    repositories: BTreeSet<(String, String)>,
) -> Result<(Survey, crate::registry::Client), StepError> {
    let clients = clients(session, connections).await?;
    let deployed = DeployedQuery { session, connections, clients: &clients };
    let targets = repositories
        .into_iter()
        .map(|(host, repository)| RegistryTarget { host, repository: Some(repository) });
    let survey = survey(&clients.registry, targets.collect(), deployed.find()).await?;
    if let (Some(why), Some(remedy)) =
        (survey.running.incomplete_because(), survey.running.remedy())
    {
        let what = "what is deployed is not known, and nothing is removed that may run";
        return Err(StepError::new(what).because(why).help(remedy));
    }
    Ok((survey, clients.registry))
}
