//! Runs a session: journal and reporters around the engine, then the report.

use crate::cli::exit::Exit;
use crate::cli::pipeline::debug_log;
use crate::cli::pipeline::finish::Finish;
use crate::cli::pipeline::reporters::Audience;
use crate::cli::say;
use crate::cli::session::Session;
use crate::cli::session::layout::Chosen;
use crate::cli::session::reach::Connections;
use crate::event::{Event, EventKind, Origin, PlannedStep, RunFinished, RunStarted, StepId};
use crate::journal::{Journal, JournalEntry, Replay, RunRecord, StartRecord};
use crate::local::Fetched;
use crate::report::Reporters;
use crate::run::engine::{self, Engine};
use crate::run::outcome::chain_of;
use crate::run::perform::{EarlyBuild, Performer};
use crate::run::signals::Signals;
use crate::run::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that a run needs, ready.
pub(in crate::cli) struct Execution<'a> {
    /// The run.
    pub(in crate::cli) session: &'a Session,
    /// Its steps.
    pub(in crate::cli) chosen: Chosen,
    /// Who performs them.
    pub(in crate::cli) performer: Arc<Performer>,
    /// Builds that have begun.
    pub(in crate::cli) early: Vec<EarlyBuild>,
    /// How the outside is reached.
    pub(in crate::cli) reach: &'a Connections,
    /// Its journal, begun or gone on with.
    pub(in crate::cli) journal: Journal,
    /// What earlier processes of the run left.
    pub(in crate::cli) store: Store,
    /// Who watches.
    pub(in crate::cli) audience: Audience,
    /// What the end of the run is to say beside its results.
    pub(in crate::cli) notes: Vec<String>,
}

/// The journal of a new run, its first entry written.
pub(in crate::cli) fn begin_journal(session: &Session) -> Result<Journal, Exit> {
    let record = StartRecord {
        version: 1,
        run: session.run.run.to_string(),
        at: jiff::Timestamp::now().to_string(),
        plan: std::path::absolute(&session.arguments.plan)
            .unwrap_or_else(|_| session.arguments.plan.clone())
            .display()
            .to_string(),
        plan_digest: session.loaded.digest(),
        dry_run: session.dry_run,
        selection: serde_json::json!({
            "from": session.arguments.from,
            "until": session.arguments.until,
            "only": session.arguments.only,
        }),
        resolved: redacted(session),
        options: serde_json::json!({
            "keep-going": session.arguments.keep_going,
            "comment-key": session.arguments.comment_key,
            "allow-fork-deploy": session.arguments.allow_fork_deploy,
            "local": session.local,
        }),
    };
    let begun = Journal::create(&session.run.journal()).and_then(|mut journal| {
        // On the disk before anything is done, with the first step that starts.
        journal.write(&JournalEntry::RunStarted(Box::new(record)))?;
        Ok(journal)
    });
    begun.map_err(|error| {
        say::error(
            &chain_of(&error),
            Some("free some space, or name another folder with `--state-dir`"),
        );
        Exit::Precondition
    })
}

/// What was resolved, for the journal. An event may quote anything.
fn redacted(session: &Session) -> serde_json::Value {
    let text = serde_json::to_string(&session.resolved).unwrap_or_default();
    serde_json::from_str(&session.redactor.redact(&text)).unwrap_or_default()
}

impl Execution<'_> {
    /// Runs it to its end.
    pub(in crate::cli) async fn run(mut self) -> Exit {
        let started = Instant::now();
        let (folder, verbose) = (self.session.run.path(), self.session.arguments.verbose);
        debug_log::begin(&folder, verbose, &self.session.redactor);
        let mut reporters = self.audience.reporters(&self.session.redactor);
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                say::error(&["listen for signals".to_owned(), error.to_string()], None);
                return Exit::Bug;
            }
        };
        reporters.on(&Event { at: Duration::ZERO, kind: self.started() });
        let summary = engine::run(Engine {
            layout: self.chosen.layout.clone(),
            places: self.chosen.places.clone(),
            performer: Arc::clone(&self.performer),
            early: std::mem::take(&mut self.early),
            journal: &mut self.journal,
            publish: &mut |event| reporters.on(event),
            signals: &mut signals,
            store: self.store.clone(),
            keep_going: self.session.arguments.keep_going,
            started,
        })
        .await;
        let exit = Exit::of_run(summary.status, summary.cancelled);
        let mut notes = self.notes.clone();
        if let Some(failed) = &summary.journal_failed {
            notes.push(failed.chain.join(": "));
        }
        if self.session.dry_run {
            notes.extend(from_outside(&crate::local::fetched(&self.session.local)));
        }
        let finished = RunFinished {
            status: summary.status,
            exit_code: exit.code(),
            services: summary.services,
            notes,
        };
        self.finish(&mut reporters, finished, started, &mut signals).await;
        exit
    }

    /// Tells the end where people read it, then ends the stream of events.
    async fn finish(
        &mut self,
        reporters: &mut Reporters,
        finished: RunFinished,
        started: Instant,
        signals: &mut Signals,
    ) {
        let record = RunRecord { status: finished.status, exit_code: finished.exit_code };
        let at = started.elapsed();
        let finish = Finish { session: self.session, reach: self.reach };
        let view = reporters.view().clone();
        let told = tokio::select! {
            told = finish.tell(&view, &finished, at) => told,
            // Reporting must not hold up a second signal.
            _ = signals.next() => Vec::new(),
        };
        for kind in told {
            reporters.on(&Event { at: started.elapsed(), kind });
        }
        if let Err(error) = self.journal.append(&JournalEntry::RunFinished(record)) {
            let message = chain_of(&error).join(": ");
            let kind = EventKind::Warned { step: None, message };
            reporters.on(&Event { at: started.elapsed(), kind });
        }
        let kind = EventKind::RunFinished(finished);
        reporters.on(&Event { at: started.elapsed(), kind });
    }

    fn started(&self) -> EventKind {
        let session = self.session;
        let step = |(service, place): &(usize, usize)| {
            let step = self.performer.plan.step(*service, *place);
            let id = StepId {
                service: self.performer.plan.step_service(*service),
                step: step.id.value.clone(),
            };
            let named = step.name.as_ref().and_then(|name| name.render(&session.scope).ok());
            let named = named.and_then(|name| name.plain().map(str::to_owned));
            PlannedStep {
                title: named.unwrap_or_else(|| id.to_string()),
                action: step.action.keyword(),
                id,
            }
        };
        EventKind::RunStarted(RunStarted {
            run: session.run.run.to_string(),
            plan: session.plan.name.value.clone(),
            file: session.loaded.file.clone(),
            environment: session.resolved.environment.as_ref().map(|chosen| chosen.name.clone()),
            dry_run: session.dry_run,
            started: jiff::Timestamp::now().to_string(),
            origin: origin(session),
            steps: self.chosen.places.iter().map(step).collect(),
        })
    }
}

/// What the local cloud let in: each image, and the blobs of each repository.
fn from_outside(fetched: &[Fetched]) -> Vec<String> {
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
    notes.extend(sums.iter().map(|((host, repository), (count, bytes))| {
        let blobs = if *count == 1 { "blob" } else { "blobs" };
        format!("{count} {blobs} of `{host}/{repository}` came with it, {bytes} bytes")
    }));
    notes
}

/// Where the source comes from, and where the log of this run can be read.
fn origin(session: &Session) -> Origin {
    let resolved = &session.resolved;
    let commit = resolved.git.sha.clone().or_else(|| resolved.told("sha").map(str::to_owned));
    let at_github = resolved
        .told("server_url")
        .zip(resolved.told("repository"))
        .map(|(server, repository)| format!("{server}/{repository}"));
    let commit_url = at_github
        .as_ref()
        .zip(commit.as_ref())
        .map(|(repository, commit)| format!("{repository}/commit/{commit}"));
    let run_url = at_github
        .zip(resolved.told("run_id").filter(|id| !id.is_empty()))
        .map(|(repository, run)| format!("{repository}/actions/runs/{run}"));
    Origin { commit, commit_url, run_url }
}

/// What an earlier process of the run left, as its journal says.
pub(in crate::cli) fn restore(
    replay: &Replay,
    secrets: &[(String, crate::secret::Secret)],
) -> Store {
    let mut store = Store::default();
    store.restore(replay, secrets);
    store
}
