//! From the chosen steps to the end of the run: reads secrets, makes clients,
//! checks what can be checked beforehand, and then runs the steps. The same for
//! a run, a dry run, and a resumed one.

pub mod audience;
mod debug_log;
mod execute;
mod interrupt;
mod left_up;
mod no_logins;
pub mod origin;
pub mod publish;
mod refused;

pub use refused::{Asked, plan_refused, plan_refused_early, refused, refused_early, write_status};

use crate::cli::clean;
use crate::cli::exit::Exit;
use crate::cli::pipeline::audience::Audience;
use crate::cli::pipeline::execute::{Execution, begin_journal};
use crate::cli::pipeline::no_logins::without_logins;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::session::base_plan::commit_file;
use crate::cli::session::connections::Connections;
use crate::cli::session::layout::Chosen;
use crate::cli::session::lost_outputs::{refuse_left_out_outputs, refuse_lost_outputs};
use crate::cli::session::plan_reader::plan_reader;
use crate::cli::session::put_back;
use crate::cli::session::retries::retries;
use crate::cli::session::run::RunSession;
use crate::cli::session::secrets::{self, SecretAccess, SecretSources, SecretsRead};
use crate::cli::session::{PlanSession, refuse, show_resolve_error};
use crate::image::Store as Images;
use crate::image::dockerfile::GitHubCache;
use crate::journal::{Journal, Replay};
use crate::local::FaultRecord;
use crate::plan::expr::Scope;
use crate::plan::schema::{Action, Step};
use crate::resolve::credentials::{scrub, scrub_for_fork};
use crate::resolve::{ChosenEnvironment, ResolveError, secret_sources, with_secrets};
use crate::run::outcome::StepError;
use crate::run::perform::{
    Clients, ClientsConfig, EarlyBuild, EarlyReads, EarlyUploads, Performer, PinnedImages,
    Preflight, PreviewLimit, Retries, RunFacts, RunPlan, Services,
};
use crate::run::store::Store;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Pipeline<'a> {
    pub run: &'a RunSession,
    pub chosen: Chosen,
    pub connections: &'a Connections,
    pub sources: SecretSources,
    pub audience: Audience<'a>,
    /// The journal of a resumed run.
    pub journal: Option<Journal>,
    /// What earlier runs left, for `--from` and `--only`.
    pub inherited: Option<Replay>,
    /// Whether the cloud ends with the run: that of a dry run, unless it is kept.
    pub cloud_ends: bool,
    /// The faults that requests meet in the cloud of a dry run.
    pub faults: Option<&'a FaultRecord>,
}

impl<'a> Pipeline<'a> {
    /// Runs the steps. A run that is refused before the first is reported too.
    pub async fn run(self) -> Exit {
        let (run, connections, audience) = (self.run, self.connections, self.audience);
        let faults = self.faults;
        let exit = match Box::pin(self.done()).await {
            Ok(exit) => exit,
            Err(refusal) => {
                faults.into_iter().flat_map(FaultRecord::unread).for_each(|met| {
                    say::tell(&format!("fault: {met}"));
                });
                refused(run, Some(connections), audience, refusal).await
            }
        };
        clean::after_run(&run.folder);
        exit
    }

    async fn done(self) -> Result<Exit, Refusal> {
        let mut signals = interrupt::listen()?;
        let execution = interrupt::or_stop(&mut signals, Box::pin(self.prepared())).await?;
        Box::pin(execution.run(signals)).await
    }

    async fn prepared(self) -> Result<Execution<'a>, Refusal> {
        let session = &self.run.session;
        for name in self.audience.logs() {
            self.chosen.refuse_unknown("--logs", name)?;
        }
        let refused = |error: StepError| refuse(session, error);
        let mut names = secrets::needed(session, &self.chosen);
        names.sort_unstable();
        names.dedup();
        let retries = retries(&session.redactor);
        let (connections, sources) = (self.connections, &self.sources);
        let access = SecretAccess { connections, sources, retries: &retries };
        let secrets = secrets::read(session, &names, access).await;
        let SecretsRead { secrets, warnings } = secrets.map_err(|errors| {
            let failures = errors.into_iter().flat_map(|error| refused(error).failures);
            Refusal::new(Exit::Precondition, failures.collect())
        })?;
        let performer = Arc::new(self.performer(&secrets, &retries).await?);
        let preflight = Preflight { performer: &performer, retries: &retries };
        let mut store = Store::default();
        // What this run did itself counts before what it inherited.
        let own = self.journal.as_ref().map(Journal::replay);
        for replay in self.inherited.as_ref().into_iter().chain(own) {
            store.restore(replay, &secrets);
        }
        for (step, outputs) in put_back::outputs(&session.plan, &session.options) {
            store.keep_outputs(&step, outputs);
        }
        if let Some(journal) = &self.journal {
            store.restore_begun(journal.replay());
        }
        refuse_lost_outputs(session, &self.chosen, &store).map_err(refused)?;
        if !session.options.only.is_empty() {
            refuse_left_out_outputs(&performer, &self.chosen, &store, session).map_err(refused)?;
        }
        let Chosen { layout, places, .. } = &self.chosen;
        let mut early = EarlyBuild::begin(&performer, layout, places, &store);
        Box::pin(EarlyBuild::until(&mut early, preflight.check())).await.map_err(refused)?;
        let mut notes = session.resolved.notices.clone();
        notes.extend(self.chosen.notes.iter().cloned());
        notes.extend(warnings);
        notes.extend(self.sources.notes.iter().cloned());
        notes.extend(uncontained(session, &self.chosen));
        let mut warnings = session.resolved.warnings.clone();
        warnings.extend(origin::uncommitted(session, &self.chosen));
        warnings.extend(self.chosen.warnings.iter().cloned());
        let journal = match self.journal {
            Some(journal) => journal,
            None => begin_journal(self.run)?,
        };
        Ok(Execution {
            run: self.run,
            chosen: self.chosen,
            performer,
            early,
            connections: self.connections,
            journal,
            store,
            audience: self.audience,
            cloud_ends: self.cloud_ends,
            faults: self.faults,
            warnings,
            notes,
        })
    }

    /// What the steps are performed with.
    pub async fn performer(
        &self,
        secrets: &[(String, Secret)],
        retries: &Retries,
    ) -> Result<Performer, Refusal> {
        let RunSession { session, folder, .. } = self.run;
        let refused = |error: StepError| refuse(session, error);
        let scope = with_secrets(session.scope.clone(), &session.plan, secrets)
            .map_err(|error| show_resolve_error(&session.file, &ResolveError::Expression(error)))?;
        let images = Images::open(&folder.state.join("images"))
            .map_err(|error| refused(StepError::from_error(&error)))?;
        let mut facts = self.facts(&scope);
        // `plan` starts no program, and has no folder for one.
        if session.withholds && folder.path().is_dir() {
            without_logins(&mut facts.child_environment, &folder.path()).map_err(|error| {
                let what = "cannot write a configuration without logins";
                refused(StepError::new(what).because(error.to_string()))
            })?;
        }
        let clients = self.clients(&scope, retries).await.map_err(refused)?;
        Ok(Performer {
            services: Services {
                clients,
                http: self.connections.http.clone(),
                images,
                redactor: session.redactor.clone(),
                early_reads: EarlyReads::default(),
                early_uploads: EarlyUploads::default(),
                pinned_images: PinnedImages::default(),
                uploads_allowed: Arc::default(),
            },
            facts,
            plan: RunPlan {
                parsed: Arc::clone(&session.plan),
                source: session.file.source(),
                folder: session.file.folder.clone(),
                commit_file: commit_file(&session.file, &session.host),
                scope,
                chosen: self.chosen.places.iter().copied().collect(),
            },
        })
    }

    fn facts(&self, scope: &Scope) -> RunFacts {
        let RunSession { session, folder, .. } = self.run;
        let chosen = session.resolved.environment.as_ref();
        RunFacts {
            id: folder.run.to_string(),
            repository: session.resolved.repository(),
            state: folder.state.clone(),
            workspace: folder.path(),
            environment_name: chosen.map(|chosen| chosen.name.clone()),
            protected: chosen.is_some_and(|chosen| chosen.protected),
            pull_request: pull_request_of_preview(session),
            allow_older: session.options.allow_older,
            takes_back: session.options.put_back.as_ref().is_some_and(|it| it.takes_back),
            puts_back: session.options.rolls_back(),
            restarts: session.options.restarted().cloned(),
            expires: chosen.and_then(ChosenEnvironment::time_to_live),
            previews: preview_limit(session),
            source: origin::source(session),
            save_images: session.options.save_images.clone(),
            dry_run: session.is_dry_run(),
            reads_only: false,
            commands: self.run.command_context(),
            child_environment: self.environment(scope),
            child_secrets: self.connections.secret_variables.clone(),
            github_cache: GitHubCache::found(&session.host.env, &session.redactor)
                .filter(|_| !session.withholds),
            withholds: session.withholds,
        }
    }

    async fn clients(&self, scope: &Scope, retries: &Retries) -> Result<Clients, StepError> {
        let RunSession { session, folder, .. } = self.run;
        let read_file = plan_reader(&session.file, &session.host);
        let clients = Clients::make(ClientsConfig {
            http: &self.connections.http,
            credential: &self.connections.credential,
            endpoints: &self.connections.endpoints,
            redactor: &session.redactor,
            plan: &session.plan,
            read_file: &read_file,
            scope,
            environment: &session.host.env,
            local: session.is_dry_run() || session.options.cloud.is_some(),
            uses_stored_logins: !session.is_dry_run(),
            anonymous: session.withholds,
            subscription: self.connections.subscription.as_deref(),
            memory: Some(if session.is_dry_run() {
                self.run.local.join("remembered")
            } else {
                folder.state.join("registries")
            }),
            retries,
            signers: &self.connections.signers,
        });
        clients.await
    }

    /// The variables of child processes: those of this process without
    /// credentials, and those that point to the same servers.
    fn environment(&self, scope: &Scope) -> BTreeMap<String, String> {
        let session = &self.run.session;
        let sources = secret_sources(&session.plan, scope);
        let scrub = if session.withholds { scrub_for_fork } else { scrub };
        let mut environment = scrub(&session.host.env, &sources);
        for (name, value) in &self.connections.variables {
            environment.insert(name.clone(), value.clone());
        }
        environment
    }
}

/// The limit of the environment's previews, in a run for a pull request.
/// The pull request whose preview the run makes. A push that has one deploys a branch: staging, for
/// example, from each release branch in turn.
fn pull_request_of_preview(session: &PlanSession) -> Option<u64> {
    let is_push = session.resolved.told("event_name") == Some("push");
    let number = session.resolved.pull_request.as_ref()?.number;
    (!is_push || session.options.pr.is_some()).then_some(number)
}

fn preview_limit(session: &PlanSession) -> Option<PreviewLimit> {
    let max = session.resolved.environment.as_ref()?.max_previews?;
    let pull_request = session.resolved.pull_request.as_ref()?.number;
    Some(PreviewLimit { max, pull_request })
}

/// What a dry run does not contain: the user's own programs.
fn uncontained(session: &PlanSession, chosen: &Chosen) -> Option<String> {
    session.options.dry_run.as_ref()?;
    let is_run = |step: &Step| matches!(step.action, Action::Run(_));
    match chosen.steps(session).filter(|(_, step)| is_run(step)).count() {
        0 => None,
        1 => Some(
            "1 `run` step is a program of yours, which a dry run does not contain; `--skip-run` leaves it out".to_owned(),
        ),
        count => Some(format!(
            "{count} `run` steps are programs of yours, which a dry run does not contain; `--skip-run` leaves them out"
        )),
    }
}
