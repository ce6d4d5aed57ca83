//! The plan as a whole.

use super::azure::Azure;
use super::environment::Environment;
use super::registry::Registries;
use super::report::Reports;
use super::secret::SecretDeclaration;
use super::step::{Step, read_steps};
use super::text::{Condition, Map, Text};
use crate::plan::describe::{
    Key, Object, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, any_of, describe_choice, key,
    list_of, mapping, read_key,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::Site;
use crate::plan::literal::{Host, Name, NotEmpty, PlanName, VariableName};
use crate::plan::parse::{Entries, Reader};
use crate::plan::span::Spanned;
use crate::plan::tree::{Kind, Node};
use serde_json::{Value, json};
use std::ops::Deref;

mapping! {
    by hand
    /// A Shipway plan: how containers are taken from source to a verified URL.
    pub struct Plan = "a plan" {
        /// Version of the plan's language.
        pub version: Version = key("version").default("1"),
        /// Name of the plan, at most 63 letters, digits, `.`, `_`, `-`; it names resources where nothing else does.
        pub name: Spanned<String> = key("name")
            .is::<PlanName>()
            .missing_help("it names what is deployed where nothing else does"),
        /// Other plans, relative to this file, whose services, variables, secrets, registries and environments are taken too; paths in them are relative to them.
        pub include: Vec<Spanned<String>> = key("include").is::<NotEmpty>().absent("none"),
        /// Environment variables of every `run` step.
        pub env: Map<Text> = key("env").names::<VariableName>().at(Site::PlanEnv).absent("none"),
        /// Variables for expressions: `${{ vars.NAME }}`.
        pub vars: Map<Text> = key("vars").names::<Name>().at(Site::Variable).absent("none"),
        /// Secrets by name, each with a source or a list of sources; the first source that has the secret is used.
        pub secrets: Map<SecretDeclaration> = key("secrets")
            .names::<Name>()
            .at(Site::SecretSource)
            .absent("none"),
        /// Where in Azure things are deployed.
        pub azure: Option<Azure> = key("azure").at(Site::Azure).absent("needed by `deploy`"),
        /// Registries by host name, with the port where there is one: how each is reached. A host may hold expressions, without secrets.
        pub registries: Registries = key("registries")
            .names::<Host>()
            .at(Site::Registry)
            .absent("none"),
        /// Environments by name; the first whose `if` holds is chosen.
        pub environments: Map<Environment> = key("environments")
            .names::<Name>()
            .at(Site::EnvironmentSetting)
            .absent("none"),
        flattened pub services: Services,
        /// Where the result is reported: one or several of `comment`, `deployment`, `status`, `service-status`, `summary`, or `none`. `plan` is the comment of `shipway plan`.
        pub report: Reports = key("report").absent("`[comment, summary]`"),
    }
}

impl Plan {
    /// Reads a plan from the root of its tree.
    pub fn read(reader: &mut Reader<'_>, root: &Node<'_>) -> Option<Self> {
        let entries = reader.entries(Self::WHAT, root, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    /// A plan that says nothing, for commands that need none.
    pub fn empty() -> Self {
        Self {
            version: Version,
            name: Spanned::default(),
            include: Vec::new(),
            env: Map::default(),
            vars: Map::default(),
            secrets: Map::default(),
            azure: None,
            registries: Registries::default(),
            environments: Map::default(),
            services: Services::default(),
            report: Reports(Vec::new()),
        }
    }
}

/// The version of the plan's language, of which there is one.
#[derive(Clone, Copy, Debug)]
pub struct Version;

impl Version {
    /// Why a plan of this version cannot be read.
    pub fn check(version: &Spanned<String>) -> Option<Diagnostic> {
        let message = format!("version `{}` of the plan's language is not there", version.value);
        (version.value != "1").then(|| {
            Diagnostic::error("unsupported-version", message, &version.span)
                .help("write `version: 1`, or leave it out")
        })
    }
}

impl PlanValue for Version {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let version = reader.word(slot.name, slot.node)?;
        reader.found.extend(Self::check(&version));
        Some(Self)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self)
    }

    fn visit<'p>(&'p self, _: &'static Key, _: &mut Visit<'_, 'p>) {}

    fn schema(_: &'static Key) -> Value {
        json!({ "enum": [1, "1"] })
    }
}

/// The services of a plan. A plan with top-level `steps` has one, named as the
/// plan.
#[derive(Clone, Debug, Default)]
pub struct Services {
    by_name: Map<Service>,
    /// Whether the plan has top-level `steps` instead of `services`.
    pub is_single: bool,
}

impl Services {
    /// A service, to be changed before the plan is run.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Service> {
        let found = self.by_name.0.iter_mut().find(|(known, _)| known.value == name);
        found.map(|(_, service)| service)
    }
}

impl Deref for Services {
    type Target = Map<Service>;

    fn deref(&self) -> &Map<Service> {
        &self.by_name
    }
}

const SERVICES: Key = key("services")
    .about("Services by name; they run in parallel except where they need each other.")
    .names::<Name>()
    .at(Site::Step)
    .absent("`steps` in its place");

const TOP_STEPS: Key = key("steps")
    .about("Steps of a plan with one service, which is named as the plan.")
    .at(Site::Step)
    .list()
    .absent("`services` in its place");

impl PlanKeys for Services {
    const KEYS: &'static [Key] = &[SERVICES, TOP_STEPS];

    fn from_entries(reader: &mut Reader<'_>, entries: &Entries<'_>) -> Option<Self> {
        let (services, steps) = (entries.get("services"), entries.get("steps"));
        if let (Some(steps), Some(services)) = (entries.key("steps"), entries.key("services")) {
            reader.conflict(steps, services, "give the steps to one of the services");
        }
        match (services, steps) {
            (Some(services), _) => {
                let by_name = read_services(reader, services);
                Some(Self { by_name, is_single: false })
            }
            (None, Some(node)) => {
                let name = entries.get("name").and_then(Node::spelled).unwrap_or_default();
                let steps = read_steps(reader, &name.value, node);
                let service = Service { steps, ..Service::default() };
                Some(Self { by_name: Map(vec![(name, service)]), is_single: true })
            }
            (None, None) => {
                reader.missing(entries, "steps", "or `services`, where there are several");
                Some(Self { is_single: true, ..Self::default() })
            }
        }
    }

    fn visit_keys<'p>(&'p self, visit: &mut Visit<'_, 'p>) {
        for (number, (_, service)) in self.by_name.iter().enumerate() {
            for (at, step) in service.steps.iter().enumerate() {
                visit.step(number, at, |visit| step.visit_keys(visit));
            }
        }
    }

    fn describe(object: &mut Object) {
        describe_choice::<Map<Service>>(object, &SERVICES);
        describe_choice::<Vec<Step>>(object, &TOP_STEPS);
        object.one_of(Self::KEYS);
    }
}

fn read_services(reader: &mut Reader<'_>, node: &Node<'_>) -> Map<Service> {
    let services = Map::read(reader, Slot::new(&SERVICES, node)).unwrap_or_default();
    let is_empty = match &node.kind {
        Kind::Null => true,
        Kind::Mapping(entries) => entries.is_empty(),
        Kind::Scalar(_) | Kind::Sequence(_) => false,
    };
    if is_empty {
        let message = "a plan needs at least one service";
        reader.report(Diagnostic::error("missing-key", message, &node.span));
    }
    services
}

const CONDITION: Key = key("if").at(Site::StepCondition).absent("`success()`");

const NEEDS: Key = key("needs").absent("none");

const PATHS: Key = key("paths").absent("any file");

mapping! {
    by hand
    /// One service: its steps run in order, in parallel with those of other services.
    pub struct Service = "a service" {
        /// Condition under which it runs: its steps run only where it holds, too.
        pub condition: Option<Condition> = CONDITION,
        /// Services that must have succeeded before this one starts.
        pub needs: Vec<Spanned<String>> = NEEDS,
        /// Files that it is made from, as patterns relative to the plan's folder: `web/**`. `shipway matrix --since BASE` leaves out a service of which none has changed.
        pub paths: Vec<Spanned<String>> = PATHS,
        /// Steps, which run in this order.
        pub steps: Vec<Step> = key("steps").list().absent("needed"),
    }
}

#[expect(clippy::derivable_impls, reason = "`mapping!` takes no derives")]
impl Default for Service {
    fn default() -> Self {
        Self { condition: None, needs: Vec::new(), paths: Vec::new(), steps: Vec::new() }
    }
}

impl PlanValue for Service {
    /// One of which nothing can be read is there all the same: others may need it.
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let mut service = Self::default();
        let Some(entries) = reader.entries(Self::WHAT, slot.node, Self::KEYS) else {
            reader.unread_of(slot.name).has_unnamed = true;
            return Some(service);
        };
        service.condition = read_key(reader, &entries, &CONDITION)?;
        service.needs = read_key(reader, &entries, &NEEDS)?;
        service.paths = read_key(reader, &entries, &PATHS)?;
        match entries.get("steps") {
            Some(steps) => service.steps = read_steps(reader, slot.name, steps),
            None => reader.missing(&entries, "steps", ""),
        }
        if let Some(condition) = &service.condition {
            service.steps.iter_mut().for_each(|step| step.run_only_if(condition));
        }
        Some(service)
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        let mut schema = Self::object().to_schema();
        schema["required"] = json!(["steps"]);
        schema["type"] = "object".into();
        let name = json!({ "type": "string" });
        for key in ["needs", "paths"] {
            schema["properties"][key]["anyOf"] =
                any_of([name.clone(), list_of(name.clone())])["anyOf"].clone();
        }
        schema
    }
}
