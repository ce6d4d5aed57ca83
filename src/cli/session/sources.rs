//! Whether what a run goes on with was made from the sources that it reports: those of
//! the commit that it began with.
//!
//! A resumed run has the contexts of its journal, and one with `--from` takes over what an
//! earlier run has built. Without a look at git, either would deploy one commit under the
//! name of another, past the rules of a protected environment.

use super::PlanSession;
use super::layout::Chosen;
use super::run::RunSession;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::event::StepId;
use crate::journal::{Replay, StartRecord, StepState};
use crate::plan::schema::{Action, Step};
use crate::resolve::{Git, ResolveError};
use std::path::Path;

/// A difference that stops a run.
struct Mismatch {
    chain: Vec<String>,
    help: String,
}

impl Mismatch {
    /// Refuses the run. A dry run only notes it.
    fn stop(self, session: &PlanSession, chosen: &mut Chosen) -> Result<(), Refusal> {
        if session.is_dry_run() {
            let why = self.chain.join(": ");
            chosen.notes.push(format!("a real run would stop here: {why}"));
            return Ok(());
        }
        let help = session.command_context().complete(&self.help);
        Err(say::refused(Exit::Precondition, &self.chain, Some(&help)))
    }
}

/// Refuses to resume a run where a step that is left reads the sources, and they are not
/// those that the run began with. What was built already may be pushed and deployed.
pub fn refuse_changed(
    run: &RunSession,
    chosen: &mut Chosen,
    changed_plan: bool,
) -> Result<(), Refusal> {
    let RunSession { session, folder, .. } = run;
    // A run that puts a version back reads no sources.
    if session.options.put_back.is_some() {
        return Ok(());
    }
    let now = Git::read(&session.host);
    let Some(next) = next_to_read_sources(session, chosen) else {
        chosen.warnings.extend(other_commit(session, &now));
        return Ok(());
    };
    if changed_plan && is_plan_alone(session, &now) {
        return Ok(());
    }
    let Some(why) = difference(session, &now) else { return Ok(()) };
    let what = format!(
        "cannot resume run {}: `{next}` is still to be done, and the sources are not those that \
         the run began with",
        folder.run
    );
    let recorded = &session.resolved.git;
    let again = match recorded.head.as_deref().filter(|_| recorded.is_dirty() == Some(false)) {
        Some(head) => format!("check out commit {} again, without changes, or ", short(head)),
        None => String::new(),
    };
    let help = format!("{again}start a new run with `shipway run`");
    Mismatch { chain: vec![what, why], help }.stop(session, chosen)
}

/// A warning where another commit is checked out than the one that the run goes on with.
fn other_commit(session: &PlanSession, now: &Git) -> Option<String> {
    let (began, now) = (session.resolved.git.head.as_ref()?, now.head.as_ref()?);
    let (began_short, now_short) = (short(began), short(now));
    (began != now).then(|| {
        format!(
            "this run is of commit {began_short}, and goes on with it, while commit {now_short} is \
             checked out; `shipway run` begins one of that"
        )
    })
}

/// The first step that is left and reads the sources.
fn next_to_read_sources(session: &PlanSession, chosen: &Chosen) -> Option<StepId> {
    let steps = chosen.layout.steps.iter().zip(chosen.steps(session));
    let mut left = steps.filter(|(layout, (_, step))| !layout.done_before && reads_sources(step));
    left.next().map(|(layout, _)| layout.id.clone())
}

fn reads_sources(step: &Step) -> bool {
    match step.action {
        Action::Build(_) | Action::Run(_) => true,
        Action::Tag(_) | Action::Push(_) | Action::Deploy(_) | Action::Verify(_) => false,
    }
}

/// Whether only the plan differs from the commit that the run began with, which
/// `--changed-plan` allows. A protected environment admits no change.
fn is_plan_alone(session: &PlanSession, now: &Git) -> bool {
    let Ok(plan) = Path::new(&session.file.name).canonicalize() else { return false };
    let is_protected = session.resolved.environment.as_ref().is_some_and(|it| it.protected);
    !is_protected
        && now.head == session.resolved.git.head
        && now.changes == now.changed.len()
        && now.changed.iter().all(|changed| plan.ends_with(changed))
}

/// How the sources differ from those that the run began with, as far as git tells.
fn difference(session: &PlanSession, now: &Git) -> Option<String> {
    let began = &session.resolved.git;
    let (Some(head), Some(new)) = (&began.head, &now.head) else {
        return unknown(session, now);
    };
    if head != new {
        return Some(format!(
            "it began at commit {}, and commit {} is checked out now",
            short(head),
            short(new)
        ));
    }
    match (began.is_dirty(), now.is_dirty()) {
        (Some(false), Some(true)) => Some(format!(
            "it began at commit {} without changes, and these files differ from it now: {}",
            short(head),
            now.changed_files()
        )),
        (Some(true), Some(false)) => Some(format!(
            "it began with changes to commit {}, and they are gone now: {}",
            short(head),
            began.changed_files()
        )),
        (_, None) => unknown(session, now),
        (None, Some(_)) | (Some(true), Some(true)) | (Some(false), Some(false)) => None,
    }
}

/// A protected environment is deployed to only from a commit that git knows.
fn unknown(session: &PlanSession, now: &Git) -> Option<String> {
    let chosen = session.resolved.environment.as_ref().filter(|chosen| chosen.protected)?;
    let why = now.missing.clone()?;
    Some(ResolveError::NoCommit { environment: chosen.name.clone(), why }.to_string())
}

/// Refuses to ship with `--from` what an earlier run made from another commit than this
/// run's, or from changes to it that are no longer there.
pub fn refuse_inherited(
    run: &RunSession,
    mut chosen: Chosen,
    inherited: Option<&Replay>,
) -> Result<Chosen, Refusal> {
    let session = &run.session;
    let (Some(from), Some(replay)) = (&session.options.from, inherited) else { return Ok(chosen) };
    let Some(head) = &session.resolved.git.head else { return Ok(chosen) };
    let made = taken_as_done(session, &chosen).into_iter().find_map(|(id, step)| {
        let start = is_made(step, &replay.state(&id)).then(|| replay.start_of(&id)).flatten()?;
        Some((id, start.run.clone(), other_source(start, &session.resolved.git)?))
    });
    let Some((id, earlier, source)) = made else { return Ok(chosen) };
    let is_changed = session.resolved.git.is_dirty() == Some(true);
    let changed = if is_changed { " with uncommitted changes" } else { "" };
    let what = format!(
        "`--from {from}`: `{id}` was done by run {earlier} {source}, and this run is at commit \
         {}{changed}",
        short(head)
    );
    // `--from push` means that step of every service.
    let begin = if from.contains('.') { id.to_string() } else { id.step };
    let help = format!("begin with it, `--from {begin}`, or leave `--from` out");
    Mismatch { chain: vec![what], help }.stop(session, &mut chosen)?;
    Ok(chosen)
}

/// The steps before those of `--from`, in the services that run.
fn taken_as_done<'p>(session: &'p PlanSession, chosen: &Chosen) -> Vec<(StepId, &'p Step)> {
    let services = &session.plan.services;
    let mut found = Vec::new();
    for (at, (name, service)) in services.0.iter().enumerate() {
        let own = chosen.places.iter().chain(&chosen.left_out).filter(|(other, _)| *other == at);
        let Some(first) = own.map(|(_, step)| *step).min() else { continue };
        let of = if services.is_single { "" } else { name.value.as_str() };
        found.extend(
            service.steps[..first]
                .iter()
                .map(|step| (StepId { service: of.to_owned(), step: step.id.value.clone() }, step)),
        );
    }
    found
}

/// Whether a later step may ship what a step has made: an image, or the outputs of a
/// program.
fn is_made(step: &Step, state: &StepState) -> bool {
    let StepState::Succeeded { outputs } = state else { return false };
    match step.action {
        Action::Build(_) => true,
        Action::Run(_) => outputs.iter().next().is_some(),
        Action::Tag(_) | Action::Push(_) | Action::Deploy(_) | Action::Verify(_) => false,
    }
}

/// The source of an earlier run, if it is not that of this one.
fn other_source(start: &StartRecord, now: &Git) -> Option<String> {
    let began: Git = serde_json::from_value(start.resolved["git"].clone()).unwrap_or_default();
    let Some(head) = &began.head else { return Some("without a known commit".to_owned()) };
    let is_dirty = began.is_dirty() == Some(true);
    if began.head == now.head && (!is_dirty || now.is_dirty() == Some(true)) {
        return None;
    }
    let changed = if is_dirty { " with uncommitted changes" } else { "" };
    Some(format!("at commit {}{changed}", short(head)))
}

/// The first seven digits of a commit.
fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
