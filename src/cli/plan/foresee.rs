//! Foresees the steps of a run: with the steps, the outputs and the refusals that the run
//! would have.

use super::sources::compare as compare_sources;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Pipeline;
use crate::cli::pipeline::audience::Audience;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::session::connections::Connections;
use crate::cli::session::inherit::inherited;
use crate::cli::session::layout::{Chosen, choose, secrets_of};
use crate::cli::session::lost_outputs::{refuse_left_out_outputs, refuse_lost_outputs};
use crate::cli::session::put_back;
use crate::cli::session::retries::retries;
use crate::cli::session::run::RunSession;
use crate::cli::session::secrets::{self, SecretAccess, SecretSources};
use crate::cli::session::sources::refuse_inherited;
use crate::cli::session::{PlanSession, refuse};
use crate::journal::RunId;
use crate::plan::PlanKeys as _;
use crate::run::outcome::StepError;
use crate::run::perform::{Forecaster, Performer, Preflight, RunFacts, RunPlan, StepForecast};
use crate::run::store::Store;
use crate::secret::Secret;
use std::collections::BTreeSet;

/// The steps of a run as far as they can be foreseen.
pub struct Foreseen {
    pub steps: Vec<StepForecast>,
    pub connections: Connections,
}

/// Foresees the steps of a run. Without `live` no server is asked.
pub async fn foresee(
    run: &mut RunSession,
    audience: Audience<'_>,
    live: bool,
) -> Result<Foreseen, Refusal> {
    let inherited = inherited(run);
    let session = &run.session;
    let chosen = refuse_inherited(run, choose(session)?, inherited.as_ref())?;
    for note in session.resolved.notices.iter().chain(&chosen.notes) {
        say::tell(&format!("note: {}", session.redactor.redact(note)));
    }
    let refused = |error: StepError| refuse(session, error);
    let connections = Connections::of_run(run).map_err(refused)?;
    let sources = SecretSources::of_environment(session);
    let retries = retries(&session.redactor);
    let access = SecretAccess { connections: &connections, sources: &sources, retries: &retries };
    let secrets = secrets(session, &chosen, access, live).await?;
    let mut store = Store::default();
    if let Some(replay) = &inherited {
        store.restore(replay, &secrets);
    }
    for (step, outputs) in put_back::outputs(&session.plan, &session.options) {
        store.keep_outputs(&step, outputs);
    }
    let pipeline = Pipeline {
        faults: None,
        run,
        chosen,
        connections: &connections,
        sources: sources.clone(),
        audience,
        journal: None,
        inherited: None,
        cloud_ends: false,
    };
    let performer = pipeline.performer(&secrets, &retries).await?;
    let chosen = &pipeline.chosen;
    refuse_lost_outputs(session, chosen, &store).map_err(refused)?;
    if !session.options.only.is_empty() {
        refuse_left_out_outputs(&performer, chosen, &store, session).map_err(refused)?;
    }
    let facts = RunFacts { reads_only: true, ..performer.facts };
    let performer = Performer { facts, ..performer };
    Preflight { performer: &performer, retries: &retries }.check_texts().map_err(refused)?;
    let performer = Performer {
        // Nothing is uploaded after a build of which no later step is chosen.
        plan: RunPlan { chosen: BTreeSet::new(), ..performer.plan },
        ..performer
    };
    let forecaster = Forecaster::new(&performer, live, store);
    let mut steps = forecaster.all(&chosen.layout, &chosen.places).await;
    compare_sources(&session.host, &mut steps);
    Ok(Foreseen { steps, connections })
}

/// The secrets that the steps use. Only those that clients sign in with are read; a
/// placeholder stands for each of the others, whose value is never shown or compared.
async fn secrets(
    session: &PlanSession,
    chosen: &Chosen,
    access: SecretAccess<'_>,
    live: bool,
) -> Result<Vec<(String, Secret)>, Refusal> {
    let used: BTreeSet<String> = secrets::needed(session, chosen).into_iter().collect();
    let registries = session.plan.registries.iter();
    let settings = registries.flat_map(|(_, registry)| secrets_of(registry.templates()));
    let azure = session.plan.azure.iter().flat_map(|azure| secrets_of(azure.templates()));
    let settings: BTreeSet<String> = settings.chain(azure).collect();
    let is_read = |name: &String| {
        live && settings.iter().any(|it| it == "*" || it.eq_ignore_ascii_case(name))
    };
    let (read, others): (Vec<String>, Vec<String>) = used.into_iter().partition(is_read);
    let found = secrets::read(session, &read, access).await;
    let mut found = found.map_err(|errors| {
        let failures = errors.into_iter().flat_map(|error| refuse(session, error).failures);
        Refusal::new(Exit::Precondition, failures.collect())
    })?;
    for warning in &found.warnings {
        say::tell(&format!("warning: {warning}"));
    }
    found.secrets.extend(others.into_iter().map(|name| {
        let secret =
            session.redactor.adopt(&format!("secrets.{name}"), format!("unread-{}", RunId::new()));
        (name, secret)
    }));
    Ok(found.secrets)
}
