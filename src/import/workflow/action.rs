//! Steps that use an action.

use super::expression;
use super::metadata::{self, lines, list};
use super::scope::{Fact, Scope, Use};
use crate::draft::Node;
use crate::import::group::GroupDraft;
use crate::import::names::{is_default_dockerfile, registry_of};
use crate::import::note::{NAME_THE_REGISTRY, NAME_THE_SUBNET, OIDC};
use crate::import::plan::PlanBuilder;
use crate::import::script::{self, Script, masked_words};
use crate::import::service::{BuildNames, ServiceBuilder};
use crate::import::sign_in::SignIn;
use crate::import::yaml::Yaml;
use std::collections::BTreeMap;

pub struct Action<'y> {
    pub uses: &'y str,
    pub inputs: &'y Yaml,
    pub line: usize,
    pub id: Option<&'y str>,
    pub condition: Option<String>,
}

/// Inputs of Azure/aci-deploy that a plan has.
const ACI_INPUTS: [&str; 19] = [
    "command-line",
    "cpu",
    "dns-name-label",
    "environment-variables",
    "image",
    "ip-address",
    "location",
    "memory",
    "name",
    "os-type",
    "ports",
    "protocol",
    "registry-login-server",
    "registry-password",
    "registry-username",
    "resource-group",
    "restart-policy",
    "secure-environment-variables",
    "dns-name-label-scope",
];

impl Action<'_> {
    pub fn import(
        &self,
        scope: &mut Scope<'_>,
        service: &mut ServiceBuilder,
        plan: &mut PlanBuilder,
    ) {
        let mut importer = ActionImporter { action: self, scope, service, plan };
        let name = self.uses.split('@').next().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "actions/checkout" | "docker/setup-buildx-action" | "docker/setup-qemu-action" => {}
            "docker/login-action" => importer.login("registry"),
            "azure/docker-login" => importer.login("login-server"),
            "azure/login" => importer.azure_login(),
            "azure/cli" => importer.azure_cli(),
            "docker/metadata-action" => importer.metadata(),
            "docker/build-push-action" => importer.build_push(),
            "azure/aci-deploy" => importer.aci_deploy(),
            _ if name.starts_with("actions/setup-") || name.starts_with("actions/cache") => {
                let text =
                    format!("`{}` stays in the workflow, before Shipway's action", self.uses);
                importer.plan.changed(self.line, text);
            }
            _ if name.contains("comment") && !name.starts_with("actions/") => {
                importer.plan.changed(self.line, "Shipway writes a comment with the URL by itself");
            }
            _ => {
                let text = format!(
                    "`{}` has no counterpart: keep it in the workflow, or call its program in a `run` step",
                    self.uses
                );
                importer.plan.needs_you(self.line, text);
            }
        }
    }
}

struct ActionImporter<'a, 'n> {
    action: &'a Action<'a>,
    scope: &'a mut Scope<'n>,
    service: &'a mut ServiceBuilder,
    plan: &'a mut PlanBuilder,
}

impl ActionImporter<'_, '_> {
    fn source(&self, input: &str) -> Option<&str> {
        self.action.inputs.get_any_case(input).text().map(str::trim).filter(|text| !text.is_empty())
    }

    fn line(&self, input: &str) -> usize {
        match self.action.inputs.get_any_case(input).line {
            0 => self.action.line,
            line => line,
        }
    }

    /// An input as a text of the plan.
    fn input(&mut self, input: &str, used: Use) -> Option<String> {
        let source = self.source(input)?.to_owned();
        let line = self.line(input);
        self.text(&source, used, line)
    }

    fn name(&mut self, input: &str) -> Option<String> {
        self.input(input, Use::Name)
    }

    fn text(&mut self, source: &str, used: Use, line: usize) -> Option<String> {
        let text = expression::text(source, used, self.scope);
        text.map_err(|missing| missing.note(line, self.plan)).ok()
    }

    /// Says what an output of the step is.
    fn output(&mut self, name: &str, value: String) {
        if let Some(id) = self.action.id {
            self.scope.outputs.insert((id.to_owned(), name.to_owned()), value);
        }
    }

    fn step_output(&mut self, name: &str, action: &str, output: &str) {
        let id = self.service.id_of(action);
        let source = Fact::Expression(format!("steps.{id}.outputs.{output}")).as_source();
        self.output(name, source);
    }

    fn login(&mut self, host: &str) {
        let text = |input: &str| self.source(input).map(str::to_owned);
        let sign_in = SignIn {
            line: self.action.line,
            host: text(host).unwrap_or_else(|| "docker.io".to_owned()),
            is_azure: host == "login-server",
            username: text("username"),
            password: text("password"),
        };
        sign_in.import(self.scope, self.plan);
    }

    fn azure_login(&mut self) {
        let line = self.action.line;
        if let Some(subscription) = self.source("subscription-id").filter(|it| !it.contains("${{"))
        {
            let subscription = subscription.to_owned();
            self.plan.set_subscription(line, &subscription);
        }
        if self.source("creds").is_some() {
            let line = self.line("creds");
            self.plan.needs_you(line, OIDC);
        } else {
            self.plan.changed(line, "Shipway signs in by itself: pass `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and `AZURE_SUBSCRIPTION_ID` in the workflow's `env`");
        }
    }

    fn azure_cli(&mut self) {
        let input = self.action.inputs.get_any_case("inlineScript");
        let Some(text) = input.text() else {
            self.plan.needs_you(
                self.action.line,
                "the script of `azure/cli` was left out: import it by itself",
            );
            return;
        };
        let script = Script {
            text,
            line: input.line + usize::from(text.contains('\n')),
            id: self.action.id,
            name: None,
            folder: None,
            condition: self.action.condition.clone(),
            continue_on_error: false,
            env: BTreeMap::new(),
        };
        script::import(&script, self.scope, self.service, self.plan);
    }

    fn metadata(&mut self) {
        let line = self.action.line;
        let images = self.source("images").unwrap_or_default().to_owned();
        let entries = self.source("tags").unwrap_or_default().to_owned();
        let flavor = self.source("flavor").unwrap_or_default().to_owned();
        let tags_line = self.line("tags");
        let tags = metadata::tags(&lines(&entries), &flavor, tags_line, self.plan);
        let images = list(&images);
        if images.iter().any(|image| image.contains("name=")) {
            self.plan
                .needs_you(line, "images with attributes were left out: write them under `tag`");
        }
        let named = images.iter().filter(|image| !image.contains("name="));
        let references: Vec<String> =
            named.flat_map(|image| tags.iter().map(move |tag| format!("{image}:{tag}"))).collect();
        self.output("tags", references.join("\n"));
        self.output("labels", String::new());
        self.output("annotations", String::new());
        let version = self.version(&tags, line);
        self.output("version", version);
    }

    /// The first tag that is not empty: which that is tells the event of a run.
    fn version(&mut self, tags: &[String], line: usize) -> String {
        let mut found: Vec<(&String, String)> = Vec::new();
        for tag in tags {
            let Some(text) = self.text(tag, Use::Name, line) else { continue };
            let fact = Fact::of_text(&text);
            let part = fact.as_expression();
            found.push((tag, if part.contains("&&") { format!("({part})") } else { part }));
            if !matches!(fact, Fact::Expression(_)) {
                break;
            }
        }
        match found.as_slice() {
            [] => String::new(),
            [(tag, _)] => (*tag).clone(),
            several => {
                let parts: Vec<&str> = several.iter().map(|(_, part)| part.as_str()).collect();
                Fact::Expression(parts.join(" || ")).as_source()
            }
        }
    }

    fn build_push(&mut self) {
        let build = self.build();
        let tags = self.name("tags").unwrap_or_default();
        let known: Vec<String> = list(&tags).into_iter().map(str::to_owned).collect();
        let has_others = known.is_empty();
        self.service.build(build, BuildNames { known, has_others });
        let push = self.source("push").unwrap_or("false").to_owned();
        if push != "false" {
            let condition = if push == "true" { None } else { self.push_condition(&push) };
            for reference in list(&tags) {
                self.service.push(reference);
            }
            if let Some(condition) = condition {
                self.service.push_if(condition);
            }
            self.service.flush();
        }
        self.step_output("digest", "push", "digest");
        self.step_output("imageid", "build", "image-id");
    }

    fn push_condition(&mut self, push: &str) -> Option<String> {
        let converted = expression::condition(push, self.scope);
        if let Err(missing) = &converted {
            let line = self.line("push");
            let text = format!(
                "the condition of `push` was left out: `{}` has no counterpart in a plan",
                missing.0
            );
            self.plan.needs_you(line, text);
        }
        converted.ok()
    }

    fn build(&mut self) -> Node {
        let context = self.name("context").unwrap_or_else(|| ".".to_owned());
        let context = context.trim_start_matches("{{defaultContext}}:").trim_start_matches("./");
        let context = context.trim_end_matches('/');
        let context = if context.is_empty() { "." } else { context };
        let mut keys = vec![("context", Node::text(context))];
        if let Some(file) = self.name("file") {
            let file = file.trim_start_matches("./").to_owned();
            if !is_default_dockerfile(context, &file) {
                keys.push(("dockerfile", Node::text(file)));
            }
        }
        if let Some(target) = self.name("target") {
            keys.push(("target", Node::text(target)));
        }
        for (input, key, used) in
            [("build-args", "args", Use::Name), ("secrets", "secrets", Use::Value)]
        {
            let text = self.input(input, used).unwrap_or_default();
            let pairs: Vec<_> =
                lines(&text).into_iter().filter_map(|line| line.split_once('=')).collect();
            if !pairs.is_empty() {
                let pairs =
                    pairs.into_iter().map(|(name, value)| (name.trim(), Node::text(value.trim())));
                keys.push((key, Node::block(pairs)));
            }
        }
        let platforms = self.name("platforms").unwrap_or_default();
        match list(&platforms).as_slice() {
            [] => {}
            [one] => keys.push(("platform", Node::text(*one))),
            several => keys.push(("platforms", Node::texts(several.iter().copied()))),
        }
        for key in ["cache-from", "cache-to"] {
            let caches = self.name(key).unwrap_or_default();
            let caches = lines(&caches);
            if !caches.is_empty() {
                keys.push((key, Node::texts(caches)));
            }
        }
        if keys.len() == 1 { Node::text(context) } else { Node::block(keys) }
    }

    fn aci_deploy(&mut self) {
        let mut group = GroupDraft {
            name: self.name("name"),
            image: self.name("image"),
            dns_label: self.name("dns-name-label"),
            dns_label_scope: self.name("dns-name-label-scope"),
            cpu: self.name("cpu"),
            memory: self.name("memory"),
            restart_policy: self.name("restart-policy"),
            ..GroupDraft::default()
        };
        if let Some(resource_group) = self.name("resource-group") {
            group.resource_group = self.plan.set_resource_group(resource_group);
        }
        if let Some(location) = self.name("location") {
            group.location = self.plan.set_location(location);
        }
        let ports = self.name("ports").unwrap_or_else(|| "80".to_owned());
        group.ports = ports
            .split([' ', ',', '\n'])
            .filter(|port| !port.is_empty())
            .map(str::to_owned)
            .collect();
        if self.source("protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("udp")) {
            group.ports.iter_mut().for_each(|port| port.push_str("/udp"));
        }
        if let Some(command) = self.input("command-line", Use::Value) {
            group.command = masked_words(&command);
        }
        for (input, secure) in
            [("environment-variables", false), ("secure-environment-variables", true)]
        {
            let source = self.source(input).unwrap_or_default().to_owned();
            let pairs = self.pairs(&source, secure, self.line(input));
            group.env.extend(pairs);
        }
        self.credentials(group.image.as_deref());
        group.line = self.action.line;
        self.note_unsupported();
        self.service.deploy(group, self.plan);
        self.step_output("app-url", "deploy", "url");
    }

    fn pairs(&mut self, source: &str, secure: bool, line: usize) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for word in masked_words(source) {
            let Some((name, value)) = word.split_once('=') else { continue };
            let Some(value) = self.text(value, Use::Value, line) else { continue };
            if secure && !value.contains("secrets.") {
                self.plan.needs_you(
                    line,
                    format!("`{name}` is not from a secret, and is sent as a plain value"),
                );
            }
            found.push((name.to_owned(), value));
        }
        found
    }

    fn credentials(&mut self, image: Option<&str>) {
        let line = self.line("registry-password");
        let has_password = self.source("registry-password").is_some();
        let server = self.name("registry-login-server").or_else(|| image.and_then(registry_of));
        match server {
            Some(host) if host.ends_with(".azurecr.io") => {
                self.plan.registry(&host).is_pulled = true;
                if has_password {
                    self.plan.changed(line, "the stored password of the registry is not needed: the service pulls with an identity, which `shipway doctor` checks");
                }
            }
            Some(host) if has_password => {
                let username = self.name("registry-username");
                let password = self.input("registry-password", Use::Value);
                if let (Some(username), Some(password)) = (username, password) {
                    self.plan.registry(&host).user = Some((username, password));
                }
            }
            _ if has_password => self.plan.needs_you(line, NAME_THE_REGISTRY),
            _ => {}
        }
    }

    fn note_unsupported(&mut self) {
        for (name, value) in self.action.inputs.entries() {
            if !ACI_INPUTS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                self.plan
                    .needs_you(value.line, format!("`{name}` is not supported, and was left out"));
            }
        }
        if self.source("ip-address").is_some_and(|it| it.eq_ignore_ascii_case("private")) {
            self.plan.needs_you(self.line("ip-address"), NAME_THE_SUBNET);
        }
    }
}
