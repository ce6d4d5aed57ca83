//! `shipway sweep`: removes previews that have outlived their `ttl`, whose pull
//! request is closed, or whose branch is gone.
//!
//! It looks at what all plans of the repository deployed, found by its tags, and needs
//! no plan. What GitHub does not tell is kept.

mod decide;
mod states;

use super::confirm::Expected;
use super::exit::Exit;
use super::plan_file::PlanFile;
use super::plan_options::open;
use super::plan_search::existing_plan;
use super::removal::resource::{ListedResource, TaggedResource};
use super::removal::show::count;
use super::removal::{Removal, RemovalOptions, deployed, mistake};
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::{Connections, GitHubConnection};
use super::session::listing::Listing;
use crate::event::Channel;
use crate::journal::RunOptions;
use crate::run::outcome::StepError;
use crate::run::perform::AzureClients;
use crate::value::quoted;
use clap::Args;
use decide::{SweepFilter, decide_all, is_preview};
use jiff::Timestamp;
use serde_json::Map;
use states::States;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  shipway sweep --dry-run          list the previews, and why each goes or stays
  shipway sweep --yes              remove those that can go, as in a nightly workflow

Exit codes: 0 removed, 2 not confirmed, 3 nothing could be read, 4 something is left")]
pub struct SweepArguments {
    /// Sweep only what this plan deployed [default: all plans of the repository]
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Sweep what was deployed from this repository [default: that of the workflow or of git]
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
    /// Look in this subscription [default: the plan's, `AZURE_SUBSCRIPTION_ID`, the only one]
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
    /// Look in this resource group only, several times for several
    #[arg(long, value_name = "NAME")]
    pub resource_group: Vec<String>,
    /// Remove at most this many container groups
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub max: usize,
    #[command(flatten)]
    pub options: RemovalOptions,
}

/// The remedy for a missing plan.
const NO_PLAN_HELP: &str = "name the plan's file with `--plan PLAN`, or leave it out";

/// Removes previews.
pub fn sweep(arguments: &SweepArguments) -> Result<Exit, Exit> {
    let file = match &arguments.plan {
        Some(plan) => PlanFile::read(plan, NO_PLAN_HELP)?,
        None => found_plan(arguments),
    };
    let options = RunOptions { cloud: arguments.options.cloud.clone(), ..RunOptions::default() };
    let session = open(file, &options, arguments.options.output)?;
    let repository = repository(&session, arguments).map_err(|error| mistake(&session, error))?;
    block_on(async { Sweep { arguments, session: &session, repository }.run().await })
}

/// The plan that is found here, which may name the subscription. One with mistakes must not keep
/// a nightly sweep from doing its work.
fn found_plan(arguments: &SweepArguments) -> PlanFile {
    let found = existing_plan().filter(|_| arguments.subscription.is_none());
    let Some(path) = found else { return PlanFile::none() };
    match PlanFile::open(&path) {
        Ok(file) if file.plan.is_some() => file,
        Ok(_) | Err(_) => {
            say::tell(&format!(
                "note: the plan `{}` cannot be read, so the subscription is chosen without it; \
                 `shipway check` says why",
                path.display()
            ));
            PlanFile::none()
        }
    }
}

fn repository(session: &PlanSession, arguments: &SweepArguments) -> Result<String, StepError> {
    let variable = || session.host.var("GITHUB_REPOSITORY").map(str::to_owned);
    let found = arguments.repository.clone().or_else(|| session.resolved.repository());
    found.or_else(variable).ok_or_else(|| {
        StepError::new("cannot tell which previews are meant, because no repository is named")
            .help("add `--repository OWNER/NAME`, or run in a clone of it")
    })
}

struct Sweep<'a> {
    arguments: &'a SweepArguments,
    session: &'a PlanSession,
    /// `owner/name`
    repository: String,
}

impl Sweep<'_> {
    async fn run(&self) -> Result<Exit, Exit> {
        let refused = |error: StepError| self.session.show_step_error(error);
        let mut connections = Connections::for_removal(self.session).map_err(refused)?;
        match &mut connections.github {
            Some(github) => github.repository.clone_from(&self.repository),
            // No repository was known, so there was nothing to connect to.
            None if self.session.options.cloud.is_none() => {
                let PlanSession { host, redactor, .. } = self.session;
                let repository = self.repository.clone();
                connections.github = GitHubConnection::real(host, redactor, repository);
            }
            None => {}
        }
        let azure = connections.azure_clients(self.session);
        let all = self.resources(&azure).await.map_err(refused)?;
        let previews: Vec<TaggedResource> =
            all.iter().filter(|one| is_preview(one)).cloned().collect();
        let states =
            States::of(&previews, &connections, &self.repository).await.map_err(refused)?;
        let filter = self.filter().map_err(refused)?;
        let now = Timestamp::now();
        let expired =
            |listed: &ListedResource| is_expired(&listed.resource, now).then(|| EXPIRED.to_owned());
        let removal = Removal {
            session: self.session,
            connections: &connections,
            azure: &azure,
            options: &self.arguments.options,
            listed: decide_all(&all, &filter, &states, now),
            stage: &|_| 0,
            all: &all,
            channels: &[Channel::Comment, Channel::Deployment],
            why: &expired,
        };
        let going = removal.listed.iter().filter(|one| one.goes).count();
        let heading = match removal.listed.len() {
            0 => format!("no preview of `{}` is deployed", self.repository),
            whole => format!("{going} of {} can go", count(whole, "preview")),
        };
        if let Err(exit) = removal.confirm(&heading, Expected::Yes) {
            return Ok(exit);
        }
        let removed = removal.perform(BTreeSet::new()).await;
        removal.show(&removed, Map::new());
        Ok(removal.sum_up(&removed, &command(self.arguments)))
    }

    /// All that was deployed from the repository.
    async fn resources(&self, azure: &AzureClients) -> Result<Vec<TaggedResource>, StepError> {
        let PlanSession { plan, scope, .. } = self.session;
        let subscription = match &self.arguments.subscription {
            Some(id) => id.clone(),
            None => azure.subscription.id(plan, scope).await?,
        };
        let listing = Listing { session: self.session, resources: &azure.deployed };
        let named: BTreeSet<String> = self.arguments.resource_group.iter().cloned().collect();
        let found = if named.is_empty() {
            listing.listed(&subscription).await?.with_note(&self.session.redactor)
        } else {
            listing.of(&subscription, &named).await?
        };
        let mut all = deployed(found);
        all.retain(|one| one.is_of(Some(&self.repository)));
        Ok(all)
    }

    fn filter(&self) -> Result<SweepFilter, StepError> {
        let PlanSession { plan, scope, .. } = self.session;
        let named = self.arguments.plan.is_some();
        let mut protected = Vec::new();
        for (name, environment) in plan.environments.iter().filter(|_| named) {
            if environment.protected.resolve(scope)? {
                protected.push(name.value.clone());
            }
        }
        let plan = named.then(|| plan.name.value.clone());
        Ok(SweepFilter { plan, protected, max: self.arguments.max })
    }
}

/// What the comment of an expired preview says.
const EXPIRED: &str = "It had outlived its `ttl`";

fn is_expired(resource: &TaggedResource, now: Timestamp) -> bool {
    resource.tags.expires_at().is_some_and(|time| time <= now)
}

/// The command with its own options that say what is swept.
fn command(arguments: &SweepArguments) -> String {
    let SweepArguments { repository, subscription, resource_group, options, .. } = arguments;
    let given = [
        ("repository", repository.as_slice()),
        ("subscription", subscription.as_slice()),
        ("resource-group", resource_group.as_slice()),
        ("comment-key", options.comment_key.as_slice()),
    ];
    let words = given.iter().flat_map(|(name, values)| {
        values.iter().map(move |value| format!(" --{name} {}", quoted(value)))
    });
    words.fold("sweep".to_owned(), |line, word| line + &word)
}

#[cfg(test)]
mod tests {
    use super::{SweepArguments, command};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sweep: SweepArguments,
    }

    #[test]
    fn command_of_a_message_sweeps_the_same() {
        let line = "shipway --repository octo/shop --subscription s --resource-group a \
                    --resource-group b --comment-key k --yes --max 3";
        let Line { sweep } = Line::parse_from(line.split_whitespace());
        assert_eq!(
            command(&sweep),
            "sweep --repository octo/shop --subscription s --resource-group a --resource-group b \
             --comment-key k"
        );
    }
}
