//! The steps of one service, as commands and actions bring them.

use super::group::GroupDraft;
use super::names::{registry_of, split_tag, with_tag};
use super::plan::PlanBuilder;
use crate::draft::{Node, StepDraft};

/// Collects the steps of a service.
#[derive(Default)]
pub struct ServiceBuilder {
    pub steps: Vec<StepDraft>,
    /// The condition of what is added.
    condition: Option<String>,
    /// References that are to be pushed, of the last build.
    to_push: Vec<String>,
    push_condition: Option<String>,
    /// References of the last push.
    pushed: Vec<String>,
    /// The group that was deployed last.
    deployed: Option<GroupDraft>,
    deploy_condition: Option<String>,
    has_build: bool,
    is_verified: bool,
}

impl ServiceBuilder {
    /// Gives this condition to each step that is added from here on.
    pub fn set_condition(&mut self, condition: Option<String>) {
        if self.condition != condition {
            self.flush();
            self.condition = condition;
        }
    }

    pub fn build(&mut self, build: Node) {
        self.flush();
        self.has_build = true;
        self.steps.push(conditional(StepDraft::new("build", build), self.condition.as_ref()));
    }

    /// The id that the last step of an action has by default.
    pub fn id_of(&self, action: &str) -> String {
        match self.steps.iter().filter(|step| step.is(action)).count() {
            0 | 1 => action.to_owned(),
            number => format!("{action}-{number}"),
        }
    }

    pub fn has_build(&self) -> bool {
        self.has_build
    }

    /// Pushes what was built under this name, too.
    pub fn push(&mut self, reference: &str) {
        let reference = with_tag(reference);
        if !self.to_push.contains(&reference) {
            self.to_push.push(reference);
        }
    }

    /// Gives the next push a condition of its own, beside that of its step.
    pub fn push_if(&mut self, condition: String) {
        self.push_condition = Some(match &self.condition {
            Some(step) => format!("({step}) && ({condition})"),
            None => condition,
        });
    }

    pub fn run(&mut self, step: StepDraft) {
        self.flush();
        self.steps.push(step);
    }

    /// Deploys a group. The image is named only where it is not the one that was pushed.
    pub fn deploy(&mut self, mut group: GroupDraft, plan: &mut PlanBuilder) {
        self.flush();
        self.verify_port();
        let image = group.image.take().map(|image| with_tag(&image));
        let is_own = image.as_ref().is_none_or(|image| self.pushed.contains(image));
        let latest = image.as_deref().and_then(registry_of);
        if let Some(host) = latest.filter(|host| host.ends_with(".azurecr.io")) {
            plan.registry(&host).is_pulled = true;
        }
        group.image = image.filter(|_| !is_own || self.pushed.is_empty());
        let step = StepDraft::new("deploy", group.node());
        self.steps.push(conditional(step, self.condition.as_ref()));
        self.deploy_condition.clone_from(&self.condition);
        self.deployed = Some(group);
        self.is_verified = false;
    }

    pub fn deployed(&self) -> Option<&GroupDraft> {
        self.deployed.as_ref()
    }

    pub fn verify(&mut self, verify: Node) {
        self.flush();
        self.is_verified = true;
        let step = conditional(StepDraft::new("verify", verify), self.condition.as_ref());
        // A loop and the request after it ask the same.
        if self.steps.last() != Some(&step) {
            self.steps.push(step);
        }
    }

    /// Checks the port of the last deploy where nothing else was asked.
    fn verify_port(&mut self) {
        let port =
            self.deployed.as_ref().filter(|_| !self.is_verified).and_then(GroupDraft::tcp_port);
        if let Some(port) = port {
            let step = StepDraft::new("verify", Node::flow([("tcp", Node::scalar(&port))]));
            let step = conditional(step, self.deploy_condition.as_ref());
            let comment = "or a path that has to answer, such as `verify: /healthz`";
            self.steps.push(step.comment(comment));
            self.is_verified = true;
        }
    }

    /// Tags and pushes what waits for it.
    pub fn flush(&mut self) {
        if self.to_push.is_empty() {
            return;
        }
        let references = std::mem::take(&mut self.to_push);
        let condition = self.push_condition.take().or_else(|| self.condition.clone());
        for (action, value) in [("tag", tags(&references)), ("push", Node::Nothing)] {
            self.steps.push(conditional(StepDraft::new(action, value), condition.as_ref()));
        }
        // A deploy without an image means the last push.
        self.pushed = references;
    }

    pub fn finish(&mut self) -> Vec<StepDraft> {
        self.flush();
        self.verify_port();
        std::mem::take(&mut self.steps)
    }
}

/// A step with its `if`.
fn conditional(step: StepDraft, condition: Option<&String>) -> StepDraft {
    match condition {
        Some(condition) => step.begin_with("if", Node::text(condition.clone())),
        None => step,
    }
}

/// One `tag` for all: the tags of one repository together.
fn tags(references: &[String]) -> Node {
    if let [one] = references {
        return Node::text(one.clone());
    }
    let mut repositories: Vec<(&str, Vec<&str>)> = Vec::new();
    for reference in references {
        let (repository, tag) = split_tag(reference).unwrap_or((reference, "latest"));
        match repositories.iter_mut().find(|(known, _)| *known == repository) {
            Some((_, tags)) => tags.push(tag),
            None => repositories.push((repository, vec![tag])),
        }
    }
    let node = |(repository, tags): &(&str, Vec<&str>)| match tags.as_slice() {
        [tag] => Node::text(format!("{repository}:{tag}")),
        several => Node::block([
            ("image", Node::text(*repository)),
            ("tags", Node::texts(several.iter().copied())),
        ]),
    };
    let mut nodes: Vec<Node> = repositories.iter().map(node).collect();
    if nodes.len() == 1 { nodes.remove(0) } else { Node::List(nodes) }
}
