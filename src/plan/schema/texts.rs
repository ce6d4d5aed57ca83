//! Every text of a step or a setting, one after the other.
//!
//! For what must look at all of them alike, such as which secrets a step uses.

use super::{
    Aci, Action, Azure, Body, Build, BuildKind, Condition, Container, DeployKind, Expect, Field,
    KeyVaultReference, Layer, Login, Map, Probe, Pull, Registry, Run, Script, SecretSource, Step,
    TagTarget, Text, Verify,
};

/// A string of the plan in which expressions may stand.
#[derive(Clone, Copy, Debug)]
pub enum Template<'p> {
    /// One with `${{ }}`.
    Text(&'p Text),
    /// A bare expression.
    Condition(&'p Condition),
}

impl Template<'_> {
    /// The expressions in it.
    pub fn expressions(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => {
                text.expressions().map(|expression| expression.value.as_str()).collect()
            }
            Self::Condition(condition) => vec![&condition.source],
        }
    }
}

/// Collects texts.
#[derive(Default)]
struct Texts<'p>(Vec<Template<'p>>);

impl Step {
    /// Every template of the step, in no order.
    pub fn templates(&self) -> Vec<Template<'_>> {
        let mut texts = Texts::default();
        texts.all(&self.name);
        texts.0.extend(self.condition.as_ref().map(Template::Condition));
        texts.field(&self.timeout);
        texts.field(&self.continue_on_error);
        texts.field(&self.idempotent);
        texts.map(&self.env);
        texts.action(&self.action);
        texts.0
    }
}

impl Azure {
    /// Every template of it, in no order.
    pub fn templates(&self) -> Vec<Template<'_>> {
        let mut texts = Texts::default();
        texts.all(&self.subscription);
        texts.all(&self.resource_group);
        texts.all(&self.location);
        texts.field(&self.cloud);
        texts.0
    }
}

impl Registry {
    /// Every template of it, in no order.
    pub fn templates(&self) -> Vec<Template<'_>> {
        let mut texts = Texts::default();
        match &self.login {
            Some(Login::User { username, password }) => texts.all([username, password]),
            Some(Login::Entra | Login::Admin | Login::DockerConfig | Login::Anonymous) | None => {}
        }
        match &self.pull {
            Some(Pull::User { username, password }) => texts.all([username, password]),
            Some(Pull::Identity(name)) => texts.all([name]),
            None => {}
        }
        if let Some(create) = &self.create {
            texts.all([&create.sku]);
            texts.field(&create.admin_user);
        }
        texts.field(&self.insecure);
        texts.0
    }
}

impl SecretSource {
    /// Every template of it, in no order.
    pub fn templates(&self) -> Vec<Template<'_>> {
        let mut texts = Texts::default();
        match self {
            Self::Env(name) => texts.all([name]),
            Self::KeyVault(KeyVaultReference::Url(url)) => texts.all([url]),
            Self::KeyVault(KeyVaultReference::Named { vault, name, version }) => {
                texts.all([vault, name]);
                texts.all(version);
            }
            Self::KeyVault(KeyVaultReference::Referenced { vault_id, secret_url }) => {
                texts.all([vault_id, secret_url]);
            }
        }
        texts.0
    }
}

impl<'p> Texts<'p> {
    fn all(&mut self, texts: impl IntoIterator<Item = &'p Text>) {
        self.0.extend(texts.into_iter().map(Template::Text));
    }

    fn lists(&mut self, lists: impl IntoIterator<Item = &'p Vec<Text>>) {
        self.all(lists.into_iter().flatten());
    }

    fn field<T>(&mut self, field: &'p Field<T>) {
        self.all([&field.text]);
    }

    fn map(&mut self, map: &'p Map<Text>) {
        self.all(map.iter().map(|(_, text)| text));
    }

    fn action(&mut self, action: &'p Action) {
        match action {
            Action::Build(build) => self.build(build),
            Action::Tag(tag) => tag.targets.iter().for_each(|target| self.tag(target)),
            Action::Push(push) => {
                self.all(&push.image);
                self.field(&push.sbom);
                self.field(&push.provenance);
            }
            Action::Deploy(deploy) => {
                self.all(&deploy.image);
                let DeployKind::Aci(aci) = &deploy.kind;
                self.aci(aci);
            }
            Action::Verify(verify) => self.verify(verify),
            Action::Run(run) => self.run(run),
        }
    }

    fn build(&mut self, build: &'p Build) {
        match &build.kind {
            BuildKind::Dockerfile(dockerfile) => {
                self.all([&dockerfile.context]);
                self.all(&dockerfile.dockerfile);
                self.map(&dockerfile.args);
                self.map(&dockerfile.secrets);
                self.lists([&dockerfile.ssh, &dockerfile.cache_from, &dockerfile.cache_to]);
                self.all(&dockerfile.target);
                self.all(&dockerfile.platform);
                self.all(&dockerfile.platforms);
                self.field(&dockerfile.using);
            }
            BuildKind::Layers(layers) => {
                self.all([&layers.base]);
                layers.layers.iter().for_each(|layer| self.layer(layer));
                self.lists(&layers.entrypoint);
                self.lists(&layers.cmd);
                self.map(&layers.env);
                self.all(&layers.expose);
                self.all(&layers.user);
                self.all(&layers.workdir);
                self.map(&layers.labels);
                self.all(&layers.platform);
                self.field(&layers.compression);
                self.all(&layers.platforms);
            }
            BuildKind::Image(existing) => {
                self.all([&existing.image]);
                self.all(&existing.platform);
            }
        }
    }

    fn layer(&mut self, layer: &'p Layer) {
        self.all([&layer.from, &layer.to]);
        self.all(&layer.include);
        self.all(&layer.exclude);
        self.all(&layer.mode);
        self.all(&layer.owner);
        self.all(&layer.platform);
    }

    fn tag(&mut self, target: &'p TagTarget) {
        self.all([&target.image]);
        self.all(&target.tags);
    }

    fn aci(&mut self, aci: &'p Aci) {
        self.all(&aci.name);
        self.all(&aci.dns_label);
        self.all(&aci.dns_label_scope);
        self.all(&aci.ports);
        self.field(&aci.cpu);
        self.field(&aci.memory);
        self.lists(&aci.command);
        self.map(&aci.env);
        self.field(&aci.restart_policy);
        aci.containers.iter().for_each(|container| self.container(container));
        self.all(&aci.resource_group);
        self.all(&aci.location);
        aci.replace.iter().for_each(|field| self.field(field));
        aci.on_failure.iter().for_each(|field| self.field(field));
    }

    fn container(&mut self, container: &'p Container) {
        self.all([&container.name]);
        self.all(&container.image);
        self.all(&container.ports);
        self.field(&container.cpu);
        self.field(&container.memory);
        self.lists(&container.command);
        self.map(&container.env);
    }

    fn verify(&mut self, verify: &'p Verify) {
        match &verify.probe {
            Probe::Http(text) | Probe::Tcp(text) => self.all([text]),
        }
        self.expect(&verify.expect);
        self.field(&verify.within);
        self.field(&verify.every);
        self.field(&verify.consecutive);
    }

    fn expect(&mut self, expect: &'p Expect) {
        expect.status.iter().for_each(|status| self.field(status));
        self.map(&expect.headers);
        for body in &expect.body {
            match body {
                Body::Contains(text) | Body::Matches(text) => self.all([text]),
            }
        }
        self.map(&expect.json);
    }

    fn run(&mut self, run: &'p Run) {
        match &run.script {
            Script::Shell(text) => self.all([text]),
            Script::Exec(words) => self.all(words),
        }
        self.all(&run.working_directory);
    }
}
