//! `shipway images`: lists what registries hold and what of it is deployed, lists
//! what is attached to an image, and removes old images.
//!
//! `survey` asks the servers, `table` and `json` show the result, `prune` chooses
//! and removes.

mod clients;
mod deployed;
mod json;
mod prune;
mod referrers;
mod survey;
mod table;
mod target;

pub use clients::clients;
pub use prune::pull_request;

use super::exit::Exit;
use super::plan_file::PlanFile;
use super::plan_options::{ContextOptions, open};
use super::plan_search::{default_plan, existing_plan};
use super::runtime::block_on;
use super::say;
use super::session::connections::Connections;
use super::session::repositories::repositories;
use super::session::{PlanSession, show_step_error};
use crate::journal::RunOptions;
use crate::plan::expr::Scope;
use crate::plan::schema::Plan;
use crate::report::Output;
use crate::run::outcome::StepError;
use crate::secret::Redactor;
use clap::Args;
use deployed::{DeployedImages, DeployedQuery, Gap};
use jiff::Timestamp;
use prune::{Prune, PruneArguments};
use std::path::{Path, PathBuf};
use target::RegistryTarget;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway images                                what the registries of the plan hold
  shipway images --prune --older-than 30d       what would be removed
  shipway images --prune --pr 12 --yes          remove the tags of a pull request

Exit codes: 0 done; 2 the plan or the command line is wrong, or nothing was confirmed; 3 a registry does
not answer, or refuses; 4 something is left that should have been removed")]
pub struct ImagesArguments {
    /// List this registry or repository instead of those of the plan
    #[arg(value_name = "REGISTRY[/REPOSITORY]")]
    pub name: Option<String>,
    /// Take registries and logins from this plan [default: the one that is found here]
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    pub contexts: ContextOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// List what is attached to an image: SBOM, provenance, signatures
    #[arg(long, requires = "name", conflicts_with = "prune")]
    pub referrers: bool,
    /// With `--referrers`, list only this type, such as `application/spdx+json`
    #[arg(long, value_name = "TYPE", requires = "referrers")]
    pub artifact_type: Option<String>,
    #[command(flatten)]
    pub removal: PruneArguments,
}

/// The remedy for a missing plan.
const NO_PLAN_HELP: &str =
    "name the plan's file with `--plan PLAN`, or a registry, as in `shipway images REGISTRY`";

/// Lists or removes images.
pub fn images(arguments: &ImagesArguments) -> Result<Exit, Exit> {
    let mistake = target::mistake(arguments.name.as_deref(), arguments.referrers);
    if let Some(mistake) = mistake.or_else(|| prune::mistake(&arguments.removal)) {
        show_step_error(mistake, &Redactor::default());
        return Err(Exit::Usage);
    }
    let session = session(arguments)?;
    block_on(async {
        let result = perform(arguments, &session).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

/// A session with the plan of `--plan`, or else with the one that is found here. If the
/// command line names a registry, a missing plan is no error: the session has none then.
fn session(arguments: &ImagesArguments) -> Result<PlanSession, Exit> {
    let file = match (&arguments.plan, existing_plan()) {
        (Some(plan), _) => PlanFile::read(plan, NO_PLAN_HELP)?,
        (None, None) if arguments.name.is_some() => PlanFile::none(),
        (None, _) => PlanFile::read(Path::new(default_plan()), NO_PLAN_HELP)?,
    };
    let options = RunOptions { cloud: arguments.cloud.clone(), ..arguments.contexts.run_options() };
    Ok(open(file, &options, arguments.output)?)
}

async fn perform(arguments: &ImagesArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let connections = Connections::of(session)?;
    let clients = clients(session, &connections).await?;
    if arguments.referrers {
        // `--referrers` requires the name.
        let name = arguments.name.as_deref().unwrap_or_default();
        let kind = arguments.artifact_type.as_deref();
        say::result(&referrers::list(name, kind, arguments.output, &clients.registry).await?);
        return Ok(Exit::Done);
    }
    let targets = targets(arguments, session)?;
    let deployed = DeployedQuery { session, connections: &connections, clients: &clients };
    let survey = survey::survey(&clients.registry, targets, deployed.find()).await?;
    if arguments.removal.prune {
        let prune = Prune {
            arguments: &arguments.removal,
            output: arguments.output,
            session,
            connections: &connections,
            registry: &clients.registry,
        };
        return prune.run(&survey).await;
    }
    say::result(&match arguments.output {
        Output::Json => json::list(&survey),
        Output::Human => table::list(&survey, Timestamp::now()),
    });
    match &survey.running {
        DeployedImages::Known(_) => {}
        DeployedImages::Unknown(why) => {
            say::tell(&format!("note: what is deployed is not known: {why}"));
        }
        DeployedImages::Partial {
            gap: Gap::OtherResourceGroups(why) | Gap::ImageName(_, why),
            ..
        } => {
            say::tell(&format!("note: not all that is deployed is known: {why}"));
        }
    }
    Ok(Exit::Done)
}

/// The registry of the command line, or those of the plan.
fn targets(
    arguments: &ImagesArguments,
    session: &PlanSession,
) -> Result<Vec<RegistryTarget>, StepError> {
    if let Some(name) = &arguments.name {
        return Ok(vec![RegistryTarget::named(name)]);
    }
    let targets = targets_of(&session.plan, &session.scope);
    if targets.is_empty() {
        return Err(StepError::new("the plan names no registries")
            .help("name one, as in `shipway images REGISTRY`"));
    }
    Ok(targets)
}

/// The registries that the plan lists, and of others the repositories that it tags.
fn targets_of(plan: &Plan, scope: &Scope) -> Vec<RegistryTarget> {
    let listed = plan.registries.keys();
    let mut targets: Vec<_> =
        listed.map(|host| RegistryTarget { host: host.to_owned(), repository: None }).collect();
    let tagged = repositories(plan, scope).into_iter();
    let others: Vec<_> = tagged
        .filter(|(host, _)| targets.iter().all(|target| target.host != *host))
        .map(|(host, repository)| RegistryTarget { host, repository: Some(repository) })
        .collect();
    targets.extend(others);
    targets
}

#[cfg(test)]
mod tests {
    use super::targets_of;
    use crate::plan::expr::{Object, Scope};

    #[test]
    fn repositories_that_only_a_tag_names_are_listed() {
        let reading = crate::plan::read(
            "name: shop
registries: { listed.azurecr.io: {} }
vars: { host: demo.azurecr.io }
steps:
- build: .
- tag: [listed.azurecr.io/web:v1, 'ghcr.io/octo/web:v1']
- tag: { image: '${{ vars.host }}/web', tags: [v1, v2] }
",
        );
        let scope =
            Scope::default().with("vars", Object::default().with("host", "demo.azurecr.io"));
        let found = targets_of(&reading.plan.expect("a plan"), &scope);
        let found: Vec<_> =
            found.iter().map(|it| (it.host.as_str(), it.repository.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("listed.azurecr.io", None),
                ("demo.azurecr.io", Some("web")),
                ("ghcr.io", Some("octo/web")),
            ]
        );
    }
}
