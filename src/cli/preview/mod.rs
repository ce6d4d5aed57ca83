//! `shipway preview`: the preview of a pull request, for its whole life.
//!
//! What the event means is decided in `decide`. Deploying is `run`, and removing is
//! `down`, with nothing of their own here.

mod decide;
mod permission;

use super::down::{Down, DownArguments, DownFilter, EnvironmentFilter, TakenDown, protected};
use super::exit::Exit;
use super::pipeline::audience::Audience;
use super::pipeline::{Asked, refused_early, write_status};
use super::refusal::Refusal;
use super::removal::RemovalOptions;
use super::run::{RunArguments, run_started};
use super::runtime::block_on;
use super::say;
use super::session::base_plan::read_plan_of_run;
use super::session::connections::GitHubConnection;
use super::session::run::RunSession;
use super::session::{PlanSession, refuse, show_step_error};
use crate::journal::RunId;
use crate::report::Output;
use crate::run::outcome::StepError;
use crate::run::perform::retry;
use clap::Args;
use decide::{CommentCommand, Decision, PreviewFacts};
use serde_json::Value;
use std::time::Duration;

/// The lease of a run that was cancelled ends within two minutes, and a run that goes on
/// should not keep a job for long.
const MAX_WAIT_FOR_RUNS: Duration = Duration::from_mins(10);

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway preview              in a workflow of `pull_request`: run the plan, or take down
  shipway preview --pr 12      deploy the preview of pull request 12

Exit codes: as `run` and `down` have them; 0 where there is nothing to do")]
pub struct PreviewArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Remove the tags of a closed pull request from the plan's repositories too
    #[arg(long)]
    pub images: bool,
}

/// Deploys the preview of a pull request, or takes it down.
pub fn preview(arguments: &PreviewArguments, audience: Audience) -> Result<Exit, Exit> {
    let RunArguments { plan, options, state_dir, .. } = &arguments.run;
    let redactor = audience.redactor();
    let state_dir = state_dir.as_deref();
    let asked = Asked { plan, options, state_dir, audience, redactor: &redactor };
    let id = RunId::new();
    let decided = read_plan_of_run(plan, options, &redactor)
        .and_then(|plan| PlanSession::of_run(plan, options, redactor.clone(), &id))
        .and_then(|session| Ok((decide(&session)?, session)));
    let refused = |refusal| {
        let refusal = Refusal { may_leave_preview: true, ..refusal };
        block_on(async { Err(refused_early(asked, refusal).await) })
    };
    let (decision, session) = match decided {
        Ok(decided) => decided,
        Err(refusal) => return refused(refusal),
    };
    match decision {
        Decision::Deploy => match RunSession::begin(session, state_dir, id) {
            Ok(mut run) => deploy(arguments, &mut run, audience),
            Err(refusal) => refused(refusal),
        },
        Decision::Remove(why) => Ok(write_removal_status(take_down(arguments, &session, &why))),
        Decision::Leave(why) => {
            let why = session.command_context().complete(&why);
            say::tell(&format!("nothing to do: {why}"));
            Ok(write_status("skipped", Exit::Done))
        }
    }
}

/// What the event means. A comment counts only if its author may write.
fn decide(session: &PlanSession) -> Result<Decision, Refusal> {
    let refused = |error: StepError| refuse(session, error);
    let resolved = &session.resolved;
    let event = resolved.told("event_name").unwrap_or_default();
    let payload = resolved.github.get("event");
    let text = |path: &str| payload.and_then(|event| event.pointer(path)).and_then(Value::as_str);
    let author = text("/comment/user/login").unwrap_or_default();
    let comment = (event == "issue_comment")
        .then(|| CommentCommand::read(text("/comment/body").unwrap_or_default(), author));
    let facts = PreviewFacts {
        event,
        comment,
        pull_request: resolved.pull_request.as_ref(),
        is_unknown: resolved.unknown.is_some(),
        applies: resolved.environment.is_some()
            || resolved.withheld.is_some()
            || session.plan.environments.len() == 0,
        allows_fork: session.options.allow_fork_deploy.is_some(),
    };
    let decision = facts.decide().map_err(refused)?;
    if comment.is_none() || matches!(decision, Decision::Leave(_)) {
        return Ok(decision);
    }
    // No failure: a stranger could make every workflow of the repository fail, and replace
    // its comment.
    let lacks = permission::lacks_write(session, author).map_err(refused)?;
    Ok(lacks.map_or(decision, Decision::Leave))
}

/// Runs the plan. A pull request that was closed in the meantime is taken down again: its
/// own workflow may have found nothing to remove yet.
fn deploy(
    arguments: &PreviewArguments,
    run: &mut RunSession,
    audience: Audience,
) -> Result<Exit, Exit> {
    let exit = run_started(run, audience)?;
    let has_run = matches!(exit, Exit::Done | Exit::Failed | Exit::RolledBack);
    if !has_run || !was_closed(&run.session) {
        return Ok(exit);
    }
    say::tell("the pull request was closed while its preview was deployed");
    let why = "The pull request was closed while this was deployed";
    Ok(write_removal_status(take_down(arguments, &run.session, why)))
}

/// Whether the pull request of the workflow's event is closed by now. If GitHub does not
/// tell, the sweep finds out.
fn was_closed(session: &PlanSession) -> bool {
    let PlanSession { options, host, redactor, resolved, .. } = session;
    let Some(found) = resolved.pull_request.as_ref().filter(|_| host.in_actions()) else {
        return false;
    };
    let Some(repository) = resolved.repository() else { return false };
    let Ok((http, Some(github))) = GitHubConnection::alone(options, host, redactor, repository)
    else {
        return false;
    };
    let asked = block_on(async {
        let (client, repo) = github.client(&http).map_err(|_| Exit::Precondition)?;
        let pull = retry(|| client.pull(&repo, found.number)).await;
        Ok(pull.is_ok_and(|pull| pull.state == "closed"))
    });
    asked.unwrap_or(false)
}

/// Removes what the plan deployed for the pull request, in every environment that is not
/// protected.
fn take_down(
    arguments: &PreviewArguments,
    session: &PlanSession,
    why: &str,
) -> Result<TakenDown, Exit> {
    let options = &arguments.run.options;
    let down = DownArguments {
        plan: arguments.run.plan.clone(),
        env: options.env.clone(),
        set: options.set.clone(),
        event: options.event.clone(),
        pr: options.pr,
        images: arguments.images,
        options: RemovalOptions {
            yes: true,
            dry_run: false,
            no_wait: false,
            comment_key: options.comment_key.clone(),
            cloud: options.cloud.clone(),
            output: Output::Human,
        },
    };
    let refused = |error: StepError| show_step_error(error, &session.redactor);
    let filter = DownFilter {
        plan: session.plan.name.value.clone(),
        repository: session.resolved.repository(),
        environment: EnvironmentFilter::Any,
        pull_request: session.resolved.pull_request.as_ref().map(|found| found.number),
        protected: protected(session, None).map_err(refused)?,
    };
    let (why, patience) = (Some(why), MAX_WAIT_FOR_RUNS);
    let down = Down { arguments: &down, session, filter, why, patience };
    block_on(async { down.run().await })
}

/// Writes the output `status` of a removal. Returns the exit of the process.
fn write_removal_status(taken: Result<TakenDown, Exit>) -> Exit {
    match taken {
        Ok(TakenDown { exit: Exit::Done, removed: 0 }) => write_status("skipped", Exit::Done),
        Ok(TakenDown { exit: Exit::Done, .. }) => write_status("removed", Exit::Done),
        Ok(TakenDown { exit, .. }) | Err(exit) => write_status("failed", exit),
    }
}
