//! A plan that is about to be written.

use super::yaml::{Entry, Node, write_comment};

/// A plan by its sections; what is empty is left out.
#[derive(Clone, Debug, Default)]
pub struct PlanDraft {
    /// Lines of comment at the top, without `#`.
    pub header: Vec<String>,
    pub name: String,
    pub env: Vec<(String, Node)>,
    pub vars: Vec<(String, Node)>,
    /// Each secret with its source.
    pub secrets: Vec<(String, Node)>,
    pub azure: AzureDraft,
    /// The settings of each registry, by host.
    pub registries: Vec<(String, Node)>,
    pub environments: Vec<EnvironmentDraft>,
    pub services: Vec<ServiceDraft>,
}

#[derive(Clone, Debug, Default)]
pub struct AzureDraft {
    pub subscription: Option<String>,
    pub resource_group: Option<String>,
    pub location: Option<String>,
}

/// An entry of `environments`: its name and keys.
#[derive(Clone, Debug)]
pub struct EnvironmentDraft {
    pub name: String,
    pub keys: Vec<(&'static str, Node)>,
}

#[derive(Clone, Debug, Default)]
pub struct ServiceDraft {
    pub name: String,
    pub needs: Vec<String>,
    pub steps: Vec<StepDraft>,
}

/// A step: its keys in their order, the action's among them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StepDraft {
    /// Lines of comment above it, without `#`.
    pub comments: Vec<String>,
    pub keys: Vec<(&'static str, Node)>,
}

impl StepDraft {
    pub fn new(action: &'static str, value: Node) -> Self {
        Self { comments: Vec::new(), keys: vec![(action, value)] }
    }

    #[must_use]
    pub fn with(mut self, key: &'static str, value: Node) -> Self {
        self.keys.push((key, value));
        self
    }

    /// Puts a key before the others, as `id` and `name` stand.
    #[must_use]
    pub fn begin_with(mut self, key: &'static str, value: Node) -> Self {
        self.keys.insert(0, (key, value));
        self
    }

    #[must_use]
    pub fn comment(mut self, line: impl Into<String>) -> Self {
        self.comments.push(line.into());
        self
    }

    pub fn is(&self, action: &str) -> bool {
        self.value(action).is_some()
    }

    pub fn value(&self, key: &str) -> Option<&Node> {
        self.keys.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    fn node(&self) -> Node {
        let mut entries: Vec<Entry> =
            self.keys.iter().map(|(key, value)| Entry::new(key, value.clone())).collect();
        if let Some(first) = entries.first_mut() {
            first.comments.clone_from(&self.comments);
        }
        Node::Block(entries)
    }
}

impl AzureDraft {
    fn node(&self) -> Option<Node> {
        let keys = [
            ("subscription", &self.subscription),
            ("resource-group", &self.resource_group),
            ("location", &self.location),
        ];
        let given: Vec<_> = keys
            .into_iter()
            .filter_map(|(key, value)| Some((key, Node::text(value.clone()?))))
            .collect();
        (!given.is_empty()).then(|| Node::block(given))
    }
}

impl ServiceDraft {
    fn steps(&self) -> Node {
        Node::List(self.steps.iter().map(StepDraft::node).collect())
    }

    fn node(&self) -> Node {
        let mut entries = Vec::new();
        if !self.needs.is_empty() {
            entries.push(Entry::new("needs", Node::texts(self.needs.clone())));
        }
        entries.push(Entry::new("steps", self.steps()));
        Node::Block(entries)
    }
}

impl PlanDraft {
    /// The text of the plan.
    pub fn write(&self) -> String {
        let mut out = String::new();
        for line in &self.header {
            write_comment(line, &mut out, 0);
        }
        let mut entries = vec![Entry::new("name", Node::text(self.name.clone()))];
        let mut section = |key: &str, values: &[(String, Node)]| {
            if !values.is_empty() {
                let values = values.iter().map(|(key, value)| (key.as_str(), value.clone()));
                entries.push(Entry::new(key, Node::block(values)));
            }
        };
        section("env", &self.env);
        section("vars", &self.vars);
        section("secrets", &self.secrets);
        entries.extend(self.azure.node().map(|azure| Entry::new("azure", azure)));
        entries.extend(self.registries_node().map(|all| Entry::new("registries", all)));
        entries.extend(self.environments_node().map(|all| Entry::new("environments", all)));
        entries.push(match self.services.as_slice() {
            [only] => Entry::new("steps", only.steps()),
            several => {
                let all = several.iter().map(|service| (service.name.as_str(), service.node()));
                Entry::new("services", Node::block(all))
            }
        });
        out.push_str(&Node::document(&entries));
        out
    }

    fn registries_node(&self) -> Option<Node> {
        let all = self.registries.iter().map(|(host, settings)| (host.as_str(), settings.clone()));
        (!self.registries.is_empty()).then(|| Node::block(all))
    }

    fn environments_node(&self) -> Option<Node> {
        let all = self.environments.iter().map(|environment| {
            let keys = environment.keys.iter().map(|(key, value)| (*key, value.clone()));
            (environment.name.as_str(), Node::block(keys))
        });
        (!self.environments.is_empty()).then(|| Node::block(all))
    }
}
