//! The steps of one service, as commands and actions bring them.

use super::group::GroupDraft;
use super::group::fit::fit;
use super::local_images::{LocalImage, LocalImages, RegistryImage};
use super::names::{registry_of, split_tag, with_tag};
use super::note::{NAME_THE_IMAGE, PLACEHOLDER_IMAGE};
use super::plan::{PlanBuilder, unique};
use crate::draft::{Node, StepDraft};

pub use super::local_images::BuildNames;

/// Collects the steps of a service.
#[derive(Default)]
pub struct ServiceBuilder {
    pub steps: Vec<StepDraft>,
    /// The condition of what is added.
    condition: Option<String>,
    builds: Vec<BuildStep>,
    /// The number of the last build among the steps.
    last_build: Option<usize>,
    images: LocalImages,
    /// Steps before this place are referred to by their number among those of their action.
    numbered: usize,
    /// References that are to be pushed, of the last build.
    to_push: Vec<String>,
    push_condition: Option<String>,
    /// References of the last push, unless an image was built since.
    pushed: Vec<String>,
    /// The group that was deployed last.
    deployed: Option<GroupDraft>,
    deploy_condition: Option<String>,
    is_verified: bool,
}

/// A `build` among the steps.
struct BuildStep {
    place: usize,
    pushed: Option<PushedBuild>,
}

/// Where the image of a build is to be found once it is pushed.
#[derive(Clone)]
struct PushedBuild {
    reference: String,
    condition: Option<String>,
}

/// What became of a push by name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NamedPush {
    Pushed,
    /// The build was put behind steps that do more than build and push.
    BuiltLater,
    /// Which image has the name is not known.
    Unknown,
}

impl ServiceBuilder {
    /// Gives this condition to each step that is added from here on.
    pub fn set_condition(&mut self, condition: Option<String>) {
        if self.condition != condition {
            self.flush();
            self.condition = condition;
        }
    }

    /// Adds a build, whose image has these names on the machine.
    pub fn build(&mut self, build: Node, names: BuildNames) {
        self.flush();
        let number = self.images.add_build(names);
        self.last_build = Some(number);
        self.pushed.clear();
        self.builds.push(BuildStep { place: self.steps.len(), pushed: None });
        self.steps.push(conditional(StepDraft::new("build", build), self.condition.as_ref()));
    }

    /// The id that the last step of an action has by default.
    pub fn id_of(&mut self, action: &str) -> String {
        self.numbered = self.steps.len();
        match self.steps.iter().filter(|step| step.is(action)).count() {
            0 | 1 => action.to_owned(),
            number => format!("{action}-{number}"),
        }
    }

    /// An id that no step has yet.
    pub fn unused_id(&self, wanted: &str) -> String {
        let is_free =
            |id: &str| !self.steps.iter().any(|step| step.value("id") == Some(&Node::text(id)));
        unique(wanted, is_free)
    }

    /// Writes what is pending, and returns how many steps there are.
    pub fn flushed(&mut self) -> usize {
        self.flush();
        self.steps.len()
    }

    /// Gives a key to the steps from a place on that do not have it.
    pub fn set_key(&mut self, from: usize, key: &'static str, value: &Node) {
        self.flush();
        for step in self.steps.iter_mut().skip(from).filter(|step| step.value(key).is_none()) {
            step.keys.push((key, value.clone()));
        }
    }

    /// An image of a registry is on the machine, too. It becomes a step where it is pushed.
    pub fn pull(&mut self, image: RegistryImage) {
        let reference = image.reference.clone();
        self.images.set(&reference, LocalImage::InRegistry(image));
    }

    /// Gives an image another name. Returns false where it is not known which image.
    pub fn name(&mut self, source: Option<&str>, name: &str) -> bool {
        let known = self.images.get(source);
        // Without a build it can only come from a registry.
        let pulled = source.filter(|_| !self.images.has_builds()).map(|source| {
            let reference = with_tag(source);
            LocalImage::InRegistry(RegistryImage { reference, platform: None })
        });
        let Some(image) = known.or(pulled) else { return false };
        self.images.set(name, image);
        true
    }

    /// The names on the machine in a repository.
    pub fn names_of_repository(&self, repository: &str) -> Vec<String> {
        self.images.of_repository(repository)
    }

    /// Pushes the image that has this name on the machine.
    pub fn push_named(&mut self, name: &str) -> NamedPush {
        let pushed = match self.images.get(Some(name)) {
            None => NamedPush::Unknown,
            Some(LocalImage::Built(number)) => self.make_last(number),
            Some(image @ LocalImage::InRegistry(_)) => {
                self.build_again(&image);
                NamedPush::Pushed
            }
        };
        if pushed != NamedPush::Unknown {
            self.push(name);
        }
        pushed
    }

    /// Makes a build the last one, which is what `tag` and `push` take.
    fn make_last(&mut self, number: usize) -> NamedPush {
        if self.last_build == Some(number) {
            return NamedPush::Pushed;
        }
        self.flush();
        let BuildStep { place, pushed } = &self.builds[number];
        let place = *place;
        if let Some(PushedBuild { reference, condition }) = pushed.clone() {
            if condition.is_some() && condition != self.condition {
                return NamedPush::Unknown;
            }
            let image = LocalImage::InRegistry(RegistryImage { reference, platform: None });
            self.images.replace(&LocalImage::Built(number), &image);
            self.build_again(&image);
            return NamedPush::Pushed;
        }
        if place < self.numbered {
            return NamedPush::Unknown;
        }
        let step = self.steps.remove(place);
        let does_more = |step: &StepDraft| !["build", "tag", "push"].iter().any(|it| step.is(it));
        let is_later = self.steps[place..].iter().any(does_more);
        for build in self.builds.iter_mut().filter(|build| build.place > place) {
            build.place -= 1;
        }
        self.builds[number].place = self.steps.len();
        self.steps.push(step);
        self.last_build = Some(number);
        self.pushed.clear();
        if is_later { NamedPush::BuiltLater } else { NamedPush::Pushed }
    }

    /// Takes an image of a registry, which all its names then stand for.
    fn build_again(&mut self, image: &LocalImage) {
        let LocalImage::InRegistry(RegistryImage { reference, platform }) = image else { return };
        let mut keys = vec![("image", Node::text(reference.clone()))];
        keys.extend(platform.iter().map(|platform| ("platform", Node::text(platform.clone()))));
        self.build(
            Node::flow(keys),
            BuildNames { known: vec![reference.clone()], has_others: false },
        );
        let number = self.builds.len() - 1;
        self.images.replace(image, &LocalImage::Built(number));
    }

    /// Pushes what was built last under this name, too.
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
        fit(&mut group, plan);
        let image = group.image.take().map(|image| with_tag(&image));
        let is_own = image.as_ref().is_none_or(|image| self.pushed.contains(image));
        let latest = image.as_deref().and_then(registry_of);
        if let Some(host) = latest.filter(|host| host.ends_with(".azurecr.io")) {
            plan.registry(&host).is_pulled = true;
        }
        group.image = image.filter(|_| !is_own || self.pushed.is_empty());
        if group.image.is_none() && self.pushed.is_empty() {
            plan.needs_you(group.line, NAME_THE_IMAGE);
            group.image = Some(PLACEHOLDER_IMAGE.to_owned());
        }
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
        if let (Some(number), Some(reference)) = (self.last_build, references.first()) {
            let pushed = PushedBuild { reference: reference.clone(), condition };
            self.builds[number].pushed.get_or_insert(pushed);
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
