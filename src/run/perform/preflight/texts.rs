//! Texts with expressions: whether what they give is a valid value, and no secret
//! where others can read it. A literal was checked when the plan was read.

use super::Preflight;
use crate::event::StepId;
use crate::plan::expr::contexts::Site;
use crate::plan::expr::{Rendered, Scope, functions};
use crate::plan::schema::{Action, Template, Text};
use crate::plan::{Exposure, Found, PlanKeys as _, Visit};
use crate::run::outcome::StepError;
use crate::run::perform::deploy;
use crate::run::perform::references::references;
use std::collections::BTreeMap;

impl Preflight<'_> {
    /// Evaluates every text of the steps that are going to run, and of the settings
    /// that they use, as far as it needs no output of a step.
    pub(super) fn check_texts(&self) -> Result<(), StepError> {
        let plan = &self.performer.plan;
        let scope = &plan.scope;
        let mut targets = BTreeMap::new();
        for (service, step) in self.certain() {
            let of_step = |error: StepError| error.at(&step.span);
            let mut found = Vec::new();
            step.visit_keys(&mut Visit::new(Site::Step, &mut |text| found.push(text)));
            found.iter().try_for_each(|found| check(found, scope)).map_err(of_step)?;
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
                Action::Build(_)
                | Action::Tag(_)
                | Action::Push(_)
                | Action::Verify(_)
                | Action::Run(_) => {}
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
            found.iter().try_for_each(|found| check(found, scope))?;
        }
        Ok(())
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

/// An empty text passes: some may be left out, and those that may not are checked
/// as names.
fn check(found: &Found<'_>, scope: &Scope) -> Result<(), StepError> {
    let Template::Text(text) = found.template else { return Ok(()) };
    if text.as_literal().is_some() || !text.is_known_early() || hashes_files(text) {
        return Ok(());
    }
    let rendered = text.render(scope)?;
    if rendered.is_empty() {
        return Ok(());
    }
    let key = found.place.key;
    if let (Rendered::Secret(secret), Exposure::Public { what, instead }) =
        (&rendered, found.place.exposure)
    {
        let error = StepError::new(format!("`{}` is a secret, and {what} is not", secret.source()));
        return Err(error.help(instead).at(&text.span));
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

/// The files may not be there yet.
fn hashes_files(text: &Text) -> bool {
    text.expressions().any(|expression| {
        let called = functions(&expression.value, 0).unwrap_or_default();
        called.iter().any(|function| function.name == "hashFiles")
    })
}

/// Whether the references that a step with these texts gives are known already.
fn are_early(found: &[Found<'_>]) -> bool {
    found.iter().all(|found| match found.template {
        Template::Text(text) => text.is_known_early() && !hashes_files(text),
        Template::Condition(_) => true,
    })
}
