//! The plan that an import makes, service by service.

use super::names::{kebab, login_host};
use super::note::{Note, NoteKind};
use super::taken::private_images;
use crate::draft::{AzureDraft, Node, PlanDraft, ServiceDraft};
use std::collections::BTreeMap;

/// The most bytes of a registry's name, which may have expressions in it: a key of YAML has at
/// most 1,024 characters.
const MAX_REGISTRY_NAME: usize = 512;

/// The secrets, variables and inputs that the imported texts refer to.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// Secrets by the plan's name, with the variable that each is read from.
    secrets: BTreeMap<String, String>,
    /// Variables that a workflow has to pass.
    pub variables: BTreeMap<String, Variable>,
    /// Inputs of the workflow by name.
    inputs: BTreeMap<String, Input>,
}

/// A variable that a workflow has to pass.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Whether the workflow has it as a secret.
    pub was_secret: bool,
}

/// An input of a workflow.
#[derive(Clone, Debug)]
struct Input {
    /// The variable of the plan that it becomes.
    variable: String,
    default: String,
    is_used: bool,
}

impl Needed {
    /// The plan's name of the secret that is read from this variable.
    pub fn secret(&mut self, variable: &str) -> String {
        let is_free = |name: &str| self.secrets.get(name).is_none_or(|known| known == variable);
        let name = unique(&kebab(variable), is_free);
        self.secrets.insert(name.clone(), variable.to_owned());
        name
    }

    pub fn declare_input(&mut self, name: &str, default: &str) {
        let taken: Vec<String> = self
            .inputs
            .iter()
            .filter(|(known, _)| *known != name)
            .map(|(_, input)| input.variable.clone())
            .collect();
        let variable = unique(&kebab(name), |variable| taken.iter().all(|it| it != variable));
        let input = Input { variable, default: default.to_owned(), is_used: false };
        self.inputs.insert(name.to_owned(), input);
    }

    /// The variable of the plan that an input becomes.
    pub fn input(&mut self, name: &str) -> Option<&str> {
        let input = self.inputs.get_mut(name)?;
        input.is_used = true;
        Some(&input.variable)
    }

    /// The secrets of the plan, each with its source.
    pub fn secrets(&self) -> Vec<(String, Node)> {
        let secrets = self.secrets.iter();
        let source = |variable: &String| Node::flow([("env", Node::text(variable.clone()))]);
        secrets.map(|(name, variable)| (name.clone(), source(variable))).collect()
    }

    /// Forgets what was looked up for a text that did not become part of the plan.
    fn keep_used(&mut self, plan: &str) {
        self.secrets.retain(|name, _| names(plan, &format!("secrets.{name}")));
        self.variables.retain(|name, _| names(plan, &format!("env.{name}")));
        for input in self.inputs.values_mut() {
            input.is_used &= names(plan, &format!("vars.{}", input.variable));
        }
    }

    fn used_inputs(&self) -> impl Iterator<Item = (&String, &Input)> {
        self.inputs.iter().filter(|(_, input)| input.is_used)
    }
}

/// Whether a text has this path of names, and not the beginning of a longer one.
fn names(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let next = text[at + path.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_alphanumeric() || "-_".contains(next))
    })
}

/// The name, with a number where it is taken.
pub fn unique(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    if is_free(name) {
        return name.to_owned();
    }
    let mut numbers = 2_usize..;
    numbers
        .find_map(|number| Some(format!("{name}-{number}")).filter(|name| is_free(name)))
        .expect("numbers do not end")
}

/// How one registry is used.
#[derive(Clone, Debug, Default)]
pub struct RegistryUse {
    /// User and password, where it is not an Azure registry.
    pub user: Option<(String, String)>,
    /// Whether a deploy pulls from it.
    pub is_pulled: bool,
    /// How it is created, where it is.
    pub create: Option<RegistryCreation>,
}

#[derive(Clone, Debug)]
pub struct RegistryCreation {
    /// The pricing tier.
    pub sku: String,
    pub admin_user: bool,
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
    /// Whether pushes start what is imported and pull requests do not.
    pub is_of_push: bool,
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

    /// How a registry is used, by any spelling of its host.
    pub fn registry(&mut self, host: &str) -> &mut RegistryUse {
        self.registries.entry(login_host(host)).or_default()
    }

    /// Sets the subscription unless there is one: a plan has no second.
    pub fn set_subscription(&mut self, line: usize, id: &str) {
        let known = self.azure.subscription.get_or_insert_with(|| id.to_owned());
        if *known != id {
            self.needs_you(line, format!("a second subscription, `{id}`, needs a plan of its own"));
        }
    }

    /// Sets the resource group unless there is one. Returns the name if another one is set:
    /// the deploy then has to state it.
    #[must_use]
    pub fn set_resource_group(&mut self, name: String) -> Option<String> {
        set_or_return(&mut self.azure.resource_group, name)
    }

    /// Sets the region unless there is one. Returns it if another one is set: the deploy then
    /// has to state it.
    #[must_use]
    pub fn set_location(&mut self, region: String) -> Option<String> {
        // `West Europe` is how people read `westeurope`.
        let is_literal = !region.contains("${{");
        let region = if is_literal { region.replace(' ', "").to_lowercase() } else { region };
        set_or_return(&mut self.azure.location, region)
    }

    /// The plan, and what to tell about it.
    pub fn finish(mut self) -> (PlanDraft, Vec<Note>) {
        let mut plan = PlanDraft {
            name: self.name.clone(),
            env: std::mem::take(&mut self.env),
            azure: self.azure.clone(),
            registries: self.registry_settings(),
            services: std::mem::take(&mut self.services),
            ..PlanDraft::default()
        };
        self.needed.keep_used(&plan.write());
        self.note_secrets_and_variables();
        self.note_inputs();
        self.note_pull_identity();
        for image in private_images(&plan.services) {
            let text = format!(
                "`{image}` has to be in its registry; a dry run signs in to none: give it the \
                 image with `--seed-image REFERENCE=oci:FOLDER`"
            );
            self.needs_you(0, text);
        }
        let inputs = self.needed.used_inputs();
        let vars = inputs.map(|(_, input)| (input.variable.clone(), Node::scalar(&input.default)));
        plan.vars = vars.collect();
        plan.secrets = self.needed.secrets();
        self.notes.sort_by_key(|note| (note.line == 0, note.line, note.kind));
        (plan, self.notes)
    }

    /// Without those that no key can name; their images are refused by themselves.
    fn named_registries(&self) -> impl Iterator<Item = (&String, &RegistryUse)> {
        let is_key =
            |host: &str| host.len() <= MAX_REGISTRY_NAME && !host.chars().any(char::is_control);
        self.registries.iter().filter(move |(host, _)| is_key(host))
    }

    fn registry_settings(&self) -> Vec<(String, Node)> {
        let pull = self.pull_identity();
        self.named_registries()
            .filter_map(|(host, used)| Some((host.clone(), used.node(host, &pull)?)))
            .collect()
    }

    fn note_secrets_and_variables(&mut self) {
        for name in self.needed.secrets.values().cloned().collect::<Vec<_>>() {
            self.needs_you(0, format!(
                "the plan reads a secret from `{name}`: pass it in the workflow's `env`: `{name}: \
                 ${{{{ secrets.{name} }}}}`"
            ));
        }
        for (name, Variable { was_secret }) in self.needed.variables.clone() {
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

    fn note_inputs(&mut self) {
        let inputs = self.needed.used_inputs();
        let texts: Vec<String> = inputs
            .map(|(name, Input { variable, .. })| {
                format!(
                    "the input `{name}` is a variable of the plan: pass it to Shipway's action: \
                     `set: {variable}=${{{{ inputs.{name} }}}}`"
                )
            })
            .collect();
        for text in texts {
            self.needs_you(0, text);
        }
    }

    fn note_pull_identity(&mut self) {
        let hosts: Vec<&str> = self
            .named_registries()
            .filter(|(host, used)| used.pulls_with_identity(host))
            .map(|(host, _)| host.as_str())
            .collect();
        if hosts.is_empty() {
            return;
        }
        let text = format!(
            "the identity `{}` has to exist and to have the role AcrPull at {} (`shipway doctor --fix` gives it): \
             `az identity create -g {} -n {}` once",
            self.pull_identity(),
            hosts.join(", "),
            self.azure.resource_group.as_deref().unwrap_or("GROUP"),
            self.pull_identity(),
        );
        self.needs_you(0, text);
    }

    /// The name of the identity that services pull with.
    fn pull_identity(&self) -> String {
        format!("{}-pull", self.name)
    }
}

/// Sets a value unless there is one; returns it if it differs.
fn set_or_return(slot: &mut Option<String>, value: String) -> Option<String> {
    match slot {
        None => {
            *slot = Some(value);
            None
        }
        Some(known) => (*known != value).then_some(value),
    }
}

impl RegistryUse {
    fn pulls_with_identity(&self, host: &str) -> bool {
        self.is_pulled && host.ends_with(".azurecr.io")
    }

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
        if self.pulls_with_identity(host) {
            keys.push(("pull", Node::flow([("identity", Node::text(pull))])));
        }
        if let Some(RegistryCreation { sku, admin_user }) = &self.create {
            let create =
                [("sku", Node::text(sku.clone())), ("admin-user", Node::plain(admin_user))];
            keys.push(("create", Node::flow(create)));
        }
        (!keys.is_empty()).then(|| Node::block(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::Needed;

    #[test]
    fn names_that_become_one_are_told_apart() {
        let mut needed = Needed::default();
        needed.declare_input("image_tag", "a");
        needed.declare_input("image-tag", "b");
        assert_eq!(needed.input("image_tag"), Some("image-tag"));
        assert_eq!(needed.input("image-tag"), Some("image-tag-2"));
        assert_eq!(needed.input("other"), None);
        assert_eq!(needed.secret("DB_URL"), "db-url");
        assert_eq!(needed.secret("DB-URL"), "db-url-2");
        assert_eq!(needed.secret("DB_URL"), "db-url");
    }
}
