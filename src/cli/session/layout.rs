//! Chooses the steps of a run, and lays them out for the engine.

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::session::PlanSession;
use crate::event::StepId;
use crate::graph::{Graph, Selection};
use crate::http::Retryable as _;
use crate::journal::{Replay, StepState};
use crate::plan::PlanKeys as _;
use crate::plan::expr::{Segment, references};
use crate::plan::schema::{Action, Condition, Step, Template};
use crate::run::layout::{Goal, Layout, ServiceLayout, StepLayout};

pub struct Chosen {
    pub layout: Layout,
    /// For each step of the layout, the index of its service in the plan and its
    /// index in that service.
    pub places: Vec<(usize, usize)>,
    /// Why steps were left out.
    pub notes: Vec<String>,
}

/// Chooses the steps that the command line selects, without those that the code
/// of a fork may not run.
pub fn choose(session: &PlanSession) -> Result<Chosen, Refusal> {
    let selection = Selection {
        from: session.options.from.clone(),
        until: session.options.until.clone(),
        only: session.options.only.clone(),
    };
    let graph = Graph::of(&session.plan, &selection).map_err(|errors| {
        let shown = errors.iter().map(|error| {
            say::refused(Exit::Usage, &[error.to_string()], error.help().as_deref()).failures
        });
        Refusal { exit: Exit::Usage, failures: shown.flatten().collect() }
    })?;
    let mut chosen = Chosen { layout: Layout::default(), places: Vec::new(), notes: Vec::new() };
    let fork = is_fork(session)?;
    for node in &graph.services {
        chosen.take(session, node, fork);
    }
    Ok(chosen)
}

/// Whether the code comes from a fork and may not be deployed.
fn is_fork(session: &PlanSession) -> Result<bool, Refusal> {
    let trust = session.resolved.trust();
    let allowed = session.options.allow_fork_deploy.as_deref();
    match trust.deploy(allowed, &session.resolved.git) {
        Ok(()) => Ok(false),
        Err(_) if allowed.is_none() => Ok(true),
        Err(refusal) => {
            Err(say::refused(Exit::Precondition, &[refusal.to_string()], refusal.help().as_deref()))
        }
    }
}

impl Chosen {
    fn take(&mut self, session: &PlanSession, node: &crate::graph::Node, fork: bool) {
        let (name, service) = &session.plan.services.0[node.service];
        let place = self.layout.services.len();
        let mut steps = Vec::new();
        let mut left_out_for_fork = Vec::new();
        for &at in &node.steps {
            let step = &service.steps[at];
            let of =
                if session.plan.services.is_single { String::new() } else { name.value.clone() };
            let id = StepId { service: of, step: step.id.value.clone() };
            if fork && !is_harmless(step) {
                self.notes.push(format!(
                    "`{id}` was left out: the code comes from a fork, which has no secrets and is not deployed"
                ));
                left_out_for_fork.push(Goal::of(&step.action));
                continue;
            }
            steps.push(self.layout.steps.len());
            self.places.push((node.service, at));
            self.layout.steps.push(StepLayout {
                id,
                service: place,
                goal: Goal::of(&step.action),
                policy: step.retry,
                runs_after_failure: step
                    .condition
                    .as_ref()
                    .is_some_and(Condition::runs_after_failure),
                done_before: false,
            });
        }
        let needs = node.needs.clone();
        let name = name.value.clone();
        self.layout.services.push(ServiceLayout { name, needs, steps, left_out_for_fork });
    }

    /// Marks the steps that an earlier process of the run has done.
    pub fn mark_done(&mut self, replay: &Replay) {
        for step in &mut self.layout.steps {
            step.done_before = matches!(replay.state(&step.id), StepState::Succeeded { .. });
        }
    }

    /// The chosen steps, each with the index of its service.
    pub fn steps<'p>(
        &'p self,
        session: &'p PlanSession,
    ) -> impl Iterator<Item = (usize, &'p Step)> {
        let step = |&(service, place): &(usize, usize)| {
            (service, &session.plan.services.0[service].1.steps[place])
        };
        self.places.iter().map(step)
    }
}

/// Whether a step affects only this machine and uses no secret.
fn is_harmless(step: &Step) -> bool {
    let here = matches!(step.action, Action::Build(_) | Action::Tag(_) | Action::Run(_));
    here && secrets_of(step.templates()).is_empty()
}

/// The names of the secrets that templates use. `*` stands for all of them, where
/// the name is computed.
pub fn secrets_of<'p>(templates: impl IntoIterator<Item = Template<'p>>) -> Vec<String> {
    let mut names = Vec::new();
    for template in templates {
        for (expression, _) in template.expressions() {
            for found in references(expression, 0).unwrap_or_default() {
                if found.context().eq_ignore_ascii_case("secrets") {
                    names.push(match found.path.get(1) {
                        Some(Segment::Name(name)) => name.clone(),
                        Some(Segment::Index(_) | Segment::Any | Segment::Computed) | None => {
                            "*".to_owned()
                        }
                    });
                }
            }
        }
    }
    names
}
