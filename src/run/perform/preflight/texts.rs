//! Texts with expressions: whether what they give is a valid value, and no secret
//! where others can read it. A literal was checked when the plan was read.

use super::Preflight;
use crate::event::{PlanPosition, StepId};
use crate::plan::expr::contexts::Site;
use crate::plan::expr::{self, Function, Rendered, Segment, functions};
use crate::plan::schema::{Action, Template, Text};
use crate::plan::{Exposure, Found, PlanKeys as _, Visit, closed_port, is_after_a_run};
use crate::run::outcome::StepError;
use crate::run::perform::plan::RunPlan;
use crate::run::perform::references::references;
use crate::run::perform::{deploy, run, verify};
use std::collections::BTreeMap;

impl Preflight<'_> {
    /// Evaluates every text of the steps that are going to run, and of the settings
    /// that they use, as far as it needs no output of a step.
    pub fn check_texts(&self) -> Result<(), StepError> {
        let plan = &self.performer.plan;
        let scope = &plan.scope;
        let mut targets = BTreeMap::new();
        for (service, place, step) in self.will_run() {
            let mut found = Vec::new();
            step.visit_keys(&mut Visit::new(Site::Step, &mut |text| found.push(text)));
            let of_step = |error: StepError| self.blame(error, &found).at(&step.span);
            found.iter().try_for_each(|found| self.check_text(found)).map_err(of_step)?;
            match &step.action {
                Action::Tag(tag) if are_early(&found) => {
                    references(tag, scope).map_err(of_step)?;
                }
                Action::Deploy(deploy) => {
                    let target = deploy::check_texts(self.performer, service, deploy);
                    if let Some(target) = target.map_err(of_step)? {
                        let by = StepId {
                            service: plan.step_service(service),
                            step: step.id.value.clone(),
                        };
                        check_target(&mut targets, &target, by).map_err(of_step)?;
                    }
                }
                Action::Verify(verify) => {
                    verify::check_text(verify, scope).map_err(of_step)?;
                    self.check_port(service, place).map_err(of_step)?;
                }
                Action::Run(_) if !is_after_a_run(&plan.parsed, service, place) => {
                    let text = step.working_directory.as_ref();
                    if text.is_some_and(Text::is_known_early) {
                        run::working_directory(self.performer, service, step, scope)
                            .map_err(of_step)?;
                    }
                }
                Action::Build(_) | Action::Tag(_) | Action::Push(_) | Action::Run(_) => {}
            }
        }
        if self.has(|action| matches!(action, Action::Push(_) | Action::Deploy(_))) {
            let mut found = Vec::new();
            let mut see = |text| found.push(text);
            if let Some(azure) = &plan.parsed.azure {
                azure.visit_keys(&mut Visit::new(Site::Azure, &mut see));
            }
            for (_, registry) in plan.parsed.registries.iter() {
                registry.visit_keys(&mut Visit::new(Site::Registry, &mut see));
            }
            let of_plan = |error: StepError| self.blame(error, &found);
            found.iter().try_for_each(|found| self.check_text(found)).map_err(of_plan)?;
        }
        Ok(())
    }

    /// Fails where the `verify` at these indices asks a port that its deploy does not open.
    fn check_port(&self, service: usize, place: usize) -> Result<(), StepError> {
        let RunPlan { scope, .. } = &self.performer.plan;
        let value = |text: &Text| {
            let rendered = text.is_known_early().then(|| text.render(scope).ok()).flatten()?;
            rendered.plain().map(str::to_owned)
        };
        match closed_port(self.performer.plan.service(service), place, &value) {
            Some(closed) => {
                let error = StepError::new(closed.message()).help(closed.help());
                Err(error.at(&closed.text.span))
            }
            None => Ok(()),
        }
    }

    /// Whether all that a step asks for is known already.
    pub(super) fn is_known(&self, service: usize, place: usize) -> bool {
        let step = self.performer.plan.step(service, place);
        let mut found = Vec::new();
        step.visit_keys(&mut Visit::new(Site::Step, &mut |text| found.push(text)));
        are_early(&found)
    }

    /// An error of a text that depends on nothing but variables with a value of the plan is
    /// one of the plan, and names where they have it.
    fn blame(&self, error: StepError, found: &[Found<'_>]) -> StepError {
        let Some(span) = error.span.clone() else { return error };
        let texts = found.iter().filter_map(|found| match found.template {
            Template::Text(text) => Some(text),
            Template::Condition(_) => None,
        });
        let mut at_fault = texts.filter(|text| {
            let mut expressions = text.expressions();
            text.span == span || expressions.any(|expression| expression.span == span)
        });
        let Some(values) = at_fault.find_map(|text| self.values_of_plan(text)) else {
            return error;
        };
        let source = &self.performer.plan.source;
        let error = values.into_iter().fold(error, |error, (name, text)| {
            let PlanPosition { file, line, column } = source.place(&text.span);
            error.because(format!("`vars.{name}` is set at {file}:{line}:{column}"))
        });
        StepError { is_usage: true, ..error }
    }

    /// The variables of a text and the literals that the plan gives them. `None` if it
    /// depends on anything else, such as a value of the command line.
    fn values_of_plan(&self, text: &Text) -> Option<Vec<(String, &Text)>> {
        let plan = &self.performer.plan;
        let named = self.performer.facts.environment_name.as_deref();
        let environment = plan
            .parsed
            .environments
            .iter()
            .find(|(name, _)| named.is_some_and(|named| named == name.value));
        let of_environment = environment.into_iter().flat_map(|(_, of)| of.vars.iter());
        let given: Vec<_> = of_environment.chain(plan.parsed.vars.iter()).collect();
        let mut found = Vec::new();
        for expression in text.expressions() {
            for context in expr::references(&expression.value, 0).ok()? {
                let [_, Segment::Name(name)] = context.path.as_slice() else { return None };
                if !context.context().eq_ignore_ascii_case("vars") {
                    return None;
                }
                let mut known = given.iter();
                let &(_, value) =
                    known.find(|(known, _)| known.value.eq_ignore_ascii_case(name))?;
                let literal = value.as_literal()?;
                if plan.scope.context("vars")?.get(name).text() != literal {
                    return None;
                }
                found.push((name.clone(), value));
            }
        }
        Some(found).filter(|found| !found.is_empty())
    }

    /// An empty text passes: some may be left out, and those that may not are checked
    /// as names. A run that only reads has placeholders for secrets.
    fn check_text(&self, found: &Found<'_>) -> Result<(), StepError> {
        let Template::Text(text) = found.template else { return Ok(()) };
        if text.as_literal().is_some() || !text.is_known_early() || hashes_files(text) {
            return Ok(());
        }
        let scope = &self.performer.plan.scope;
        let rendered = text.render(scope)?;
        if rendered.is_empty() {
            return Ok(());
        }
        let key = found.place.key;
        if let (Rendered::Secret(secret), Exposure::Public { what, instead }) =
            (&rendered, found.place.exposure)
        {
            let error =
                StepError::new(format!("`{}` is a secret, and {what} is not", secret.source()));
            return Err(error.help(instead).at(&text.span));
        }
        if self.performer.facts.reads_only && rendered.plain().is_none() {
            return Ok(());
        }
        let Err(expected) = (found.place.shape.check)(rendered.expose()) else { return Ok(()) };
        // What is missing in it explains more than what is left.
        text.render_name(scope)?;
        let error = match rendered.plain() {
            Some(value) => StepError::new(format!("`{key}` cannot be `{value}`")),
            None => StepError::new(format!("`{key}` cannot be what is in the secret")),
        };
        Err(error.because(expected).at(&text.span))
    }
}

/// Fails for a target that another step deploys too. Names in Azure ignore case.
fn check_target(
    targets: &mut BTreeMap<String, StepId>,
    target: &str,
    by: StepId,
) -> Result<(), StepError> {
    let text = format!("and `{by}` both deploy {target}");
    match targets.insert(target.to_ascii_lowercase(), by) {
        None => Ok(()),
        Some(first) => Err(StepError::new(format!("`{first}` {text}"))
            .help("one would overwrite the other: give each its own name or DNS label")),
    }
}

/// The files may not be there yet.
fn hashes_files(text: &Text) -> bool {
    text.expressions().any(|expression| {
        let called = functions(&expression.value, 0).unwrap_or_default();
        called.iter().any(|function| function.function == Function::HashFiles)
    })
}

/// Whether what a step with these texts gives is known already.
fn are_early(found: &[Found<'_>]) -> bool {
    found.iter().all(|found| match found.template {
        Template::Text(text) => text.is_known_early() && !hashes_files(text),
        Template::Condition(_) => true,
    })
}
