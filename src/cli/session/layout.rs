//! Chooses the steps of a run, and lays them out for the engine.

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::cli::session::{PlanSession, put_back, show_resolve_error};
use crate::event::StepId;
use crate::graph::{Graph, Selection, SelectionError};
use crate::journal::{Replay, StepState};
use crate::plan::expr::{Segment, references};
use crate::plan::schema::{Action, BuildKind, Condition, Step, Template, Using};
use crate::plan::{AskedDeploy, PlanKeys as _};
use crate::resolve::{Decision, LeaveOut, ResolveError};
use crate::run::layout::{
    ExcludedStep, Exclusion, Goal, Layout, RecordedRollback, ServiceLayout, StepLayout,
};
use std::collections::BTreeMap;

pub struct Chosen {
    pub layout: Layout,
    /// For each step of the layout, the index of its service in the plan and its
    /// index in that service.
    pub places: Vec<(usize, usize)>,
    /// The same for the steps that are left out.
    pub left_out: Vec<(usize, usize)>,
    /// Why steps were left out.
    pub notes: Vec<String>,
    /// What every report is to say.
    pub warnings: Vec<String>,
}

/// Chooses the steps that the command line selects, without those that the code
/// of a fork or a closed pull request may not run. Refuses to push or deploy the
/// wrong code, or to an environment that is not this run's.
pub fn choose(session: &PlanSession) -> Result<Chosen, Refusal> {
    let graph = graph(session)?;
    let mut chosen = Chosen {
        layout: Layout::default(),
        places: Vec::new(),
        left_out: Vec::new(),
        notes: Vec::new(),
        warnings: Vec::new(),
    };
    let allowed = session.options.allow_fork_deploy.as_deref();
    let decision = match &session.options.put_back {
        // Nothing of what is checked out is deployed. The plan may be a fork's all the same.
        Some(_) if !session.withholds => Decision::Go,
        Some(_) | None => session.resolved.decide(&session.plan, allowed),
    };
    let left_out = match decision {
        Decision::LeaveOut(why) => Some(why),
        Decision::Go | Decision::Note(_) | Decision::Refuse(_) => None,
    };
    chosen.notes.extend(session.resolved.withheld_note().filter(|_| session.withholds));
    for node in &graph.services {
        chosen.take(session, node, left_out);
    }
    chosen.notes.extend(of_fork(&chosen.layout));
    if let Some(LeaveOut::Closed) = left_out {
        chosen
            .notes
            .push("the pull request is closed, so nothing was built or deployed".to_owned());
    }
    let is_local = !chosen.steps(session).any(|(_, step)| may_change(session, step));
    match decision {
        // What changes nothing outside of this machine needs no permission.
        Decision::Refuse(error @ ResolveError::Withheld { .. }) if is_local => {
            chosen.notes.push(error.to_string());
        }
        Decision::Refuse(_) | Decision::Note(_) if is_local => {}
        Decision::Refuse(error) => return Err(show_resolve_error(&session.file, &error)),
        Decision::Note(error) => {
            chosen.notes.push(format!("a real run would stop here: {error}"));
        }
        Decision::Go | Decision::LeaveOut(_) => {}
    }
    Ok(chosen)
}

/// One note on the steps that a fork may not run.
fn of_fork(layout: &Layout) -> Option<String> {
    let excluded = layout.services.iter().flat_map(|service| &service.excluded);
    let excluded = excluded.filter(|step| step.why == Exclusion::Fork);
    let names: Vec<String> = excluded.map(|step| format!("`{}`", step.id)).collect();
    let were = match names.len() {
        0 => return None,
        1 => "was",
        _ => "were",
    };
    Some(format!(
        "{} {were} left out: the code comes from a fork, which has no secrets and is not deployed",
        names.join(", ")
    ))
}

/// Whether the step pushes or deploys, or uses what is withheld, unless a condition that is known already leaves it
/// out.
fn may_change(session: &PlanSession, step: &Step) -> bool {
    let changes = matches!(step.action, Action::Push(_) | Action::Deploy(_))
        || (session.withholds && !is_harmless(session, step));
    let condition = step.condition.as_ref().filter(|condition| condition.is_known_early());
    changes && condition.is_none_or(|condition| condition.holds(&session.scope).unwrap_or(true))
}

/// The steps that the command line selects.
fn graph(session: &PlanSession) -> Result<Graph, Refusal> {
    let PlanSession { options, plan, .. } = session;
    let only = options.put_back.as_ref().map(|put_back| vec![put_back.service.clone()]);
    let selection = Selection {
        from: options.from.clone(),
        until: options.until.clone(),
        only: only.unwrap_or_else(|| options.only.clone()),
    };
    let mut graph = Graph::of(plan, &selection).map_err(|errors| {
        let shown = errors.iter().map(|error| {
            say::refused(Exit::Usage, &[error.to_string()], error.help().as_deref()).failures
        });
        Refusal::new(Exit::Usage, shown.flatten().collect())
    })?;
    if options.put_back.is_some() {
        graph.services.retain(|node| !node.is_left_out);
        for node in &mut graph.services {
            put_back::keep_steps(node, &plan.services.0[node.service].1.steps);
        }
    }
    Ok(graph)
}

/// Why a step that the command line chooses is no part of the run, if it is not.
fn exclusion(session: &PlanSession, step: &Step, left_out: Option<LeaveOut>) -> Option<Exclusion> {
    let is_run = matches!(step.action, Action::Run(_));
    let by_event = match left_out {
        // Steps of the user's own may clean up.
        Some(LeaveOut::Closed) if !is_run => Some(Exclusion::ClosedPullRequest),
        Some(_) if session.withholds => (!is_harmless(session, step)).then_some(Exclusion::Fork),
        Some(_) | None => None,
    };
    let skips_run = session.options.dry_run.as_ref().is_some_and(|options| options.skip_run);
    by_event.or_else(|| (is_run && skips_run).then_some(Exclusion::SkipRun))
}

impl Chosen {
    /// Whether a step builds or pushes.
    pub fn moves_images(&self, session: &PlanSession) -> bool {
        self.steps(session)
            .any(|(_, step)| matches!(step.action, Action::Build(_) | Action::Push(_)))
    }

    fn take(
        &mut self,
        session: &PlanSession,
        node: &crate::graph::Node,
        left_out: Option<LeaveOut>,
    ) {
        let (name, service) = &session.plan.services.0[node.service];
        let place = self.layout.services.len();
        let mut steps = Vec::new();
        let mut excluded = Vec::new();
        let of = if session.plan.services.is_single { "" } else { name.value.as_str() };
        let checks: BTreeMap<usize, AskedDeploy> = service.checks().collect();
        let asked = |at: usize| checks.get(&at).cloned().unwrap_or_default();
        let id_of = |step: &Step| StepId { service: of.into(), step: step.id.value.clone() };
        for &at in &node.steps {
            let step = &service.steps[at];
            let id = id_of(step);
            if let Some(why) = exclusion(session, step, left_out) {
                self.left_out.push((node.service, at));
                excluded.push(ExcludedStep {
                    id,
                    goal: Goal::of(&step.action),
                    asks: asked(at),
                    why,
                });
                continue;
            }
            steps.push(self.layout.steps.len());
            self.places.push((node.service, at));
            self.layout.steps.push(StepLayout {
                id,
                service: place,
                goal: Goal::of(&step.action),
                asks: asked(at),
                policy: step.retry,
                runs_after_failure: step
                    .condition
                    .as_ref()
                    .is_some_and(Condition::runs_after_failure),
                done_before: false,
                ended_before: None,
                rollback: RecordedRollback::Nothing,
            });
        }
        for &at in &node.left_out {
            let step = &service.steps[at];
            let why = Exclusion::Until(session.options.until.clone().unwrap_or_default());
            self.left_out.push((node.service, at));
            excluded.push(ExcludedStep {
                id: id_of(step),
                goal: Goal::of(&step.action),
                asks: asked(at),
                why,
            });
        }
        let needs = node.needs.clone();
        let name = name.value.clone();
        self.layout.services.push(ServiceLayout {
            name,
            needs,
            steps,
            excluded,
            has_check: !checks.is_empty(),
            left_out: node.is_left_out,
        });
    }

    /// Marks the steps that an earlier process of the run has done, and what it left
    /// to roll back.
    pub fn mark_done(&mut self, replay: &Replay) {
        for step in &mut self.layout.steps {
            step.done_before = matches!(replay.state(&step.id), StepState::Succeeded { .. });
            step.rollback = match replay.rollbacks.get(&step.id) {
                Some(state) if state.undoes.is_some() => RecordedRollback::Begun,
                Some(_) => RecordedRollback::Possible,
                None => RecordedRollback::Nothing,
            };
        }
        let begun =
            self.layout.steps.iter().filter(|step| step.rollback == RecordedRollback::Begun);
        let services: Vec<usize> = begun.map(|step| step.service).collect();
        for step in &mut self.layout.steps {
            if services.contains(&step.service) && !step.done_before {
                step.ended_before = replay.ended.get(&step.id).cloned();
            }
        }
    }

    /// Shows that an option names a step that was not chosen.
    pub fn refuse_unknown(&self, option: &'static str, name: &str) -> Result<(), Exit> {
        let steps = || self.layout.steps.iter().map(|step| &step.id);
        if steps().any(|id| name == id.to_string() || name == id.step) {
            return Ok(());
        }
        let known = steps().map(StepId::to_string).collect();
        let error = SelectionError::UnknownStep { option, name: name.to_owned(), known };
        say::error(&[error.to_string()], error.help().as_deref());
        Err(Exit::Usage)
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
fn is_harmless(session: &PlanSession, step: &Step) -> bool {
    let here = match &step.action {
        Action::Build(build) => !is_built_elsewhere(session, &build.kind),
        Action::Tag(_) | Action::Run(_) => true,
        Action::Push(_) | Action::Deploy(_) | Action::Verify(_) => false,
    };
    here && secrets_of(step.templates()).is_empty()
}

/// Whether a registry builds the image, which it keeps.
fn is_built_elsewhere(session: &PlanSession, build: &BuildKind) -> bool {
    let BuildKind::Dockerfile(dockerfile) = build else { return false };
    matches!(dockerfile.using.resolve(&session.scope), Ok(Using::Acr))
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
