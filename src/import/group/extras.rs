//! Probes, identities and the subnet of a group, as Azure spells them.

use super::identity_of;
use super::resource::ResourceReader;
use crate::draft::Node;
use crate::import::yaml::Yaml;

/// Numbers of a probe, and the keys of a plan. Seconds are a duration there.
const NUMBERS: [(&str, &str, &str); 5] = [
    ("initialDelaySeconds", "initial-delay", "s"),
    ("periodSeconds", "period", "s"),
    ("timeoutSeconds", "timeout", "s"),
    ("failureThreshold", "failure-threshold", ""),
    ("successThreshold", "success-threshold", ""),
];

impl ResourceReader<'_> {
    /// `probes` of a container.
    pub fn probes(&mut self, properties: &Yaml) -> Option<Node> {
        let kinds = [("livenessProbe", "liveness"), ("readinessProbe", "readiness")];
        let mut found = Vec::new();
        for (name, key) in kinds {
            let probe = properties.get_any_case(name);
            if !probe.is_null() {
                found.push((key, self.probe(probe)));
            }
        }
        (!found.is_empty()).then(|| Node::block(found))
    }

    fn probe(&mut self, probe: &Yaml) -> Node {
        let mut keys = Vec::new();
        let http = probe.get_any_case("httpGet");
        if http.is_null() {
            let command = self.command(probe.get_any_case("exec"));
            keys.push(("exec", Node::texts(command)));
        } else {
            let path = self.value(http.get_any_case("path")).unwrap_or_else(|| "/".to_owned());
            keys.push(("http", Node::text(path)));
            let port = self.value(http.get_any_case("port"));
            keys.extend(port.map(|port| ("port", Node::scalar(&port))));
            let scheme = self.value(http.get_any_case("scheme"));
            let scheme = scheme.filter(|scheme| scheme.eq_ignore_ascii_case("https"));
            keys.extend(scheme.map(|scheme| ("scheme", Node::text(scheme.to_lowercase()))));
            let headers = self.headers(http.get_any_case("httpHeaders"));
            let pairs =
                headers.iter().map(|(name, value)| (name.as_str(), Node::text(value.clone())));
            if !headers.is_empty() {
                keys.push(("headers", Node::flow(pairs.collect::<Vec<_>>())));
            }
        }
        for (name, key, unit) in NUMBERS {
            let number = self.value(probe.get_any_case(name));
            keys.extend(number.map(|number| (key, Node::scalar(&format!("{number}{unit}")))));
        }
        Node::flow(keys)
    }

    /// A list of `name` and `value`, or a mapping.
    fn headers(&mut self, headers: &Yaml) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for header in headers.items() {
            let name = self.value(header.get_any_case("name"));
            let value = self.value(header.get_any_case("value"));
            found.extend(name.zip(value));
        }
        for (name, value) in headers.entries() {
            found.extend(self.value(value).map(|value| (name.clone(), value)));
        }
        found
    }

    /// `identity` of a resource.
    pub fn identity(&mut self, identity: &Yaml) -> Option<Node> {
        let kind = identity.get_any_case("type").text().unwrap_or("None").to_ascii_lowercase();
        let assigned = identity.get_any_case("userAssignedIdentities");
        let mut names = Vec::new();
        for (id, value) in assigned.entries() {
            match (self.text)(id) {
                Ok(id) => names.push(id),
                Err(why) => self.plan.needs_you(value.line, why),
            }
        }
        if kind.contains("systemassigned") {
            names.push("[system]".to_owned());
        }
        (!names.is_empty()).then(|| identity_of(&names))
    }

    /// The first of `subnetIds`: a group has one.
    pub fn subnet(&mut self, properties: &Yaml) -> Option<Node> {
        let subnets = properties.get_any_case("subnetIds").items();
        for more in subnets.iter().skip(1) {
            self.plan.needs_you(more.line, "a group has one subnet: this one was left out");
        }
        self.value(subnets.first()?.get_any_case("id")).map(Node::text)
    }
}
