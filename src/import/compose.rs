//! Compose files: a service for each that is built or has published ports.

use super::group::GroupDraft;
use super::names::kebab;
use super::plan::PlanBuilder;
use super::script::words;
use super::service::{BuildNames, ServiceBuilder};
use super::yaml::Yaml;
use crate::draft::{Node, ServiceDraft};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Keys of a service that are converted, or that mean nothing in Azure.
const SILENT: [&str; 14] = [
    "build",
    "command",
    "container_name",
    "cpus",
    "depends_on",
    "deploy",
    "entrypoint",
    "environment",
    "expose",
    "image",
    "init",
    "mem_limit",
    "ports",
    "restart",
];

/// A variable as compose writes it, `${NAME:-default}`, or `$$` for a dollar sign.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$\$|\$\{([A-Za-z_]\w*)(?::?-([^}]*))?(?::?\?[^}]*)?\}|\$([A-Za-z_]\w*)")
        .expect("a pattern")
});

pub fn import(document: &Yaml, plan: &mut PlanBuilder) {
    let all = document.get("services").entries();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let registry = format!("{}registry.azurecr.io", plan.name.replace('-', ""));
    for (name, service) in all {
        let image = service.get("image").text().map(interpolated);
        let is_public = !service.get("ports").items().is_empty();
        if service.get("build").is_null() && !is_public {
            let text = format!(
                "`{name}` is not built and has no published port, and was left out: a service that \
                 others reach by its name needs an address of its own in Azure"
            );
            plan.needs_you(service.line, text);
            continue;
        }
        let mut steps = ServiceBuilder::default();
        let mut group = group_of(name, service, plan);
        if service.get("build").is_null() {
            group.image = image;
        } else {
            steps.build(build(service.get("build")), BuildNames::default());
            let given = image.filter(|image| image.contains('/'));
            let image = given.unwrap_or_else(|| {
                let text = format!("`{registry}` is a placeholder for the registry to push to");
                plan.needs_you(service.line, text);
                format!("{registry}/{}:${{{{ git.short-sha || 'dev' }}}}", kebab(name))
            });
            steps.push(&image);
            steps.flush();
            group.image = Some(image);
        }
        note_names(&group, &names, service.line, plan);
        note_unknown(name, service, plan);
        steps.deploy(group, plan);
        let needs = needs(service.get("depends_on"), all);
        plan.services.push(ServiceDraft { name: kebab(name), needs, steps: steps.finish() });
    }
    plan.azure.resource_group = Some(plan.name.clone());
    plan.azure.location = Some("westeurope".to_owned());
    plan.needs_you(0, "a compose file names no resource group and no region: change `azure`");
}

/// How the services of a compose file run.
#[derive(Default)]
pub struct ComposeSettings {
    /// Each service by its name in the file.
    pub services: BTreeMap<String, ServiceSettings>,
    /// Secrets that the plan has to declare for them, each with its source.
    pub secrets: Vec<(String, Node)>,
}

/// How one service runs.
#[derive(Default)]
pub struct ServiceSettings {
    /// Instead of the image's; empty where the image's is right.
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
}

/// Reads how the services run; what is no compose file says nothing.
pub fn settings(text: &str) -> ComposeSettings {
    let Ok(document) = Yaml::parse(text) else { return ComposeSettings::default() };
    let mut plan = PlanBuilder::default();
    let mut settings = ComposeSettings::default();
    for (name, service) in document.get("services").entries() {
        let command = whole_command(service);
        let env = variables(service.get("environment"), &mut plan);
        settings.services.insert(name.clone(), ServiceSettings { command, env });
    }
    settings.secrets = plan.needed.secrets();
    settings
}

/// A text with compose's variables as expressions.
fn interpolated(text: &str) -> String {
    let replaced = VARIABLE.replace_all(text, |found: &regex::Captures<'_>| {
        let name = found.get(1).or_else(|| found.get(3)).map(|name| name.as_str());
        match (name, found.get(2)) {
            (None, _) => "$".to_owned(),
            (Some(name), None) => format!("${{{{ env.{name} }}}}"),
            (Some(name), Some(default)) => {
                format!("${{{{ env.{name} || '{}' }}}}", default.as_str().replace('\'', "''"))
            }
        }
    });
    replaced.into_owned()
}

fn group_of(name: &str, service: &Yaml, plan: &mut PlanBuilder) -> GroupDraft {
    let limits = service.get("deploy").get("resources").get("limits");
    let cpu = [limits.get("cpus"), service.get("cpus")].into_iter().find_map(Yaml::text);
    let memory = [limits.get("memory"), service.get("mem_limit")].into_iter().find_map(Yaml::text);
    let restart = service.get("restart").text();
    GroupDraft {
        line: service.line,
        dns_label: Some(format!("{}-{}", plan.name, kebab(name))),
        ports: ports(name, service.get("ports"), plan),
        cpu: cpu.map(str::to_owned),
        memory: memory.map(size),
        env: variables(service.get("environment"), plan),
        restart_policy: restart.and_then(policy).map(str::to_owned),
        command: whole_command(service),
        ..GroupDraft::default()
    }
}

/// `512M` of compose as `512MB`.
fn size(text: &str) -> String {
    if text.ends_with(['b', 'B']) {
        text.to_uppercase()
    } else {
        format!("{}B", text.to_uppercase())
    }
}

fn policy(word: &str) -> Option<&'static str> {
    match word {
        "no" | "false" => Some("never"),
        _ if word.starts_with("on-failure") => Some("on-failure"),
        _ => None,
    }
}

/// The entrypoint and its arguments, as one.
fn whole_command(service: &Yaml) -> Vec<String> {
    let mut whole = command(service.get("entrypoint"));
    whole.extend(command(service.get("command")));
    whole
}

fn command(value: &Yaml) -> Vec<String> {
    match value.text() {
        Some(line) => words(line).into_iter().map(|word| interpolated(&word)).collect(),
        None => value.items().iter().filter_map(Yaml::text).map(interpolated).collect(),
    }
}

fn build(value: &Yaml) -> Node {
    if let Some(context) = value.text() {
        return Node::text(path(context));
    }
    let context = path(value.get("context").text().unwrap_or("."));
    let mut keys = vec![("context", Node::text(context.clone()))];
    if let Some(file) = value.get("dockerfile").text() {
        let file = if context == "." { file.to_owned() } else { format!("{context}/{file}") };
        keys.push(("dockerfile", Node::text(path(&file))));
    }
    if let Some(target) = value.get("target").text() {
        keys.push(("target", Node::text(target)));
    }
    let arguments = environment(value.get("args"));
    if !arguments.is_empty() {
        let arguments =
            arguments.iter().map(|(name, value)| (name.as_str(), Node::text(value.clone())));
        keys.push(("args", Node::block(arguments)));
    }
    if keys.len() == 1 { Node::text(context) } else { Node::flow(keys) }
}

fn path(path: &str) -> String {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

/// `NAME: value`, or a list of `NAME=value` and `NAME`.
fn environment(value: &Yaml) -> Vec<(String, String)> {
    let of_process = |name: &str| format!("${{{{ env.{name} }}}}");
    let pairs = value.entries().iter().map(|(name, value)| {
        (name.clone(), value.text().map_or_else(|| of_process(name), interpolated))
    });
    let listed =
        value.items().iter().filter_map(Yaml::text).map(|text| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), interpolated(value)),
            None => (text.to_owned(), of_process(text)),
        });
    pairs.chain(listed).collect()
}

/// The variables of a container. One that is only passed on, and whose name says that it
/// is secret, is declared as a secret.
fn variables(value: &Yaml, plan: &mut PlanBuilder) -> Vec<(String, String)> {
    let words = ["TOKEN", "PASSWORD", "SECRET", "CREDENTIAL", "API_KEY"];
    let mut found = environment(value);
    for (name, value) in &mut found {
        let passed = value.strip_prefix("${{ env.").and_then(|it| it.strip_suffix(" }}"));
        let Some(passed) = passed.filter(|it| !it.contains(' ')) else { continue };
        if words.iter().any(|word| name.to_ascii_uppercase().contains(word)) {
            let secret = plan.needed.secret(passed);
            *value = format!("${{{{ secrets.{secret} }}}}");
        }
    }
    found
}

/// The ports in the container, which are public under the same number in Azure.
fn ports(name: &str, value: &Yaml, plan: &mut PlanBuilder) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for port in value.items() {
        let (published, target, protocol) = match port.text() {
            Some(text) => {
                let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                let mut parts = text.rsplit(':');
                let target = parts.next().unwrap_or_default();
                (parts.next().map(str::to_owned), target.to_owned(), protocol)
            }
            None => (
                port.get("published").text().map(str::to_owned),
                port.get("target").text().unwrap_or_default().to_owned(),
                port.get("protocol").text().unwrap_or("tcp"),
            ),
        };
        if published.as_ref().is_some_and(|published| *published != target) {
            let published = published.unwrap_or_default();
            let text = format!(
                "`{name}` is reached at port {target}, not {published}: Container Instances do not \
                 map ports"
            );
            plan.needs_you(port.line, text);
        }
        let spelled = if protocol == "udp" { format!("{target}/udp") } else { target };
        if !spelled.is_empty() && !found.contains(&spelled) {
            found.push(spelled);
        }
    }
    found
}

fn needs(value: &Yaml, all: &[(String, Yaml)]) -> Vec<String> {
    let listed = value.texts().into_iter().map(str::to_owned);
    let names = listed.chain(value.entries().iter().map(|(name, _)| name.clone()));
    let is_deployed = |name: &String| {
        let service = all.iter().find(|(known, _)| known == name).map(|(_, service)| service);
        service.is_some_and(|it| !it.get("build").is_null() || !it.get("ports").items().is_empty())
    };
    names.filter(is_deployed).map(|name| kebab(&name)).collect()
}

/// A value such as `postgres://db:5432` names a service of compose's network.
fn note_names(group: &GroupDraft, names: &[&str], line: usize, plan: &mut PlanBuilder) {
    for (variable, value) in &group.env {
        let words: Vec<&str> = value
            .split(|letter: char| !(letter.is_alphanumeric() || "-_.".contains(letter)))
            .collect();
        for name in names.iter().filter(|name| words.contains(name)) {
            let text = format!(
                "`{variable}` names the service `{name}`, which has another address in Azure"
            );
            plan.needs_you(line, text);
        }
    }
}

fn note_unknown(name: &str, service: &Yaml, plan: &mut PlanBuilder) {
    for (key, value) in service.entries() {
        if !SILENT.contains(&key.as_str()) && !key.starts_with("x-") {
            plan.needs_you(
                value.line,
                format!("`{key}` of `{name}` is not supported, and was left out"),
            );
        }
    }
}
