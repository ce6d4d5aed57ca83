//! Reads the whole plan.

use super::literal;
use super::mapping::Mapping;
use super::reader::Reader;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Map, Plan, Report, Service};
use crate::plan::span::{Span, Spanned};
use crate::plan::tree::{Kind, Node};
use std::collections::{HashMap, HashSet};

/// A plan as far as it could be read.
pub(in crate::plan) struct Parsed {
    pub(in crate::plan) plan: Plan,
    /// What could not be read, by service.
    pub(in crate::plan) broken: HashMap<String, Broken>,
}

/// Steps of a service that are there but could not be read.
#[derive(Debug, Default)]
pub(in crate::plan) struct Broken {
    /// The ids of those that have one.
    pub(in crate::plan) ids: HashSet<String>,
    /// Whether there are others, of which nobody knows what they are called.
    pub(in crate::plan) nameless: bool,
}

const KEYS: [&str; 11] = [
    "version",
    "name",
    "env",
    "vars",
    "secrets",
    "azure",
    "registries",
    "environments",
    "services",
    "steps",
    "report",
];

const SMALLEST: &str = "the smallest plan has a `name` and `steps`";

/// Reads a plan. `None` where there is nothing of one.
pub(in crate::plan) fn parse(
    text: &str,
    root: Option<&Node>,
    found: &mut Vec<Diagnostic>,
) -> Option<Parsed> {
    let root = match root {
        Some(node) if node.kind != Kind::Null => node,
        _ => {
            found
                .push(Diagnostic::error("empty-plan", "the plan is empty", &(0..0)).help(SMALLEST));
            return None;
        }
    };
    if !matches!(root.kind, Kind::Mapping(_)) {
        let message = format!("a plan is a mapping, and this is {}", root.kind.name());
        found.push(Diagnostic::error("not-a-plan", message, &root.span).help(SMALLEST));
        return None;
    }
    let mut reader = Reader::new(text);
    let plan = reader.plan(root);
    found.append(&mut reader.found);
    Some(Parsed { plan: plan?, broken: reader.broken })
}

impl Reader<'_> {
    fn plan(&mut self, root: &Node) -> Option<Plan> {
        let keys = self.mapping("a plan", root, &KEYS)?;
        self.version(&keys);
        let name = self.plan_name(&keys);
        let (services, single) = self.all_services(&keys, &name);
        let strings = |reader: &mut Self, key, check| {
            keys.get(key).map(|node| reader.strings_by_name(key, node, check)).unwrap_or_default()
        };
        Some(Plan {
            env: strings(self, "env", literal::variable),
            vars: strings(self, "vars", literal::name),
            secrets: keys.get("secrets").map(|node| self.secrets(node)).unwrap_or_default(),
            azure: keys.get("azure").and_then(|node| self.azure(node)),
            registries: keys
                .get("registries")
                .map(|node| self.registries(node))
                .unwrap_or_default(),
            environments: keys
                .get("environments")
                .map(|node| self.environments(node))
                .unwrap_or_default(),
            report: keys.get("report").map_or_else(default_report, |node| self.report_list(node)),
            name,
            services,
            single,
        })
    }

    fn version(&mut self, keys: &Mapping<'_>) {
        let Some(version) = keys.get("version").and_then(|node| self.word("version", node)) else {
            return;
        };
        if version.value != "1" {
            let message =
                format!("version `{}` of the plan's language is not there", version.value);
            let diagnostic = Diagnostic::error("unsupported-version", message, &version.span);
            self.report(diagnostic.help("write `version: 1`, or leave it out"));
        }
    }

    fn plan_name(&mut self, keys: &Mapping<'_>) -> Spanned<String> {
        let Some(node) = keys.get("name") else {
            self.missing(keys, "name", "it names what is deployed where nothing else does");
            return Spanned::new(String::new(), 0..0);
        };
        let Some(name) = self.word("name", node) else {
            return Spanned::new(String::new(), node.span.clone());
        };
        if let Err(expected) = literal::plan_name(&name.value) {
            self.bad_value(
                "name",
                &Spanned::new(name.value.as_str(), name.span.clone()),
                &expected,
            );
        }
        name
    }

    fn all_services(&mut self, keys: &Mapping<'_>, name: &Spanned<String>) -> (Map<Service>, bool) {
        match (keys.get("services"), keys.get("steps")) {
            (Some(services), None) => (self.services(services), false),
            (Some(services), Some(_)) => {
                if let (Some(steps), Some(services)) = (keys.key("steps"), keys.key("services")) {
                    self.conflict(steps, services, "give the steps to one of the services");
                }
                (self.services(services), false)
            }
            (None, Some(steps)) => {
                let span = steps.span.clone();
                let steps = self.steps(&name.value, steps);
                (Map(vec![(name.clone(), Service { needs: Vec::new(), steps, span })]), true)
            }
            (None, None) => {
                self.missing(keys, "steps", "or `services`, where there are several");
                (Map::default(), true)
            }
        }
    }

    fn services(&mut self, node: &Node) -> Map<Service> {
        let services = self.named("services", node, literal::name, |reader, name, node| {
            Some(reader.service(name, node))
        });
        if matches!(&node.kind, Kind::Null)
            || matches!(&node.kind, Kind::Mapping(entries) if entries.is_empty())
        {
            self.report(Diagnostic::error(
                "missing-key",
                "a plan needs at least one service",
                &node.span,
            ));
        }
        services
    }

    /// A service, of which nothing may be left: its name is known all the same.
    fn service(&mut self, name: &Spanned<String>, node: &Node) -> Service {
        let empty = || Service { needs: Vec::new(), steps: Vec::new(), span: node.span.clone() };
        let Some(keys) = self.mapping("a service", node, &["needs", "steps"]) else {
            return empty();
        };
        let needs = keys.get("needs").map(|node| self.needs(node)).unwrap_or_default();
        let Some(steps) = keys.get("steps") else {
            self.missing(&keys, "steps", "");
            return Service { needs, ..empty() };
        };
        Service { needs, steps: self.steps(&name.value, steps), ..empty() }
    }

    fn needs(&mut self, node: &Node) -> Vec<Spanned<String>> {
        node.items().iter().filter_map(|item| self.word("needs", item)).collect()
    }

    fn report_list(&mut self, node: &Node) -> Vec<Spanned<Report>> {
        let items = node.items();
        let mut reports: Vec<Spanned<Report>> = Vec::new();
        for item in items {
            let Some(word) = self.word("report", item) else { continue };
            match REPORTS.iter().find(|(known, _)| *known == word.value) {
                Some((_, report)) => reports.push(Spanned::new(*report, word.span)),
                None => self.bad_word("report", &word, &REPORTS.map(|(known, _)| known)),
            }
        }
        let nowhere =
            reports.iter().find(|one| one.value == Report::None).map(|one| one.span.clone());
        if let Some(span) = nowhere.filter(|_| reports.len() > 1) {
            let diagnostic = Diagnostic::error("conflicting-keys", "`none` stands alone", &span);
            self.report(diagnostic.help("leave out `none`, or all others"));
        }
        reports
    }

    /// A word that is none of the known ones.
    pub(super) fn bad_word(&mut self, key: &str, word: &Spanned<String>, known: &[&'static str]) {
        if word.value.contains("${{") {
            return;
        }
        self.report(
            Diagnostic::error(
                "bad-value",
                format!("`{key}` cannot be `{}`", word.value),
                &word.span,
            )
            .label(format!("expected one of `{}`", known.join("`, `")))
            .suggest(&word.value, known.iter().copied()),
        );
    }
}

const REPORTS: [(&str, Report); 5] = [
    ("comment", Report::Comment),
    ("deployment", Report::Deployment),
    ("status", Report::Status),
    ("summary", Report::Summary),
    ("none", Report::None),
];

/// A plan that does not say tells the pull request and the job.
fn default_report() -> Vec<Spanned<Report>> {
    let nowhere: Span = 0..0;
    [Report::Comment, Report::Summary].map(|report| Spanned::new(report, nowhere.clone())).into()
}
