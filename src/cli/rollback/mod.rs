//! `shipway rollback`: puts the version before back.
//!
//! It is a run of the plan's deploy and checks with the image of that version, so that
//! it is journaled, verified, reported and resumed as any other. `choose` finds the
//! version, `obstacles` says what would keep the rollback from being complete.

mod choose;
mod needs;
mod obstacles;

use super::columns::age;
use super::confirm::{Answer, Expected, ask};
use super::exit::Exit;
use super::pipeline::audience::{Audience, ViewOptions};
use super::plan::{self, Foreseen, foresee};
use super::plan_options::DeployedOptions;
use super::revisions::{ListedRevision, TargetRevisions, revisions};
use super::run::{RunArguments, run};
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::session::run::{Planning, RunSession};
use super::targets::{
    Targets, refuse_missing_environment, refuse_unknown_services, require_named_if_protected,
};
use crate::event::Outputs;
use crate::journal::{PutBack, RunOptions};
use crate::plan::schema::Step;
use crate::report::Output;
use crate::run::outcome::StepError;
use crate::run::perform::ResourceTags;
use choose::choose;
use clap::Args;
use jiff::Timestamp;
pub use needs::outputs_of_needs;
use obstacles::{Intended, obstacles};
use std::collections::BTreeMap;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  shipway rollback web --env production
  shipway rollback web --env production --to 4e1d2aa --yes
  shipway rollback --pr 7 --dry-run

`shipway status --history` lists the versions. Only the image goes back: the settings are
those of the plan, secrets are read again, and other services and data stay.

Exit codes: 0 the version runs and passed the plan's checks; 2 the plan or the command line is wrong;
3 there is no such version, or something is missing to put it back, before anything was
changed; 4 it does not run or could not be verified, 5 and what ran before runs again
(`on-failure: rollback`), 6 which failed too.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct RollbackArguments {
    /// Roll this service back [default: the only one that the plan deploys]
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,
    /// Go back to this version: its number, commit or digest [default: the newest verified]
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Go back to a version even if it was never verified
    #[arg(long)]
    pub allow_unverified: bool,
    /// Go back without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Simulate an event: `push`, `pull_request`, or a file with a payload
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Update the comment that a run made with this `--comment-key`
    #[arg(long, value_name = "KEY")]
    pub comment_key: Option<String>,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Keep the state here instead of in `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub view: ViewOptions,
}

/// The version that a target goes back to, and what it runs now.
struct Intent {
    revisions: TargetRevisions,
    to: ListedRevision,
    /// The outputs of the services that the service needs.
    outputs: BTreeMap<String, Outputs>,
}

/// Puts a version back.
pub fn rollback(arguments: &RollbackArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.view.output)?;
    refuse_unknown_services(&session, arguments.service.as_deref())?;
    refuse_missing_environment(&session)?;
    let refused = |error: StepError| session.show_step_error(error);
    let service = service(arguments, &session).map_err(refused)?;
    let found =
        block_on(async { Box::pin(intent(arguments, &session, &service)).await.map_err(refused) });
    let intent = found?;
    let options = intent.options(arguments);
    if let Err(exit) = confirmed(arguments, &options, &intent) {
        return if exit == Exit::Done { Ok(exit) } else { Err(exit) };
    }
    let arguments = RunArguments {
        plan: arguments.deployed.plan.clone(),
        options,
        state_dir: arguments.state_dir.clone(),
        view: arguments.view.clone(),
    };
    run(&arguments, Audience::Command(&arguments.view))
}

/// The service that is meant.
fn service(arguments: &RollbackArguments, session: &PlanSession) -> Result<String, StepError> {
    let is_named = arguments.deployed.contexts.env.is_some();
    require_named_if_protected(session, is_named, "roll back")?;
    let deploys = |name: &str| {
        let steps = session.plan.services.get(name).map(|service| &service.steps);
        let is_deploy = |step: &&Step| step.action.azure_deploy().is_some();
        steps.into_iter().flatten().filter(is_deploy).count()
    };
    let deployed: Vec<&str> =
        session.plan.services.keys().filter(|name| deploys(name) > 0).collect();
    let name = match (&arguments.service, deployed.as_slice()) {
        (Some(name), _) => name.as_str(),
        (None, [one]) => one,
        (None, []) => return Err(StepError::of_usage("the plan deploys no service")),
        (None, several) => {
            let help = format!("name one of `{}`", several.join("`, `"));
            let what = "the plan deploys several services, and a rollback is of one";
            return Err(StepError::of_usage(what).help(help));
        }
    };
    match deploys(name) {
        0 => Err(StepError::of_usage(format!("the plan does not deploy `{name}`"))
            .help(format!("name one of `{}`", deployed.join("`, `")))),
        1 => Ok(name.to_owned()),
        _ => Err(StepError::of_usage(format!("`{name}` has several deploys"))
            .because("a rollback puts a service with one deploy back")
            .help("`shipway run --from` deploys an earlier image that `image:` names")),
    }
}

/// Finds the version.
async fn intent(
    arguments: &RollbackArguments,
    session: &PlanSession,
    service: &str,
) -> Result<Intent, StepError> {
    let connections = Connections::of(session)?;
    let targets = Targets::new(session, &connections);
    let found = revisions(&targets, &connections, &[service.to_owned()]).await?;
    let mut found = found.targets;
    let Some(revisions) = found.pop() else {
        return Err(targets.not_deployed(service));
    };
    if !found.is_empty() {
        let what = format!("`{service}` is deployed more than once{}", targets.place());
        return Err(StepError::of_usage(what).help("name the pull request with `--pr N`"));
    }
    let to = choose(&revisions, arguments.to.as_deref(), arguments.allow_unverified)?.clone();
    let outputs = outputs_of_needs(&targets, service).await?;
    Ok(Intent { revisions, to, outputs })
}

impl Intent {
    /// The options of the run that puts the version back.
    fn options(&self, arguments: &RollbackArguments) -> RunOptions {
        let tags = &self.revisions.target.tags;
        let to = &self.to.revision;
        let tags = ResourceTags {
            commit: to.commit.clone(),
            commit_time: to.commit_time.clone(),
            dirty: to.dirty,
            digest: Some(to.digest().to_owned()),
            image_tag: to.image.tag.clone(),
            verified: false,
            revisions: Vec::new(),
            ..tags.clone()
        };
        let put_back = PutBack {
            service: tags.service.clone(),
            image: to.image.to_string(),
            tags: tags.to_map(),
            // Going forward again says nothing against what runs.
            takes_back: !to.taken_back,
            outputs: self.outputs.clone(),
            restart: None,
        };
        RunOptions {
            event: arguments.event.clone(),
            allow_older: true,
            pr: arguments.deployed.pr,
            comment_key: arguments.comment_key.clone(),
            cloud: arguments.cloud.clone(),
            put_back: Some(put_back),
            ..arguments.deployed.contexts.run_options()
        }
    }

    /// What runs, and what is going to run.
    fn lines(&self, now: Timestamp) -> String {
        let described = |listed: &ListedRevision| {
            let state = if listed.revision.verified { "verified" } else { "not verified" };
            let age = age(listed.revision.deployed_at(), now);
            format!("{}, deployed {age} ago, {state}", listed.name())
        };
        let service = &self.revisions.target.tags.service;
        let current = self.revisions.current.as_ref();
        let current = current.map_or_else(|| "an image without a digest".to_owned(), described);
        let mut lines = vec![
            format!("`{service}` runs {current}"),
            format!("it goes back to {}", described(&self.to)),
        ];
        if self.to.revision.secure.is_none() {
            lines.push("note: which secure variables it had is not recorded".to_owned());
        }
        lines.join("\n")
    }
}

/// Shows what would change, refuses what could not be complete, and asks. The error is
/// the exit of a rollback that is not to be done.
fn confirmed(
    arguments: &RollbackArguments,
    options: &RunOptions,
    intent: &Intent,
) -> Result<(), Exit> {
    let audience = Audience::Command(&arguments.view);
    let planning = Planning { redactor: audience.redactor(), live: true };
    let state_dir = arguments.state_dir.as_deref();
    let mut run = RunSession::plan_only(&arguments.deployed.plan, options, state_dir, planning)?;
    let foreseen = block_on(async { Ok(Box::pin(foresee(&mut run, audience, true)).await?) });
    let Foreseen { steps, .. } = foreseen?;
    let session = &run.session;
    let Intent { revisions, to, .. } = intent;
    let service = &revisions.target.tags.service;
    let intended = Intended { target: &revisions.target, to, steps: &steps };
    let missing = obstacles(session, &intended);
    if !missing.is_empty() {
        let first = format!("cannot roll `{service}` back to {}", to.name());
        let chain = [vec![first], missing].concat();
        let help = format!(
            "nothing was changed; `shipway status --history {service}` lists other versions"
        );
        let help = session.command_context().complete(&help);
        let chain: Vec<String> = chain.iter().map(|line| session.redactor.redact(line)).collect();
        say::error(&chain, Some(&help));
        return Err(Exit::Precondition);
    }
    say::tell(&intent.lines(Timestamp::now()));
    let shown = plan::shown(session, steps, arguments.view.output);
    if arguments.dry_run {
        say::result(&shown);
        return Err(Exit::Done);
    }
    if arguments.view.output == Output::Human {
        say::tell(&shown);
    }
    say::tell("other services and data are not rolled back");
    if arguments.yes {
        return Ok(());
    }
    let chosen = session.resolved.environment.as_ref().filter(|chosen| chosen.protected);
    let expected = chosen.map_or(Expected::Yes, |chosen| Expected::Name(&chosen.name));
    match ask(&format!("Roll `{service}` back?"), expected, "nothing was changed") {
        Answer::Agreed => Ok(()),
        Answer::Declined => Err(Exit::Usage),
        Answer::NotAsked => {
            let chain = [
                format!("cannot roll `{service}` back without a confirmation"),
                "there is no terminal to ask in".to_owned(),
            ];
            say::error(&chain, Some("add `--yes`"));
            Err(Exit::Usage)
        }
    }
}
