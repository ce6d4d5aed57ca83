//! A container group, as options of `az`, inputs of an action, YAML or a template
//! describe it.

pub mod arm;
pub mod fit;
pub mod resource;

mod extras;

use crate::draft::Node;

/// A container group and its first container.
#[derive(Clone, Debug, Default)]
pub struct GroupDraft {
    /// Where it is described.
    pub line: usize,
    pub name: Option<String>,
    pub image: Option<String>,
    pub dns_label: Option<String>,
    pub dns_label_scope: Option<String>,
    pub ports: Vec<String>,
    pub cpu: Option<String>,
    /// A number of gigabytes.
    pub memory: Option<String>,
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    pub restart_policy: Option<String>,
    pub resource_group: Option<String>,
    pub location: Option<String>,
    pub tags: Vec<(String, String)>,
    /// Entries of `containers`.
    pub containers: Vec<Node>,
    /// Further keys of `aci`, in their order.
    pub more: Vec<(&'static str, Node)>,
}

impl GroupDraft {
    /// The first port that a connection can be made to. One in a subnet is not reached from
    /// elsewhere.
    pub fn tcp_port(&self) -> Option<String> {
        if self.more.iter().any(|(key, _)| *key == "subnet") {
            return None;
        }
        self.ports.iter().find(|port| !port.ends_with("/udp")).cloned()
    }

    /// The value of `deploy`.
    pub fn node(&self) -> Node {
        let mut keys = Vec::new();
        if let Some(image) = &self.image {
            keys.push(("image", Node::text(image.clone())));
        }
        keys.push(("aci", self.aci()));
        Node::block(keys)
    }

    fn aci(&self) -> Node {
        let text = |value: &Option<String>| value.clone().map(Node::text);
        let pairs = |pairs: &[(String, String)]| {
            let entries =
                pairs.iter().map(|(name, value)| (name.as_str(), Node::text(value.clone())));
            (!pairs.is_empty()).then(|| Node::block(entries))
        };
        // The DNS label names the group too.
        let name = self.name.clone().filter(|name| Some(name) != self.dns_label.as_ref());
        let ports = (!self.ports.is_empty())
            .then(|| Node::List(self.ports.iter().map(|port| Node::scalar(port)).collect()));
        let command = (!self.command.is_empty()).then(|| Node::texts(self.command.clone()));
        let containers = (!self.containers.is_empty()).then(|| Node::List(self.containers.clone()));
        let keys = [
            ("name", name.map(Node::text)),
            ("dns-label", text(&self.dns_label)),
            ("dns-label-scope", text(&self.dns_label_scope)),
            ("ports", ports),
            ("cpu", self.cpu.as_deref().map(Node::scalar)),
            ("memory", self.memory.as_deref().map(|memory| Node::text(gigabytes(memory)))),
            ("command", command),
            ("env", pairs(&self.env)),
            ("restart-policy", self.restart_policy.as_deref().map(|it| Node::text(policy(it)))),
            ("containers", containers),
            ("resource-group", text(&self.resource_group)),
            ("location", text(&self.location)),
            ("tags", pairs(&self.tags)),
        ];
        let more = self.more.iter().map(|(key, node)| (*key, Some(node.clone())));
        let given: Vec<_> =
            keys.into_iter().chain(more).filter_map(|(key, value)| Some((key, value?))).collect();
        if given.is_empty() { Node::Nothing } else { Node::block(given) }
    }
}

/// `identity` of these: `[system]` is the group's own.
pub fn identity_of(names: &[String]) -> Node {
    let is_system = |name: &&String| name.eq_ignore_ascii_case("[system]");
    let others: Vec<String> = names.iter().filter(|name| !is_system(name)).cloned().collect();
    let mut keys = Vec::new();
    if names.is_empty() || names.iter().any(|name| is_system(&name)) {
        keys.push(("system", Node::plain(true)));
    }
    if !others.is_empty() {
        keys.push(("user-assigned", Node::texts(others)));
    }
    Node::flow(keys)
}

/// A number of gigabytes as a size.
pub fn gigabytes(memory: &str) -> String {
    let is_number = memory.parse::<f64>().is_ok();
    if is_number || memory.ends_with("}}") { format!("{memory}GB") } else { memory.to_owned() }
}

/// Azure's `OnFailure` as `on-failure`.
fn policy(word: &str) -> String {
    match word.to_ascii_lowercase().as_str() {
        "onfailure" => "on-failure".to_owned(),
        other => other.to_owned(),
    }
}
