//! The chosen steps, as the engine takes them.

use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::Session;
use crate::event::StepId;
use crate::graph::{Graph, Selection};
use crate::http::Retryable as _;
use crate::journal::{Replay, StepState};
use crate::plan::expr::{Segment, references};
use crate::plan::schema::{Action, Condition, Step, Template};
use crate::run::layout::{Layout, ServiceLayout, StepLayout};

/// The chosen steps.
pub(in crate::cli) struct Chosen {
    /// Their shape.
    pub(in crate::cli) layout: Layout,
    /// By the layout's places: of the service in the plan, of the step in it.
    pub(in crate::cli) places: Vec<(usize, usize)>,
    /// What was left out, and why.
    pub(in crate::cli) notes: Vec<String>,
}

/// Chooses the steps that the command line names, less what a fork may not do.
pub(in crate::cli) fn choose(session: &Session) -> Result<Chosen, Exit> {
    let selection = Selection {
        from: session.arguments.from.clone(),
        until: session.arguments.until.clone(),
        only: session.arguments.only.clone(),
    };
    let graph = Graph::of(&session.plan, &selection).map_err(|errors| {
        for error in errors {
            say::error(&[error.to_string()], error.help().as_deref());
        }
        Exit::Usage
    })?;
    let mut chosen = Chosen { layout: Layout::default(), places: Vec::new(), notes: Vec::new() };
    let fork = is_fork(session)?;
    for node in &graph.services {
        chosen.take(session, node, fork);
    }
    Ok(chosen)
}

/// Whether the code is somebody else's and may not be deployed.
fn is_fork(session: &Session) -> Result<bool, Exit> {
    let trust = session.resolved.trust();
    let allowed = session.arguments.allow_fork_deploy.as_deref();
    match trust.deploy(allowed, &session.resolved.git) {
        Ok(()) => Ok(false),
        Err(_) if allowed.is_none() => Ok(true),
        Err(refusal) => {
            say::error(&[refusal.to_string()], refusal.help().as_deref());
            Err(Exit::Precondition)
        }
    }
}

impl Chosen {
    fn take(&mut self, session: &Session, node: &crate::graph::Node, fork: bool) {
        let (name, service) = &session.plan.services.0[node.service];
        let place = self.layout.services.len();
        let mut steps = Vec::new();
        for &at in &node.steps {
            let step = &service.steps[at];
            let of = if session.plan.single { String::new() } else { name.value.clone() };
            let id = StepId { service: of, step: step.id.value.clone() };
            if fork && !is_harmless(step) {
                self.notes.push(format!(
                    "`{id}` was left out: the code comes from a fork, which has no secrets and is not deployed"
                ));
                continue;
            }
            steps.push(self.layout.steps.len());
            self.places.push((node.service, at));
            self.layout.steps.push(StepLayout {
                id,
                service: place,
                policy: step.retry,
                runs_after_failure: step
                    .condition
                    .as_ref()
                    .is_some_and(Condition::runs_after_failure),
                done_before: false,
            });
        }
        let needs = node.needs.clone();
        self.layout.services.push(ServiceLayout { name: name.value.clone(), needs, steps });
    }

    /// Marks what an earlier process of the run has done.
    pub(in crate::cli) fn mark_done(&mut self, replay: &Replay) {
        for step in &mut self.layout.steps {
            step.done_before = matches!(replay.state(&step.id), StepState::Succeeded { .. });
        }
    }

    /// The steps themselves, with the place of their service.
    pub(in crate::cli) fn steps<'p>(
        &'p self,
        session: &'p Session,
    ) -> impl Iterator<Item = (usize, &'p Step)> {
        let step = |&(service, place): &(usize, usize)| {
            (service, &session.plan.services.0[service].1.steps[place])
        };
        self.places.iter().map(step)
    }
}

/// Whether a step reaches nothing but this machine and uses no secret.
fn is_harmless(step: &Step) -> bool {
    let here = matches!(step.action, Action::Build(_) | Action::Tag(_) | Action::Run(_));
    here && secrets_of(step.templates()).is_empty()
}

/// The names of the secrets that templates use; `*` stands for all.
pub(in crate::cli) fn secrets_of<'p>(
    templates: impl IntoIterator<Item = Template<'p>>,
) -> Vec<String> {
    let mut names = Vec::new();
    for template in templates {
        for expression in template.expressions() {
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
