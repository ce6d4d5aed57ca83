//! What a run that puts an earlier version back takes from the plan: the deploy of the
//! service, with the image of that version, and the checks after it.

use crate::event::{Outputs, StepId};
use crate::graph::Node;
use crate::journal::{PutBack, RunOptions};
use crate::plan::expr::Rendered;
use crate::plan::schema::{Action, Plan, Step, Text};
use crate::resolve::SourceCommit;
use crate::run::perform::ResourceTags;

/// Gives the containers that run the service's own image that of the version.
pub fn fix_image(plan: &mut Plan, put_back: &PutBack) {
    // What is only started again has its image.
    if put_back.restart.is_some() {
        return;
    }
    let Some(service) = plan.services.get_mut(&put_back.service) else { return };
    for step in &mut service.steps {
        if let Action::Deploy(deploy) = &mut step.action {
            let source = put_back.image.clone().into();
            deploy.set_image(&Text { source, span: step.span.clone(), parts: Vec::new() });
        }
    }
}

/// Leaves the deploy of a service and the checks after it.
pub fn keep_steps(node: &mut Node, steps: &[Step]) {
    let deploy = steps.iter().position(|step| step.action.azure_deploy().is_some());
    node.steps.retain(|&place| match &steps[place].action {
        Action::Deploy(deploy) => deploy.is_to_azure(),
        Action::Verify(_) => deploy.is_some_and(|deploy| place > deploy),
        Action::Build(_) | Action::Tag(_) | Action::Push(_) | Action::Run(_) => false,
    });
    node.left_out.clear();
}

/// The outputs of the services that it needs, each at the last deploy of its service.
pub fn outputs(plan: &Plan, options: &RunOptions) -> Vec<(StepId, Outputs<Rendered>)> {
    let Some(put_back) = &options.put_back else { return Vec::new() };
    let services = &plan.services;
    let at_deploy = |(name, outputs): (&String, &Outputs)| {
        let (_, step) = services.get(name)?.deploys().last()?;
        let id = StepId { service: name.clone(), step: step.to_owned() };
        let given =
            outputs.iter().map(|(name, value)| (name.clone(), Rendered::Plain(value.clone())));
        Some((id, given.collect()))
    };
    put_back.outputs.iter().filter_map(at_deploy).collect()
}

/// The commit that the version was made from: what the `git` context is about, instead
/// of what is checked out.
pub fn source(options: &RunOptions) -> Option<SourceCommit> {
    let put_back = options.put_back.as_ref()?;
    let tags = ResourceTags::read(&put_back.tags).unwrap_or_default();
    let time = tags.commit_time.as_ref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    Some(SourceCommit {
        commit: tags.commit,
        committed: time.map(jiff::Timestamp::as_second),
        branch: tags.branch,
        dirty: tags.dirty,
    })
}
