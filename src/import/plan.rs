//! The plan that an import makes, service by service.

use super::note::{Note, NoteKind};
use crate::draft::{AzureDraft, Node, PlanDraft, ServiceDraft};
use std::collections::BTreeMap;

/// What the names that are used need in the plan or in the workflow.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// Secrets by the plan's name, with the variable that each is read from.
    pub secrets: BTreeMap<String, String>,
    /// Variables that a workflow has to pass, and whether each was stored as a secret.
    pub variables: BTreeMap<String, bool>,
    /// Inputs with their default, and whether each is used.
    pub inputs: BTreeMap<String, (String, bool)>,
}

/// How one registry is used.
#[derive(Clone, Debug, Default)]
pub struct RegistryUse {
    /// User and password, where it is not an Azure registry.
    pub user: Option<(String, String)>,
    /// Whether a deploy pulls from it.
    pub is_pulled: bool,
    /// The pricing tier, and whether there is an admin user, where it is created.
    pub create: Option<(String, bool)>,
}

/// Collects what becomes the plan.
#[derive(Default)]
pub struct PlanBuilder {
    pub name: String,
    pub azure: AzureDraft,
    pub env: Vec<(String, Node)>,
    pub registries: BTreeMap<String, RegistryUse>,
    pub services: Vec<ServiceDraft>,
    pub needed: Needed,
    pub notes: Vec<Note>,
}

impl PlanBuilder {
    pub fn note(&mut self, line: usize, kind: NoteKind, text: impl Into<String>) {
        let note = Note { line, kind, text: text.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub fn needs_you(&mut self, line: usize, text: impl Into<String>) {
        self.note(line, NoteKind::NeedsYou, text);
    }

    pub fn changed(&mut self, line: usize, text: impl Into<String>) {
        self.note(line, NoteKind::Changed, text);
    }

    pub fn registry(&mut self, host: &str) -> &mut RegistryUse {
        self.registries.entry(host.to_owned()).or_default()
    }

    /// Takes how a registry is signed in to. Azure's need no password.
    pub fn sign_in(
        &mut self,
        line: usize,
        host: &str,
        username: Option<String>,
        password: Option<String>,
    ) {
        if host.ends_with(".azurecr.io") || host.contains("${{") {
            if password.is_some() {
                let text = format!(
                    "the stored password of `{host}` is not needed: Shipway signs in \
                                    with the identity that deploys, which needs the role AcrPush"
                );
                self.changed(line, text);
            }
        } else if let (Some(username), Some(password)) = (username, password) {
            self.registry(host).user = Some((username, password));
        } else {
            self.needs_you(line, format!("write the login of `{host}` under `registries`"));
        }
    }

    /// Takes a value of `azure` unless it has one already. Returns what a deploy has to name
    /// itself because it differs.
    pub fn set_azure(&mut self, line: usize, key: &str, value: String) -> Option<String> {
        let slot = match key {
            "subscription" => &mut self.azure.subscription,
            "location" => &mut self.azure.location,
            _ => &mut self.azure.resource_group,
        };
        match slot {
            None => {
                *slot = Some(value);
                None
            }
            Some(known) if *known == value => None,
            Some(_) if key == "subscription" => {
                self.needs_you(
                    line,
                    format!("a second subscription, `{value}`, needs a plan of its own"),
                );
                None
            }
            // The deploy names its own.
            Some(_) => Some(value),
        }
    }

    /// The plan, and what to tell about it.
    pub fn finish(mut self) -> (PlanDraft, Vec<Note>) {
        self.note_variables();
        let inputs = self.needed.inputs.iter().filter(|(_, (_, used))| *used);
        let vars =
            inputs.map(|(name, (default, _))| (super::names::kebab(name), Node::scalar(default)));
        let vars = vars.collect();
        let secrets = self.needed.secrets.iter();
        let secrets = secrets.map(|(name, variable)| {
            (name.clone(), Node::flow([("env", Node::text(variable.clone()))]))
        });
        let secrets = secrets.collect();
        let pull = format!("{}-pull", self.name);
        let registries = self.registries.iter();
        let registries =
            registries.filter_map(|(host, used)| Some((host.clone(), used.node(host, &pull)?)));
        let registries = registries.collect();
        self.notes.sort_by_key(|note| (note.line == 0, note.line, note.kind));
        let plan = PlanDraft {
            name: self.name,
            env: self.env,
            vars,
            secrets,
            azure: self.azure,
            registries,
            services: self.services,
            ..PlanDraft::default()
        };
        (plan, self.notes)
    }

    fn note_variables(&mut self) {
        for name in self.needed.secrets.values().cloned().collect::<Vec<_>>() {
            self.needs_you(0, format!(
                "the plan reads a secret from `{name}`: pass it in the workflow's `env`: `{name}: \
                 ${{{{ secrets.{name} }}}}`"
            ));
        }
        for (name, was_secret) in self.needed.variables.clone() {
            let pass = format!("pass it in the workflow's `env`: `{name}: ${{{{ vars.{name} }}}}`");
            let text = if was_secret {
                format!(
                    "`{name}` is a name, not a secret: store it as a variable of the repository, \
                     and {pass}"
                )
            } else {
                format!("`{name}` is a variable of the repository: {pass}")
            };
            self.needs_you(0, text);
        }
    }
}

impl RegistryUse {
    /// The settings of the registry; `None` if the defaults are right.
    fn node(&self, host: &str, pull: &str) -> Option<Node> {
        let mut keys = Vec::new();
        if let Some((username, password)) = &self.user {
            let user = [
                ("username", Node::text(username.clone())),
                ("password", Node::text(password.clone())),
            ];
            keys.push(("login", Node::flow(user)));
        }
        if self.is_pulled && host.ends_with(".azurecr.io") {
            keys.push(("pull", Node::flow([("identity", Node::text(pull))])));
        }
        if let Some((sku, admin_user)) = &self.create {
            let create =
                [("sku", Node::text(sku.clone())), ("admin-user", Node::plain(admin_user))];
            keys.push(("create", Node::flow(create)));
        }
        (!keys.is_empty()).then(|| Node::block(keys))
    }
}
