//! Goes to every text of a plan, and says what each is for.

use super::uses::{Place, Role};
use crate::plan::expr::contexts::Site;
use crate::plan::schema::{
    Aci, Action, Body, Build, BuildKind, Condition, Container, Deploy, DeployKind,
    KeyVaultReference, Login, Map, Plan, Probe, Pull, Registry, Run, Script, SecretSource, Step,
    Text, Verify,
};
use crate::plan::span::Spanned;

const BY_ENV: &str = "give it to the container by `env`, which is sent as a secure value";
const BY_SECRETS: &str = "give it to the build by `secrets`, which leaves no trace in the image";
const AT_RUN_TIME: &str = "give it to the container by `env` of the `deploy`, when it runs";
const NO_SECRET: &str = "take it from `vars`: GitHub drops every output that holds a secret";

const ARGUMENT: Role = Role::Public("a build argument", BY_SECRETS);
const IMAGE_VARIABLE: Role = Role::Public("a variable of the image", AT_RUN_TIME);
const IMAGE_LABEL: Role = Role::Public("a label of the image", AT_RUN_TIME);
const IMAGE_COMMAND: Role = Role::Public("the command of the image", AT_RUN_TIME);
const IMAGE_NAME: Role = Role::Public("the name of an image", NO_SECRET);
const RESOURCE: Role = Role::Public("the name of a resource", NO_SECRET);
const COMMAND: Role = Role::Public("the command of a container", BY_ENV);
const PROGRAM: Role =
    Role::Public("an argument of a program", "give it to the program by `env` of the step");

/// Calls `see` with every expression of a plan.
pub(super) fn walk<'p>(plan: &'p Plan, see: impl FnMut(Place, Spanned<&'p str>)) {
    let place = Place { site: Site::PlanEnv, role: Role::Plain, step: None };
    let mut walk = Walk { place, see };
    walk.map(Role::Plain, &plan.env);
    walk.place.site = Site::Variable;
    walk.map(Role::Plain, &plan.vars);
    walk.settings(plan);
    for (number, (_, service)) in plan.services.iter().enumerate() {
        for (at, step) in service.steps.iter().enumerate() {
            walk.place.step = Some((number, at));
            walk.step(step);
        }
    }
}

struct Walk<F> {
    place: Place,
    see: F,
}

impl<'p, F: FnMut(Place, Spanned<&'p str>)> Walk<F> {
    fn text(&mut self, role: Role, text: &'p Text) {
        for expression in text.expressions() {
            let expression = Spanned::new(expression.value.as_str(), expression.span.clone());
            (self.see)(Place { role, ..self.place }, expression);
        }
    }

    fn texts(&mut self, role: Role, texts: impl IntoIterator<Item = &'p Text>) {
        for text in texts {
            self.text(role, text);
        }
    }

    fn map(&mut self, role: Role, map: &'p Map<Text>) {
        self.texts(role, map.iter().map(|(_, text)| text));
    }

    fn condition(&mut self, site: Site, condition: Option<&'p Condition>) {
        let Some(condition) = condition else { return };
        let expression = Spanned::new(condition.source.as_str(), condition.span.clone());
        (self.see)(Place { site, role: Role::Plain, ..self.place }, expression);
    }

    fn settings(&mut self, plan: &'p Plan) {
        self.place.site = Site::SecretSource;
        for (_, secret) in plan.secrets.iter() {
            for source in &secret.sources {
                self.secret_source(&source.value);
            }
        }
        self.place.site = Site::Azure;
        if let Some(azure) = &plan.azure {
            self.texts(RESOURCE, &azure.subscription);
            self.texts(RESOURCE, &azure.resource_group);
            self.texts(RESOURCE, &azure.location);
            self.text(RESOURCE, &azure.cloud.text);
        }
        self.place.site = Site::Registry;
        for (_, registry) in plan.registries.iter() {
            self.registry(registry);
        }
        for (_, environment) in plan.environments.iter() {
            self.place.site = Site::EnvironmentSetting;
            self.text(Role::Plain, &environment.protected.text);
            self.texts(Role::Plain, environment.ttl.iter().map(|ttl| &ttl.text));
            self.condition(Site::EnvironmentCondition, environment.condition.as_ref());
            self.place.site = Site::Variable;
            self.map(Role::Plain, &environment.vars);
        }
    }

    fn secret_source(&mut self, source: &'p SecretSource) {
        let vault = match source {
            SecretSource::Env(name) => return self.text(Role::Plain, name),
            SecretSource::KeyVault(vault) => vault,
        };
        match vault {
            KeyVaultReference::Url(url) => self.text(Role::Plain, url),
            KeyVaultReference::Named { vault, name, version } => {
                self.texts(Role::Plain, [vault, name].into_iter().chain(version));
            }
            KeyVaultReference::Referenced { vault_id, secret_url } => {
                self.texts(Role::Plain, [vault_id, secret_url]);
            }
        }
    }

    fn registry(&mut self, registry: &'p Registry) {
        if let Some(Login::User { username, password }) = &registry.login {
            self.texts(Role::Plain, [username, password]);
        }
        match &registry.pull {
            Some(Pull::Identity(identity)) => self.text(RESOURCE, identity),
            Some(Pull::User { username, password }) => {
                self.texts(Role::Plain, [username, password]);
            }
            None => {}
        }
        if let Some(create) = &registry.create {
            self.texts(RESOURCE, [&create.sku, &create.admin_user.text]);
        }
        self.text(Role::Plain, &registry.insecure.text);
    }

    fn step(&mut self, step: &'p Step) {
        self.condition(Site::StepCondition, step.condition.as_ref());
        self.place.site = Site::Step;
        self.texts(Role::Plain, &step.name);
        self.map(Role::Plain, &step.env);
        let fields = [&step.timeout.text, &step.continue_on_error.text, &step.idempotent.text];
        self.texts(Role::Plain, fields);
        match &step.action {
            Action::Build(build) => self.build(build),
            Action::Tag(tag) => {
                for target in &tag.targets {
                    self.texts(IMAGE_NAME, [&target.image].into_iter().chain(&target.tags));
                }
            }
            Action::Push(push) => {
                self.texts(IMAGE_NAME, &push.image);
                self.texts(Role::Plain, [&push.sbom.text, &push.provenance.text]);
            }
            Action::Deploy(deploy) => self.deploy(deploy),
            Action::Verify(verify) => self.verify(verify),
            Action::Run(run) => self.run(run),
        }
    }

    fn build(&mut self, build: &'p Build) {
        match &build.kind {
            BuildKind::Dockerfile(file) => {
                self.map(ARGUMENT, &file.args);
                self.map(Role::Plain, &file.secrets);
                self.texts(ARGUMENT, &file.ssh);
                self.texts(IMAGE_NAME, file.cache_from.iter().chain(&file.cache_to));
                let optional = [&file.dockerfile, &file.target, &file.platform];
                self.texts(ARGUMENT, optional.into_iter().flatten().chain(&file.platforms));
                self.texts(ARGUMENT, [&file.context, &file.using.text]);
            }
            BuildKind::Layers(layers) => {
                self.text(IMAGE_NAME, &layers.base);
                self.map(IMAGE_VARIABLE, &layers.env);
                self.map(IMAGE_LABEL, &layers.labels);
                let commands = [&layers.entrypoint, &layers.cmd].into_iter().flatten().flatten();
                self.texts(IMAGE_COMMAND, commands);
                let optional = [&layers.user, &layers.workdir, &layers.platform];
                let optional = optional.into_iter().flatten();
                self.texts(IMAGE_LABEL, optional.chain(&layers.expose).chain(&layers.platforms));
                self.texts(Role::Plain, [&layers.compression.text]);
                for layer in &layers.layers {
                    let files = [&layer.from, &layer.to].into_iter();
                    let files = files.chain(&layer.include).chain(&layer.exclude);
                    let files = files.chain(&layer.mode).chain(&layer.owner);
                    self.texts(Role::Plain, files.chain(&layer.platform));
                }
            }
            BuildKind::Image(image) => {
                self.texts(IMAGE_NAME, [&image.image].into_iter().chain(&image.platform));
            }
        }
    }

    fn deploy(&mut self, deploy: &'p Deploy) {
        self.texts(IMAGE_NAME, &deploy.image);
        let DeployKind::Aci(aci) = &deploy.kind;
        self.group(aci);
        for container in &aci.containers {
            self.container(container);
        }
    }

    fn group(&mut self, aci: &'p Aci) {
        let names =
            [&aci.name, &aci.dns_label, &aci.dns_label_scope, &aci.resource_group, &aci.location];
        self.texts(RESOURCE, names.into_iter().flatten().chain(&aci.ports));
        let fields = [&aci.cpu.text, &aci.memory.text, &aci.restart_policy.text];
        self.texts(Role::Plain, fields);
        self.texts(Role::Plain, aci.replace.iter().map(|field| &field.text));
        self.texts(Role::Plain, aci.on_failure.iter().map(|field| &field.text));
        self.texts(COMMAND, aci.command.iter().flatten());
        self.map(Role::Plain, &aci.env);
    }

    fn container(&mut self, container: &'p Container) {
        self.texts(RESOURCE, [&container.name].into_iter().chain(&container.ports));
        self.texts(IMAGE_NAME, &container.image);
        self.texts(Role::Plain, [&container.cpu.text, &container.memory.text]);
        self.texts(COMMAND, container.command.iter().flatten());
        self.map(Role::Plain, &container.env);
    }

    fn verify(&mut self, verify: &'p Verify) {
        let (Probe::Http(asked) | Probe::Tcp(asked)) = &verify.probe;
        self.text(Role::Plain, asked);
        let expect = &verify.expect;
        self.texts(Role::Plain, expect.status.iter().map(|status| &status.text));
        self.map(Role::Plain, &expect.headers);
        self.map(Role::Plain, &expect.json);
        for body in &expect.body {
            let (Body::Contains(text) | Body::Matches(text)) = body;
            self.text(Role::Plain, text);
        }
        let fields = [&verify.within.text, &verify.every.text, &verify.consecutive.text];
        self.texts(Role::Plain, fields);
    }

    fn run(&mut self, run: &'p Run) {
        match &run.script {
            Script::Shell(script) => self.text(Role::Script, script),
            Script::Exec(program) => self.texts(PROGRAM, program),
        }
        self.texts(Role::Plain, &run.working_directory);
    }
}
