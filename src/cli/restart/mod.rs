//! `shipway restart`: starts what runs again, as it is deployed.
//!
//! For each service it is a run of its own, whose `deploy` restarts what that has deployed
//! and sends nothing else, and whose checks are those of the plan: it takes the lease, is
//! journaled, verified and resumed as any other. `choose` finds what is restarted.

mod choose;

use super::columns::{age, columns};
use super::exit::Exit;
use super::pipeline::audience::{Audience, ViewOptions};
use super::plan_options::DeployedOptions;
use super::run::{RunArguments, run};
use super::runtime::block_on;
use super::say;
use super::session::connections::Connections;
use super::targets::{
    Targets, refuse_missing_environment, refuse_unknown_services, require_named_if_protected,
};
use crate::journal::{PutBack, RunOptions};
use crate::run::outcome::StepError;
use choose::{Restart, choose};
use clap::Args;
use jiff::Timestamp;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway restart web --env production
  shipway restart --env production
  shipway restart api --pr 7

Images and settings stay as they are deployed; a deploy is `shipway run`. Several services are
restarted one after the other, each after those that it needs, and the first that fails ends it.

Exit codes: 0 all of them run and passed the plan's checks; 2 the plan or the command line is
wrong; 3 nothing is deployed, or something needed is missing, such as a login, before anything
was restarted; 4 one does not run again, or could not be verified.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct RestartArguments {
    /// Restart these services [default: all that the plan has deployed]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Keep the state here instead of in `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub view: ViewOptions,
}

/// Restarts what runs.
pub fn restart(arguments: &RestartArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.view.output)?;
    refuse_unknown_services(&session, arguments.services.iter().map(String::as_str))?;
    refuse_missing_environment(&session)?;
    let refused = |error: StepError| session.show_step_error(error);
    let is_named = arguments.deployed.contexts.env.is_some();
    require_named_if_protected(&session, is_named, "restart what runs").map_err(refused)?;
    if session.withholds {
        return Err(refused(
            StepError::new("cannot restart what runs")
                .because("the code is a fork's, or may be, and changes nothing that is deployed")
                .help("restart it in a checkout of the base branch"),
        ));
    }
    let chosen = block_on(async {
        let found = async {
            let connections = Connections::of(&session)?;
            let targets = Targets::new(&session, &connections);
            choose(&targets, &arguments.services).await
        };
        Box::pin(found).await.map_err(refused)
    })?;
    say::tell(&table(&chosen, Timestamp::now()));
    let mut left = chosen.as_slice();
    while let Some((restart, later)) = left.split_first() {
        let arguments = restart.run(arguments);
        let exit = run(&arguments, Audience::Command(&arguments.view)).unwrap_or_else(|exit| exit);
        if exit != Exit::Done {
            let names: Vec<String> =
                later.iter().map(|it| format!("`{}`", it.target.tags.service)).collect();
            if !names.is_empty() {
                say::tell(&format!("not restarted: {}", names.join(", ")));
            }
            return Ok(exit);
        }
        left = later;
    }
    Ok(Exit::Done)
}

impl Restart {
    /// The run that restarts it.
    fn run(&self, arguments: &RestartArguments) -> RunArguments {
        let tags = &self.target.tags;
        let put_back = PutBack {
            service: tags.service.clone(),
            image: self.image.clone(),
            tags: tags.to_map(),
            takes_back: false,
            outputs: self.outputs.clone(),
            restart: Some(self.target.id.target.clone()),
        };
        let options = RunOptions {
            allow_older: true,
            pr: arguments.deployed.pr,
            // The comment and the deployment are about the run that deployed.
            no_report: true,
            cloud: arguments.cloud.clone(),
            put_back: Some(put_back),
            ..arguments.deployed.contexts.run_options()
        };
        RunArguments {
            plan: arguments.deployed.plan.clone(),
            options,
            state_dir: arguments.state_dir.clone(),
            view: arguments.view.clone(),
        }
    }
}

/// What is restarted, in order.
fn table(chosen: &[Restart], now: Timestamp) -> String {
    let row = |restart: &Restart| {
        let tags = &restart.target.tags;
        let commit = tags.commit.as_deref().map(|commit| commit.chars().take(7).collect());
        vec![
            tags.service.clone(),
            format!("{} {}", restart.target.kind.name, restart.target.id.name),
            commit.unwrap_or_else(|| "-".to_owned()),
            format!("{} ago", age(tags.deployed_at(), now)),
        ]
    };
    let rows: Vec<Vec<String>> = chosen.iter().map(row).collect();
    columns(&["SERVICE", "RESTARTS", "COMMIT", "DEPLOYED"], &rows)
}

#[cfg(test)]
mod tests {
    use super::choose::Restart;
    use super::table;
    use crate::cli::targets::Target;
    use crate::run::perform::ResourceTags;
    use crate::run::perform::deployed_testing::job_file;
    use std::collections::BTreeMap;

    #[test]
    fn table_names_what_is_restarted_in_order() {
        let restart = |service: &str, commit: Option<&str>| {
            let tags = ResourceTags {
                service: service.to_owned(),
                commit: commit.map(str::to_owned),
                run: "01kdt4eyg0000000000000000a".to_owned(),
                ..ResourceTags::default()
            };
            let file = job_file(&format!("shop-{service}"), None, &[]);
            let target = Target { id: file.id, kind: file.kind, tags };
            Restart { target, image: String::new(), outputs: BTreeMap::default() }
        };
        let chosen = [restart("api", None), restart("web", Some("4e1d2aa9c0ffee"))];
        let now = "2025-12-31T15:00:00Z".parse().expect("a time");
        assert_eq!(
            table(&chosen, now),
            "SERVICE  RESTARTS           COMMIT   DEPLOYED\n\
             api      job file shop-api  -        3h ago\n\
             web      job file shop-web  4e1d2aa  3h ago"
        );
    }
}
