//! How the events of a run begin, and notes on what a dry run had.

use crate::cli::pipeline::publish::Subject;
use crate::cli::session::PlanSession;
use crate::cli::session::layout::Chosen;
use crate::event::{OutputName, PlannedStep, RunStarted, ServiceResult, Status};
use crate::local::Fetched;
use crate::plan::schema::{Action, Step};
use crate::report::bytes;
use crate::resolve::descends_from;
use crate::run::perform::SourceFacts;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A warning where what is built is not what the commit holds.
pub fn uncommitted(session: &PlanSession, chosen: &Chosen) -> Option<String> {
    let git = &session.resolved.git;
    if session.options.put_back.is_some() {
        return None;
    }
    let leaves_machine = |step: &Step| match step.action {
        Action::Build(_) | Action::Push(_) | Action::Deploy(_) => true,
        Action::Tag(_) | Action::Verify(_) | Action::Run(_) => false,
    };
    if git.is_dirty() != Some(true) || !chosen.steps(session).any(|(_, step)| leaves_machine(step))
    {
        return None;
    }
    let commit = git.short_sha().unwrap_or_default();
    Some(format!(
        "what is built is not commit {commit}, because these files differ from it: {}",
        git.changed_files()
    ))
}

/// A note that a preview does not run the head of its pull request, after a rollback.
pub fn head_not_deployed(session: &PlanSession, status: Status) -> Option<String> {
    let PlanSession { options, resolved, .. } = session;
    let put_back = options.put_back.as_ref().filter(|_| options.rolls_back())?;
    let pull_request = resolved.pull_request.as_ref()?;
    let (commit, head) = (resolved.git.sha.as_ref()?, pull_request.head_sha.as_ref()?);
    if status != Status::Succeeded || commit == head {
        return None;
    }
    let (service, number) = (&put_back.service, pull_request.number);
    let short = |hash: &str| hash.chars().take(7).collect::<String>();
    Some(format!(
        "`{service}` runs commit {} now, which `shipway rollback` put back; commit {}, the head of \
         pull request {number}, is not deployed",
        short(commit),
        short(head)
    ))
}

/// What an image was built from.
pub fn source(session: &PlanSession) -> SourceFacts {
    let resolved = &session.resolved;
    let host = session.host.clone();
    SourceFacts {
        commit: resolved.git.head.clone(),
        reference: resolved.source_reference(),
        pull_request_head: resolved.pull_request.as_ref().and_then(|one| one.head_sha.clone()),
        labels: resolved.git.image_labels(),
        descends_from: Some(Arc::new(move |commit| descends_from(&host, commit))),
    }
}

/// The first event of a run. A plan that cannot be read is named by its file.
pub fn started(subject: &Subject, file: &str, run: String, steps: Vec<PlannedStep>) -> RunStarted {
    RunStarted {
        run,
        plan: subject.plan.clone().unwrap_or_else(|| file.to_owned()),
        file: file.to_owned(),
        environment: subject.environment.name().map(str::to_owned),
        dry_run: subject.dry_run,
        from: subject.from.clone(),
        started: jiff::Timestamp::now().to_string(),
        ttl: None,
        origin: subject.origin.clone(),
        steps,
    }
}

/// A note that the URLs of a dry run end with its cloud.
pub fn no_longer_up(services: &[ServiceResult]) -> Option<String> {
    let urls = services.iter().filter(|service| service.outputs.get(OutputName::Url).is_some());
    let which = match urls.count() {
        0 => return None,
        1 => "the URL was",
        _ => "the URLs were",
    };
    Some(format!("{which} up while the run lasted; `shipway dry-run --keep` keeps the cloud up"))
}

/// Notes on what the local cloud fetched: each image, and the blobs of each
/// repository together.
pub fn from_outside(fetched: &[Fetched]) -> Vec<String> {
    let (blobs, manifests): (Vec<&Fetched>, Vec<&Fetched>) =
        fetched.iter().partition(|fetched| fetched.blob);
    let mut notes = Vec::new();
    for manifest in manifests {
        let (reference, digest) = (manifest.reference(), &manifest.digest);
        let named = if reference.ends_with(digest.as_str()) {
            String::new()
        } else {
            format!(": {digest}")
        };
        notes.push(format!("`{reference}` was fetched from outside{named}"));
    }
    let mut sums: BTreeMap<(&str, &str), (usize, u64)> = BTreeMap::new();
    for blob in blobs {
        let sum = sums.entry((&blob.host, &blob.repository)).or_default();
        *sum = (sum.0 + 1, sum.1 + blob.bytes);
    }
    notes.extend(sums.iter().map(|((host, repository), (count, size))| {
        let blobs = if *count == 1 { "blob" } else { "blobs" };
        format!("{count} {blobs} of `{host}/{repository}` came with it, {}", bytes(*size))
    }));
    notes
}
