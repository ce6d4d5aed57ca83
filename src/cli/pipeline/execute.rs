//! Executes the steps: journal and reporters around the engine, then the report.

use crate::cli::exit::Exit;
use crate::cli::pipeline::audience::Audience;
use crate::cli::pipeline::debug_log;
use crate::cli::pipeline::left_up::left_up;
use crate::cli::pipeline::origin::{from_outside, head_not_deployed, no_longer_up, started};
use crate::cli::pipeline::publish::{LostOutputs, Publisher, Subject, traces};
use crate::cli::plan_file::absolute_plan;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::session::connections::Connections;
use crate::cli::session::layout::Chosen;
use crate::cli::session::run::RunSession;
use crate::event::{
    CancelReason, Event, EventKind, PlannedStep, RunFinished, RunStarted, Status, StepId,
};
use crate::journal::{
    Journal, JournalEntry, JournalError, RunFolder, RunRecord, StartRecord, last_time,
};
use crate::local::FaultRecord;
use crate::report::{Display, LiveOptions, Recording};
use crate::run::engine::{self, Engine};
use crate::run::outcome::chain_of;
use crate::run::perform::{EarlyBuild, Held, Performer};
use crate::run::signals::Signals;
use crate::run::store::Store;
use crate::secret::Redactor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long reports may still take after a signal that found the steps done.
const MAX_TIME_AFTER_SIGNAL: Duration = Duration::from_secs(4);

/// Everything that the steps need.
pub struct Execution<'a> {
    pub run: &'a RunSession,
    pub chosen: Chosen,
    pub performer: Arc<Performer>,
    /// Builds that have begun before the preflight ended.
    pub early: Vec<EarlyBuild>,
    pub connections: &'a Connections,
    pub journal: Journal,
    /// What earlier processes and runs left.
    pub store: Store,
    pub audience: Audience<'a>,
    /// Whether the cloud ends with the run.
    pub cloud_ends: bool,
    /// The faults that requests meet in the cloud of a dry run.
    pub faults: Option<&'a FaultRecord>,
    /// What is shown when the run begins.
    pub warnings: Vec<String>,
    /// What the report says beside the results.
    pub notes: Vec<String>,
}

/// Begins the journal of a new run.
pub fn begin_journal(run: &RunSession) -> Result<Journal, Refusal> {
    let begun = start_record(run).map_err(|error| vec![error.to_string()]).and_then(|record| {
        let journal = create(&run.folder.journal(), record);
        journal.map_err(|error| chain_of(&error))
    });
    begun.map_err(|chain| {
        let help = "free some space, or name another folder with `--state-dir`";
        say::refused(Exit::Precondition, &chain, Some(help))
    })
}

fn create(path: &Path, record: StartRecord) -> Result<Journal, JournalError> {
    let mut journal = Journal::create(path)?;
    // Not synced: that happens with the first step that starts, before it does
    // anything.
    journal.write(&JournalEntry::RunStarted(Box::new(record)))?;
    Ok(journal)
}

fn start_record(run: &RunSession) -> io::Result<StartRecord> {
    let RunSession { session, folder, local } = run;
    let options = session.options.clone().with_absolute_paths()?;
    Ok(StartRecord {
        version: StartRecord::VERSION,
        run: folder.run.to_string(),
        at: jiff::Timestamp::now().to_string(),
        plan: absolute_plan(Path::new(&session.file.name))?.display().to_string(),
        plan_digest: session.file.digest(),
        dry_run: session.is_dry_run(),
        resolved: redacted(&session.resolved, &session.redactor)?,
        options: redacted(&options, &session.redactor)?,
        local: local.clone(),
    })
}

/// A value without secrets: an event or an option may quote anything.
fn redacted<T: DeserializeOwned>(value: &impl Serialize, redactor: &Redactor) -> io::Result<T> {
    Ok(serde_json::from_str(&redactor.redact(&serde_json::to_string(value)?))?)
}

/// Waits until a signal ends the reports: the second one at once, as GitHub may not answer. The
/// first may have come after the last step, and would leave a deployment without a state.
async fn stop_reports(signals: &mut Signals, is_cancelled: bool) {
    signals.next().await;
    if !is_cancelled {
        tokio::time::timeout(MAX_TIME_AFTER_SIGNAL, signals.next()).await.ok();
    }
}

/// Waits until the report is shown. A reader that has stopped may go on later, unless
/// the run was told to stop, or is now.
async fn all_shown(display: Display<Held>, is_cancelled: bool, signals: &mut Signals) {
    let shown = async {
        if is_cancelled {
            display.finish_if_taken().await;
        } else {
            display.finish().await;
        }
    };
    tokio::select! {
        () = shown => {}
        _ = signals.next() => {}
    }
}

/// The faults that requests have met, as events before what follows from them.
#[derive(Clone, Copy)]
struct MetFaults<'a> {
    record: Option<&'a FaultRecord>,
    redactor: &'a Redactor,
}

impl MetFaults<'_> {
    fn show(self, display: &mut Display<Held>, at: Duration) {
        for met in self.record.into_iter().flat_map(FaultRecord::unread) {
            let request = self.redactor.redact(&met.request());
            let rule = self.redactor.redact(&met.rule);
            let kind = EventKind::FaultMet { request, rule, nth: met.nth, of: met.of };
            display.on(Event { at, kind }, None);
        }
    }
}

impl Execution<'_> {
    pub async fn run(mut self, mut signals: Signals) -> Result<Exit, Refusal> {
        let started = Instant::now();
        let session = &self.run.session;
        let verbose = self.audience.is_verbose();
        debug_log::begin(&self.run.folder.path(), verbose, &session.redactor);
        let recording = Recording::append(&self.run.folder.events(), &session.redactor);
        let live = || self.live_options(recording.is_ok());
        let mut reporters = self.audience.reporters(&session.redactor, live);
        match recording {
            Ok(recording) => reporters.add(recording),
            Err(error) => self.warnings.push(format!(
                "the run cannot be shown again by `shipway report`: {}",
                chain_of(&error).join(": ")
            )),
        }
        let mut display = Display::new(reporters);
        display.on(Event { at: Duration::ZERO, kind: self.started() }, None);
        for message in std::mem::take(&mut self.warnings) {
            let message = session.redactor.redact(&message);
            let kind = EventKind::Warned { step: None, message };
            display.on(Event { at: Duration::ZERO, kind }, None);
        }
        let met = MetFaults { record: self.faults, redactor: &session.redactor };
        met.show(&mut display, Duration::ZERO);
        let summary = engine::run(Engine {
            layout: self.chosen.layout.clone(),
            places: self.chosen.places.clone(),
            performer: Arc::clone(&self.performer),
            early: std::mem::take(&mut self.early),
            journal: &mut self.journal,
            publish: &mut |event, held| {
                met.show(&mut display, event.at);
                display.on(event, held);
            },
            signals: &mut signals,
            store: self.store.clone(),
            keep_going: session.options.keep_going,
            started,
        })
        .await;
        let exit = Exit::of_run(summary.status, summary.cancelled, &summary.services);
        let mut notes = Vec::new();
        notes.extend(head_not_deployed(session, summary.status));
        if self.cloud_ends {
            let commands = self.run.command_context();
            notes.extend(no_longer_up(&summary.services).map(|note| commands.complete(&note)));
        }
        // A person who stops a run does not wait for this.
        if !self.cloud_ends && summary.status == Status::Failed {
            let left = left_up(self.run, self.connections, &summary.services).await;
            let commands = self.run.command_context();
            notes.extend(left.iter().map(|note| commands.complete(note)));
        }
        notes.append(&mut self.notes);
        if let Some(failed) = &summary.journal_failed {
            notes.push(failed.chain.join(": "));
        }
        if session.is_dry_run() {
            notes.extend(from_outside(&crate::local::fetched(&self.run.local)));
        }
        let finished = RunFinished {
            status: summary.status,
            exit_code: exit.code(),
            services: summary.services,
            refusals: Vec::new(),
            is_resumed: self.journal.replay().is_resumed,
            notes,
        };
        let lost = self.finish(display, finished, started, &mut signals).await;
        let in_actions = session.host.in_actions();
        Ok(lost.map_or(exit, |lost| lost.show(in_actions, exit)))
    }

    /// Reports the result to GitHub and to files, then ends the stream of events. Returns
    /// why outputs are lost, if they are.
    async fn finish(
        &mut self,
        mut display: Display<Held>,
        mut finished: RunFinished,
        started: Instant,
        signals: &mut Signals,
    ) -> Option<LostOutputs> {
        let at = started.elapsed();
        let session = &self.run.session;
        let subject = Subject::of(session);
        let github = self.connections.github.as_ref();
        let publisher = Publisher {
            subject: &subject,
            github: github.map(|github| (&self.connections.http, github)),
            host: &session.host,
            redactor: &session.redactor,
            folder: Some(self.run.folder.path()),
            is_resumed: self.journal.replay().is_resumed,
        };
        let view = display.view().clone();
        let is_cancelled = view.cancelled > Some(CancelReason::StepFailed);
        let traced = traces::send(&self.connections.http, &session.host, &view, &finished);
        let reported = async { tokio::join!(publisher.publish(&view, &finished, at), traced) };
        let (reported, untraced) = tokio::select! {
            reported = reported => reported,
            () = stop_reports(signals, is_cancelled) => {
                (publisher.publish_files(&view, &finished), None)
            }
        };
        let lost = reported.lost;
        if lost.is_some() && finished.exit_code == Exit::Done.code() {
            finished.exit_code = Exit::Bug.code();
        }
        let untraced = untraced.map(|why| session.redactor.redact(&why));
        let untraced = untraced.map(|message| EventKind::Warned { step: None, message });
        for kind in reported.events.into_iter().chain(untraced) {
            display.on(Event { at: started.elapsed(), kind }, None);
        }
        let record = RunRecord {
            status: finished.status,
            exit_code: finished.exit_code,
            took: Some(at.as_secs_f64()),
        };
        if let Err(error) = self.journal.append(&JournalEntry::RunFinished(record)) {
            let message = chain_of(&error).join(": ");
            let kind = EventKind::Warned { step: None, message };
            display.on(Event { at: started.elapsed(), kind }, None);
        }
        MetFaults { record: self.faults, redactor: &session.redactor }
            .show(&mut display, started.elapsed());
        let kind = EventKind::RunFinished(finished);
        display.on(Event { at: started.elapsed(), kind }, None);
        all_shown(display, is_cancelled, signals).await;
        lost
    }

    /// What a live view knows of earlier runs, and how it is looked at later.
    fn live_options(&self, is_recorded: bool) -> LiveOptions {
        let RunFolder { state, run } = &self.run.folder;
        let replay = self.journal.replay();
        // A run that is resumed has done a part before.
        let start = replay.start.as_ref().filter(|_| !replay.is_resumed);
        let shown_by = self.run.command_context().complete(&format!("`shipway report {run}`"));
        LiveOptions {
            expected: start.and_then(|start| last_time(state, start)),
            shown_by: is_recorded.then_some(shown_by),
            ..LiveOptions::default()
        }
    }

    fn started(&self) -> EventKind {
        let session = &self.run.session;
        let step = |(service, place): &(usize, usize)| {
            let step = self.performer.plan.step(*service, *place);
            let id = StepId {
                service: self.performer.plan.step_service(*service),
                step: step.id.value.clone(),
            };
            let named = step.name.as_ref().and_then(|name| name.render(&session.scope).ok());
            let named = named.and_then(|name| name.plain().map(str::to_owned));
            PlannedStep {
                title: named.unwrap_or_else(|| id.step.clone()),
                action: step.action.keyword().to_owned(),
                id,
            }
        };
        // What is left out is shown where the plan has it.
        let mut places = [self.chosen.places.as_slice(), &self.chosen.left_out].concat();
        places.sort_unstable();
        let steps = places.iter().map(step).collect();
        let id = self.run.folder.run.to_string();
        let started = started(&Subject::of(session), &session.file.name, id, steps);
        let ttl = session.resolved.environment.as_ref().and_then(|chosen| chosen.ttl);
        EventKind::RunStarted(RunStarted { ttl, ..started })
    }
}
