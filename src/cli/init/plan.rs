//! The plan of what was found.

use super::found::{FoundBuild, FoundService};
use super::look::Look;
use super::settings::Settings;
use crate::draft::{AzureDraft, EnvironmentDraft, Node, PlanDraft, ServiceDraft, StepDraft};
use crate::import::ServiceSettings;

/// The line by which editors find the schema, which `init` writes there.
pub const SCHEMA_LINE: &str = "yaml-language-server: $schema=.shipway/schema.json";

/// Serves a folder on port 80, and is built for many platforms.
const WEB_SERVER: &str = "docker.io/library/nginx:1-alpine";

/// Holds certificates and time zones, and nothing that runs.
const PROGRAM_BASE: &str = "gcr.io/distroless/static-debian12:nonroot";

/// The plan: previews for pull requests, and production for pushes to the main branch.
pub fn draft(look: &Look, settings: &Settings) -> PlanDraft {
    let is_azure = settings.registry.ends_with(".azurecr.io");
    let identity = || Node::flow([("identity", Node::text(format!("{}-pull", settings.name)))]);
    let registry = || (settings.registry.clone(), Node::block([("pull", identity())]));
    let services = look.services.iter().zip(&settings.ports);
    PlanDraft {
        header: vec![SCHEMA_LINE.to_owned()],
        name: settings.name.clone(),
        secrets: look.secrets.clone(),
        azure: AzureDraft {
            resource_group: Some(settings.resource_group.clone()),
            location: Some(settings.location.clone()),
            ..AzureDraft::default()
        },
        registries: is_azure.then(registry).into_iter().collect(),
        environments: environments(settings, look.services.len() > 1),
        services: services
            .map(|(service, port)| draft_of(service, *port, settings, look.services.len() > 1))
            .collect(),
        ..PlanDraft::default()
    }
}

/// A DNS label has five characters at least, the first of them a letter. Where there are
/// several services, each adds its name.
fn label_of(name: &str, has_several: bool) -> String {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    match (begins, name.len() < 5 && !has_several) {
        (false, _) => format!("app-{name}"),
        (true, true) => format!("{name}-app"),
        (true, false) => name.to_owned(),
    }
}

fn environments(settings: &Settings, has_several: bool) -> Vec<EnvironmentDraft> {
    let (name, branch) = (&settings.name, &settings.branch);
    let label = |label: String| Node::flow([("label", Node::text(label))]);
    let pushed = format!("github.event_name == 'push' && github.ref == 'refs/heads/{branch}'");
    vec![
        EnvironmentDraft {
            name: "production".to_owned(),
            keys: vec![
                ("if", Node::text(pushed)),
                ("protected", Node::plain(true)),
                ("vars", label(label_of(name, has_several))),
            ],
        },
        EnvironmentDraft {
            name: "preview".to_owned(),
            keys: vec![
                ("if", Node::text("github.event_name == 'pull_request'")),
                ("vars", label(format!("${{{{ pr.dns-label || '{name}-dev' }}}}"))),
                ("ttl", Node::text("48h")),
            ],
        },
    ]
}

fn draft_of(
    service: &FoundService,
    port: u16,
    settings: &Settings,
    is_one_of_many: bool,
) -> ServiceDraft {
    let (suffix, image) = if is_one_of_many {
        (format!("-{}", service.name), format!("{}-{}", settings.name, service.name))
    } else {
        (String::new(), settings.name.clone())
    };
    let label = format!("${{{{ vars.label }}}}{suffix}");
    let tags = Node::texts(["${{ git.short-sha || 'dev' }}", "${{ pr.tag }}"]);
    let tag = Node::block([
        ("image", Node::text(format!("{}/{image}", settings.registry))),
        ("tags", tags),
    ]);
    let aci = aci(service, label, port);
    let mut steps = build_steps(service, port);
    steps.push(StepDraft::new("tag", tag));
    steps.push(StepDraft::new("push", Node::Nothing));
    steps.push(StepDraft::new("deploy", Node::block([("aci", aci)])));
    if service.has_address {
        steps.push(StepDraft::new("verify", Node::text(service.path.clone())));
    }
    ServiceDraft { name: service.name.clone(), needs: Vec::new(), steps }
}

/// The group: one without an address has no label, and so a name.
fn aci(service: &FoundService, label: String, port: u16) -> Node {
    let mut keys = if service.has_address {
        vec![("dns-label", Node::text(label)), ("ports", Node::List(vec![Node::plain(port)]))]
    } else {
        vec![("name", Node::text(label))]
    };
    keys.push(("cpu", Node::plain(1)));
    keys.push(("memory", Node::text("1.5GB")));
    let ServiceSettings { command, env } = &service.settings;
    if !command.is_empty() {
        keys.push(("command", Node::texts(command.clone())));
    }
    if !env.is_empty() {
        let env = env.iter().map(|(name, value)| (name.as_str(), Node::text(value.clone())));
        keys.push(("env", Node::block(env)));
    }
    Node::block(keys)
}

fn build_steps(service: &FoundService, port: u16) -> Vec<StepDraft> {
    match &service.build {
        FoundBuild::Dockerfile { context, dockerfile, target } => {
            vec![StepDraft::new(
                "build",
                dockerfile_build(context, dockerfile.as_deref(), target.as_deref()),
            )]
        }
        FoundBuild::Site { folder } => {
            let mut layer = vec![
                ("from", Node::text(folder.clone())),
                ("to", Node::text("/usr/share/nginx/html")),
            ];
            if folder == "." {
                let exclude = ["shipway.yml", ".github/**", ".gitignore", "README.md"];
                layer.push(("exclude", Node::texts(exclude)));
            }
            vec![StepDraft::new(
                "build",
                Node::block([
                    ("base", Node::text(WEB_SERVER)),
                    ("layers", Node::List(vec![Node::flow(layer)])),
                ]),
            )]
        }
        FoundBuild::Program { run, file } => {
            let layer = Node::flow([
                ("from", Node::text(file.clone())),
                ("to", Node::text("/app")),
                ("mode", Node::text("0755")),
            ]);
            let image = Node::block([
                ("base", Node::text(PROGRAM_BASE)),
                ("layers", Node::List(vec![layer])),
                ("entrypoint", Node::texts(["/app"])),
                ("env", Node::flow([("PORT", Node::text(port.to_string()))])),
                ("expose", Node::List(vec![Node::plain(port)])),
            ]);
            vec![StepDraft::new("run", Node::text(run.clone())), StepDraft::new("build", image)]
        }
    }
}

fn dockerfile_build(context: &str, dockerfile: Option<&str>, target: Option<&str>) -> Node {
    let context = if context.is_empty() { "." } else { context };
    let given = [("dockerfile", dockerfile), ("target", target)];
    let mut keys: Vec<(&str, Node)> =
        given.into_iter().filter_map(|(key, value)| Some((key, Node::text(value?)))).collect();
    if keys.is_empty() {
        return Node::text(context);
    }
    keys.insert(0, ("context", Node::text(context)));
    Node::flow(keys)
}
