//! From a session to its end: secrets read, clients made, what could go wrong
//! asked beforehand, and then the run. The same for a run, a dry run and what
//! goes on with either.

mod debug_log;
mod execute;
mod finish;
pub(in crate::cli) mod reporters;

use crate::cli::exit::Exit;
use crate::cli::pipeline::execute::{Execution, begin_journal, restore};
use crate::cli::pipeline::reporters::Audience;
use crate::cli::session::layout::Chosen;
use crate::cli::session::reach::Connections;
use crate::cli::session::secrets::{self, Sources};
use crate::cli::session::{Session, all_missing, missing, refuse};
use crate::image::Store as Images;
use crate::image::dockerfile::GitHubCache;
use crate::journal::Journal;
use crate::plan::schema::Action;
use crate::resolve::credentials::scrub;
use crate::resolve::{ResolveError, secret_sources, with_secrets};
use crate::run::outcome::StepError;
use crate::run::perform::{
    Clients, ClientsConfig, EarlyBuild, EarlyUploads, Performer, PlanSource, Preflight, RunFacts,
    RunPlan, Services,
};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run is made of beside its session.
pub(in crate::cli) struct Pipeline<'a> {
    /// The run.
    pub(in crate::cli) session: &'a Session,
    /// Its steps.
    pub(in crate::cli) chosen: Chosen,
    /// How the outside is reached.
    pub(in crate::cli) reach: &'a Connections,
    /// Where secrets that are variables come from.
    pub(in crate::cli) sources: Sources,
    /// Who watches.
    pub(in crate::cli) audience: Audience,
    /// Whether `run` steps are left out.
    pub(in crate::cli) skip_run: bool,
    /// The journal to go on with, where the run has begun before.
    pub(in crate::cli) journal: Option<Journal>,
    /// Outputs and handovers of another run, for `--from`.
    pub(in crate::cli) inherited: Option<crate::journal::Replay>,
}

impl Pipeline<'_> {
    /// Runs it.
    pub(in crate::cli) async fn run(self) -> Exit {
        match self.prepared().await {
            Ok(execution) => execution.run().await,
            Err(exit) => exit,
        }
    }
}

impl<'a> Pipeline<'a> {
    async fn prepared(self) -> Result<Execution<'a>, Exit> {
        let session = self.session;
        let refused = |trouble: StepError| missing(trouble, &session.redactor);
        let mut names = secrets::needed(session, &self.chosen);
        names.sort_unstable();
        names.dedup();
        let secrets = secrets::read(session, &names, self.reach, &self.sources).await;
        let secrets = secrets.map_err(|troubles| all_missing(troubles, &session.redactor))?;
        let performer = self.performer(&secrets).await?;
        let preflight = Preflight { performer: &performer };
        let so_far = self.journal.as_ref().map(Journal::replay).or(self.inherited.as_ref());
        let store = so_far.map(|replay| restore(replay, &secrets)).unwrap_or_default();
        let Chosen { layout, places, .. } = &self.chosen;
        let mut early = EarlyBuild::begin(&performer, layout, places, &store);
        EarlyBuild::until(&mut early, preflight.check()).await.map_err(refused)?;
        let mut notes = session.resolved.notices.clone();
        notes.extend(self.chosen.notes.iter().cloned());
        notes.extend(self.sources.notes.iter().cloned());
        if session.dry_run && !self.skip_run {
            notes.extend(uncontained(session, &self.chosen));
        }
        let journal = match self.journal {
            Some(journal) => journal,
            None => begin_journal(session)?,
        };
        Ok(Execution {
            session,
            chosen: self.chosen,
            performer,
            early,
            reach: self.reach,
            journal,
            store,
            audience: self.audience,
            notes,
        })
    }

    async fn performer(&self, secrets: &[(String, Secret)]) -> Result<Arc<Performer>, Exit> {
        let session = self.session;
        let refused = |trouble: StepError| missing(trouble, &session.redactor);
        let scope = with_secrets(session.scope.clone(), &session.plan, secrets)
            .map_err(|error| refuse(&session.loaded, &ResolveError::Expression(error)))?;
        let images = Images::open(&session.run.state.join("images"))
            .map_err(|error| refused(StepError::from_error(&error)))?;
        let environment = self.environment(&scope);
        let clients = Clients::make(ClientsConfig {
            http: &self.reach.http,
            credential: &self.reach.credential,
            endpoints: &self.reach.endpoints,
            redactor: &session.redactor,
            plan: &session.plan,
            scope: &scope,
            environment: &session.surroundings.env,
            local: session.dry_run,
            subscription: self.reach.subscription.as_deref(),
            // Registries of a dry run are of this run alone.
            memory: (!session.dry_run).then(|| session.run.state.join("registries")),
        });
        let clients = clients.await.map_err(refused)?;
        let chosen = session.resolved.environment.as_ref();
        Ok(Arc::new(Performer {
            services: Services {
                clients,
                http: self.reach.http.clone(),
                images,
                redactor: session.redactor.clone(),
                early_uploads: EarlyUploads::default(),
                uploads_allowed: Arc::default(),
            },
            facts: RunFacts {
                id: session.run.run.to_string(),
                state: session.run.state.clone(),
                workspace: session.run.path(),
                environment_name: chosen.map(|chosen| chosen.name.clone()),
                protected: chosen.is_some_and(|chosen| chosen.protected),
                expires: chosen.and_then(crate::resolve::ChosenEnvironment::time_to_live),
                dry_run: session.dry_run,
                skip_run: self.skip_run,
                child_environment: environment,
                child_secrets: self.reach.secret_variables.clone(),
                github_cache: GitHubCache::found(&session.surroundings.env, &session.redactor),
            },
            plan: RunPlan {
                parsed: Arc::clone(&session.plan),
                source: PlanSource {
                    file: session.loaded.file.clone(),
                    text: session.loaded.text.clone(),
                },
                folder: session.loaded.folder.clone(),
                scope,
                chosen: self.chosen.places.iter().copied().collect(),
            },
        }))
    }

    /// What children inherit: everything less the credentials, and what they
    /// need to live in the same world.
    fn environment(&self, scope: &crate::plan::expr::Scope) -> BTreeMap<String, String> {
        let sources = secret_sources(&self.session.plan, scope);
        let mut environment = scrub(&self.session.surroundings.env, &sources);
        for (name, value) in &self.reach.variables {
            environment.insert(name.clone(), value.clone());
        }
        environment
    }
}

/// What a dry run does not contain: the user's own programs.
fn uncontained(session: &Session, chosen: &Chosen) -> Vec<String> {
    let is_own = |step: &crate::plan::schema::Step| matches!(step.action, Action::Run(_));
    let own = chosen.steps(session).filter(|(_, step)| is_own(step)).count();
    if own == 0 {
        return Vec::new();
    }
    let steps = if own == 1 { "step is a program" } else { "steps are programs" };
    vec![format!(
        "{own} `run` {steps} of yours and not contained: they ran on this machine as they are; `--skip-run` leaves them out"
    )]
}
