//! Reads `deploy`.

use super::build::not_yet;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::parse::literal;
use crate::plan::parse::mapping::Mapping;
use crate::plan::parse::reader::Reader;
use crate::plan::schema::{Aci, Container, Deploy, DeployKind, Map, Text};
use crate::plan::tree::{Kind, Node};

/// Words that are kept for what is still to come.
const RESERVED: [&str; 2] = ["container-app", "batch-ai-job"];

const ACI: [&str; 14] = [
    "name",
    "dns-label",
    "dns-label-scope",
    "ports",
    "cpu",
    "memory",
    "command",
    "env",
    "restart-policy",
    "containers",
    "resource-group",
    "location",
    "replace",
    "on-failure",
];

const CONTAINER: [&str; 7] = ["name", "image", "ports", "cpu", "memory", "command", "env"];

/// What the first container and any other have in common.
struct Runs {
    ports: Vec<Text>,
    command: Option<Vec<Text>>,
    env: Map<Text>,
}

impl Reader<'_> {
    pub(super) fn deploy(&mut self, node: &Node) -> Option<Deploy> {
        let keys = self.mapping("`deploy`", node, &["aci", "image", RESERVED[0], RESERVED[1]])?;
        let image =
            keys.get("image").and_then(|node| self.checked("image", node, literal::reference));
        if let Some(reserved) = keys.first_of(&RESERVED) {
            self.report(
                not_yet(&reserved.value, &reserved.span)
                    .help("`aci` deploys to Container Instances"),
            );
            return None;
        }
        let Some(aci) = keys.get("aci") else {
            self.missing(&keys, "aci", "it deploys to Container Instances");
            return None;
        };
        let kind = DeployKind::Aci(Box::new(self.aci(aci)?));
        Some(Deploy { image, kind, span: node.span.clone() })
    }

    fn aci(&mut self, node: &Node) -> Option<Aci> {
        let keys = self.mapping("`aci`", node, &ACI)?;
        let runs = self.runs(&keys);
        let containers =
            keys.get("containers").map(|node| self.containers(node)).unwrap_or_default();
        let mut string = |key, check| keys.get(key).and_then(|node| self.checked(key, node, check));
        Some(Aci {
            name: string("name", literal::not_empty),
            dns_label: string("dns-label", literal::dns_label),
            dns_label_scope: string("dns-label-scope", literal::scope),
            resource_group: string("resource-group", literal::not_empty),
            location: string("location", literal::not_empty),
            ports: runs.ports,
            cpu: self.field_or(&keys, "cpu", "1"),
            memory: self.field_or(&keys, "memory", "1.5GB"),
            command: runs.command,
            env: runs.env,
            restart_policy: self.field_or(&keys, "restart-policy", "always"),
            containers,
            replace: keys.get("replace").and_then(|node| self.field("replace", node)),
            on_failure: keys.get("on-failure").and_then(|node| self.field("on-failure", node)),
        })
    }

    fn runs(&mut self, keys: &Mapping<'_>) -> Runs {
        Runs {
            ports: keys
                .get("ports")
                .map(|node| self.strings("ports", node, literal::port))
                .unwrap_or_default(),
            command: keys.get("command").and_then(|node| self.list("command", node)),
            env: keys
                .get("env")
                .map(|node| self.strings_by_name("env", node, literal::variable))
                .unwrap_or_default(),
        }
    }

    fn containers(&mut self, node: &Node) -> Vec<Container> {
        let Kind::Sequence(items) = &node.kind else {
            self.wrong_type("containers", node, "a list");
            return Vec::new();
        };
        let containers: Vec<Container> =
            items.iter().filter_map(|item| self.container(item)).collect();
        self.containers_differ(&containers);
        containers
    }

    fn container(&mut self, node: &Node) -> Option<Container> {
        let keys = self.mapping("a container", node, &CONTAINER)?;
        let name = self.required(&keys, "name", literal::not_empty);
        let image =
            keys.get("image").and_then(|node| self.checked("image", node, literal::reference));
        let runs = self.runs(&keys);
        Some(Container {
            image,
            ports: runs.ports,
            cpu: self.field_or(&keys, "cpu", "1"),
            memory: self.field_or(&keys, "memory", "1.5GB"),
            command: runs.command,
            env: runs.env,
            name: name?,
        })
    }

    fn containers_differ(&mut self, containers: &[Container]) {
        for (at, container) in containers.iter().enumerate() {
            let same = |other: &&Container| other.name.source == container.name.source;
            if let Some(first) = containers[..at].iter().find(same) {
                let message = format!("two containers are called `{}`", container.name.source);
                let diagnostic = Diagnostic::error("duplicate-id", message, &container.name.span);
                self.report(diagnostic.label("again here").also(&first.name.span, "first here"));
            }
        }
    }
}
