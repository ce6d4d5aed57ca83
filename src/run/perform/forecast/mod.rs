//! What a run is going to do, found by reading alone: `shipway plan`.
//!
//! Each step is foreseen as far as it can be without changing anything: an image is
//! built only where that starts no program, registries are asked with HEAD, and what
//! is deployed is read. What a step hands on is handed on here too, so that later steps
//! see it where it is known.

mod needs;

use super::deploy::{self, DeployForecast, unbuilt};
use super::performer::{Job, Performer, Produced};
use super::require::{Requirement, in_words};
use super::say::{Room, Say};
use super::{build, push, tag, verify};
use crate::event::{Failure, Outputs, StepId};
use crate::journal::Handover;
use crate::oci::{Digest, Reference};
use crate::plan::schema::{
    Action, Build, BuildKind, Push, Require, Run, Script, SignWith, Signer, Step, Text,
};
use crate::run::child::Stop;
use crate::run::layout::Layout;
use crate::run::outcome::{AttemptError, StepError, StepOutput};
use crate::run::store::Store;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a step is going to do.
#[derive(Clone, Debug)]
pub struct StepForecast {
    pub id: StepId,
    /// The name of the service.
    pub service: String,
    /// The keyword of its action.
    pub action: &'static str,
    pub forecast: Forecast,
}

/// What an action is going to do.
#[derive(Clone, Debug)]
pub enum Forecast {
    Build {
        from: &'static str,
        /// `None` where it is not known before the run.
        digest: Option<Digest>,
        /// The files and folders that a Dockerfile build reads. Empty for other builds, and
        /// where a program runs before, which may change them.
        sources: Vec<PathBuf>,
        /// How the sources differ from what is deployed, where that is known.
        changed: Option<ChangedSources>,
    },
    Tag {
        references: Vec<String>,
    },
    Push {
        tags: Vec<TagForecast>,
        /// The key that signs, or the Fulcio that certifies one, as the plan spells it.
        signed_with: Option<String>,
    },
    Deploy {
        target: Box<DeployForecast>,
        /// What is required of the images.
        requires: Vec<String>,
    },
    Verify {
        endpoint: Option<String>,
        requires: Vec<String>,
    },
    /// What a program does cannot be foreseen.
    Run {
        command: String,
    },
    /// Its `if` is false.
    Skipped,
    /// It depends on what this step finds out.
    DependsOn {
        step: String,
    },
    /// Why it cannot be foreseen.
    Failed(Failure),
}

/// How the sources of an image differ from a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangedSources {
    /// The hash of the commit.
    pub since: String,
    /// How many files were changed, added or removed, committed or not.
    pub files: usize,
}

/// A tag that is going to be pushed.
#[derive(Clone, Debug)]
pub struct TagForecast {
    pub reference: String,
    pub state: TagState,
    /// `None` where the image is not built yet.
    pub next: Option<Digest>,
}

/// What a tag names now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TagState {
    /// The registry was not asked.
    NotCompared,
    Missing,
    At(Digest),
}

/// Foresees the chosen steps.
pub struct Forecaster<'a> {
    pub performer: &'a Performer,
    /// Whether servers are asked.
    pub live: bool,
    store: Store,
    /// Whether a program runs before the next step, which may change any file.
    after_program: bool,
    /// By service, the step whose result is missing for the later ones.
    missing: BTreeMap<String, String>,
}

impl<'a> Forecaster<'a> {
    /// `store` has what earlier runs left.
    pub fn new(performer: &'a Performer, live: bool, store: Store) -> Self {
        Self { performer, live, store, after_program: false, missing: BTreeMap::new() }
    }

    /// Foresees all steps. `places` has the indices of service and step for each step
    /// of `layout`. The result is in the plan's order.
    pub async fn all(mut self, layout: &Layout, places: &[(usize, usize)]) -> Vec<StepForecast> {
        let mut found: Vec<Option<StepForecast>> = vec![None; layout.steps.len()];
        for service in in_order_of_needs(layout) {
            let service = &layout.services[service];
            for &step in &service.steps {
                let id = layout.steps[step].id.clone();
                let (of, place) = places[step];
                let planned = self.performer.plan.step(of, place);
                let forecast = self.step(planned, id.clone(), of, place).await;
                found[step] = Some(StepForecast {
                    id,
                    service: service.name.clone(),
                    action: planned.action.keyword(),
                    forecast,
                });
            }
        }
        found.into_iter().flatten().collect()
    }

    async fn step(&mut self, step: &Step, id: StepId, service: usize, place: usize) -> Forecast {
        let is_program = matches!(step.action, Action::Run(_));
        self.after_program |= is_program;
        let missing = self.missing.get(&id.service).filter(|_| !is_program).cloned();
        let unknown = || needs::unknown_output(self.performer, &self.store, &id, service, step);
        if let Some(step) = missing.or_else(unknown) {
            if !is_program {
                self.missing.insert(id.service, step.clone());
            }
            return Forecast::DependsOn { step };
        }
        let job = Job {
            service,
            place,
            attempt: 1,
            handover: self.store.handover(&id.service),
            scope: self.store.scope(self.performer, service, None, false),
            stop: Stop::default(),
            say: Say::new(Room::default(), drop),
            produced: Produced::default(),
            replaced: None,
            in_doubt: false,
            remember: None,
            id,
        };
        let holds = step.condition.as_ref().map_or(Ok(true), |it| it.holds(&job.scope));
        let forecast = match holds {
            Ok(false) => return Forecast::Skipped,
            Ok(true) => self.action(&step.action, &job).await,
            Err(error) => Err(StepError::from(error)),
        };
        match forecast {
            Ok((forecast, output)) => {
                self.store.keep(&job.id, output);
                forecast
            }
            Err(error) => {
                self.missing.insert(job.id.service.clone(), job.id.to_string());
                Forecast::Failed(error.shown(&self.performer.services.redactor, None))
            }
        }
    }

    async fn action(
        &self,
        action: &Action,
        job: &Job,
    ) -> Result<(Forecast, StepOutput), StepError> {
        let unchanged = || StepOutput { handover: job.handover.clone(), ..StepOutput::default() };
        Ok(match action {
            Action::Build(build) => self.build(build, job).await?,
            Action::Tag(tag) => {
                let output = tag::perform(tag, job).map_err(step_error)?;
                let references = output.handover.references.iter().map(ToString::to_string);
                (Forecast::Tag { references: references.collect() }, output)
            }
            Action::Push(push) => self.push(push, job).await?,
            Action::Deploy(deploy) => {
                let (forecast, output) =
                    deploy::forecast(self.performer, deploy, job, self.live).await?;
                let requires = self.requires(deploy.require.as_ref(), job)?;
                (Forecast::Deploy { target: Box::new(forecast), requires }, output)
            }
            // Where nothing is deployed yet there is no URL.
            Action::Verify(verify) => {
                let requires = self.requires(verify.require.as_ref(), job)?;
                let endpoint = verify::planned(verify, job).ok();
                (Forecast::Verify { endpoint, requires }, unchanged())
            }
            Action::Run(run) => (Forecast::Run { command: first_line(run) }, unchanged()),
        })
    }

    async fn build(&self, build: &Build, job: &Job) -> Result<(Forecast, StepOutput), StepError> {
        let (from, is_harmless) = match &build.kind {
            BuildKind::Layers(layers) => {
                ("layers", self.live || layers.base.as_literal() == Some("scratch"))
            }
            // A Dockerfile may run anything.
            BuildKind::Dockerfile(_) => ("a Dockerfile", false),
            BuildKind::Image(_) => ("an image", self.live),
        };
        if !is_harmless || self.after_program {
            let deployed = job.handover.deployed.clone();
            let handover = Handover { deployed, ..Handover::default() };
            let output = StepOutput { handover, ..StepOutput::default() };
            let sources = if self.after_program {
                Vec::new()
            } else {
                build::sources(self.performer, build, job)?
            };
            return Ok((Forecast::Build { from, digest: None, sources, changed: None }, output));
        }
        let output = build::perform(self.performer, build, job).await.map_err(step_error)?;
        let digest = output.handover.built.clone();
        Ok((Forecast::Build { from, digest, sources: Vec::new(), changed: None }, output))
    }

    async fn push(&self, push: &Push, job: &Job) -> Result<(Forecast, StepOutput), StepError> {
        let is_known = job.handover.built.is_some() || (push.image.is_some() && self.live);
        let handover = if is_known {
            push::planned(self.performer, push, job).await?
        } else {
            let pushed = job.handover.references.first().map(unbuilt);
            Handover { pushed, ..job.handover.clone() }
        };
        let next = handover.pushed.as_ref().and_then(|pushed| pushed.digest.clone());
        let next = next.filter(|_| is_known);
        let mut tags = Vec::new();
        for reference in &handover.references {
            let state = self.tag_state(reference).await?;
            tags.push(TagForecast { reference: reference.to_string(), state, next: next.clone() });
        }
        let outputs = if is_known { push::planned_outputs(&handover) } else { Outputs::new() };
        let signed_with = push.sign.as_ref().map(|sign| match &sign.with {
            SignWith::Key(key) => as_spelled(key),
            SignWith::Keyless(keyless) => as_spelled(&keyless.fulcio),
        });
        Ok((Forecast::Push { tags, signed_with }, StepOutput { outputs, handover }))
    }

    fn requires(&self, require: Option<&Require>, job: &Job) -> Result<Vec<String>, StepError> {
        let Some(require) = require else { return Ok(Vec::new()) };
        // A program may write the keys.
        if self.after_program {
            return Ok(as_written(require));
        }
        let files = self.performer.plan.key_files(job.service);
        Ok(Requirement::new(require, &files, &job.scope)?.words())
    }

    async fn tag_state(&self, reference: &Reference) -> Result<TagState, StepError> {
        let Performer { services, plan, .. } = self.performer;
        if !self.live {
            return Ok(TagState::NotCompared);
        }
        match services.clients.registry.head_manifest(reference).await {
            Ok(Some(found)) => Ok(TagState::At(found.digest)),
            Ok(None) => Ok(TagState::Missing),
            // It is created by the push.
            Err(_) if plan.creates_registry(&reference.host) => Ok(TagState::Missing),
            Err(error) => Err(error.into()),
        }
    }
}

/// The indices of the services, each after those that it needs.
fn in_order_of_needs(layout: &Layout) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < layout.services.len() {
        let is_ready = |index: &usize| {
            let needs = &layout.services[*index].needs;
            !order.contains(index) && needs.iter().all(|need| order.contains(need))
        };
        // The graph has no circle, so that one is always ready.
        let Some(next) = (0..layout.services.len()).find(is_ready) else { break };
        order.push(next);
    }
    order
}

fn step_error(error: AttemptError) -> StepError {
    match error {
        AttemptError::Failed(error) => *error,
        AttemptError::Stopped => StepError::new("it was stopped"),
        AttemptError::TimedOut { limit, .. } => {
            StepError::new(format!("it took longer than {limit:?}"))
        }
    }
}

/// The expression of a text that is nothing else, or the text.
fn as_spelled(text: &Text) -> String {
    let mut expressions = text.expressions();
    match (text.parts.as_slice(), expressions.next()) {
        ([_], Some(only)) => only.value.clone(),
        _ => text.source.to_string(),
    }
}

/// What is required, as the plan spells it.
fn as_written(require: &Require) -> Vec<String> {
    let provenance = require.provenance.as_literal() != Some(false);
    let names = require.signed_by.iter().map(Signer::name);
    in_words(names.map(|name| format!("`{}`", as_spelled(name))), provenance)
}

/// The first line of a script as the plan spells it: expressions may hold secrets.
fn first_line(run: &Run) -> String {
    match &run.script {
        Script::Shell(text) => {
            let mut lines = text.source.lines().filter(|line| !line.trim().is_empty());
            let first = lines.next().unwrap_or_default().trim();
            if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
        }
        Script::Exec(words) => {
            words.iter().map(|word| word.source.as_ref()).collect::<Vec<_>>().join(" ")
        }
    }
}
