//! Steps: what stands beside the action, and which action it is.

use super::build::Build;
use super::deploy::Deploy;
use super::push::Push;
use super::run::Run;
use super::tag::Tag;
use super::text::{Condition, Field, Map, Text};
use super::verify::Verify;
use crate::plan::describe::{
    Constant, Key, Object, PlanKeys, PlanMapping as _, PlanValue, Slot, Visit, choice,
    describe_key, key, mapping, read_key,
};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::Site;
use crate::plan::literal::{Attempts, Backoff, Name, Period, VariableName};
use crate::plan::parse::{Entries, Reader};
use crate::plan::span::{Span, Spanned};
use crate::plan::tree::{EntryKey, Kind, Node};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

choice! {
    /// What a step does. The set is closed on purpose: a new action must say how it
    /// is checked, performed, resumed and shown before it compiles.
    pub enum Action {
        /// Makes an image.
        Build(Build) = key("build"),
        /// Names the image.
        Tag(Tag) = key("tag"),
        /// Sends the image to its registries.
        Push(Push) = key("push"),
        /// Runs the image in Azure.
        Deploy(Deploy) = key("deploy"),
        /// Checks that what runs answers as expected.
        Verify(Box<Verify>) = key("verify"),
        /// Runs a program on this machine.
        Run(Run) = key("run"),
    }
}

impl Action {
    /// The deploy that changes a resource of Azure, if it is one.
    pub fn azure_deploy(&self) -> Option<&Deploy> {
        match self {
            Self::Deploy(deploy) => Some(deploy).filter(|deploy| deploy.is_to_azure()),
            Self::Build(_) | Self::Tag(_) | Self::Push(_) | Self::Verify(_) | Self::Run(_) => None,
        }
    }

    /// The key that stands for it in a plan.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Build(_) => "build",
            Self::Tag(_) => "tag",
            Self::Push(_) => "push",
            Self::Deploy(_) => "deploy",
            Self::Verify(_) => "verify",
            Self::Run(_) => "run",
        }
    }

    /// The key of the one action. Reports none and several.
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let Some(first) = entries.first_of(Self::KEYS) else {
            if !entries.has_unknown {
                let names: Vec<_> =
                    Self::KEYS.iter().map(|key| format!("`{}`", key.name)).collect();
                let message = "this step does nothing";
                let diagnostic = Diagnostic::error("no-action", message, entries.span());
                let help = format!("a step has exactly one of {}", names.join(", "));
                reader.report(diagnostic.help(help));
            }
            return None;
        };
        let others = Self::KEYS.iter().filter_map(|key| entries.key(key.name));
        for other in others.filter(|other| other.value != first.value) {
            let message = format!("a step cannot both `{}` and `{}`", first.value, other.value);
            reader.report(
                Diagnostic::error("two-actions", message, &other.span)
                    .also(&first.span, format!("`{}` is here", first.value))
                    .help("make it two steps, each beginning with `- `"),
            );
        }
        Some(first)
    }
}

mapping! {
    by hand
    /// One step: exactly one action and what stands beside it.
    pub struct Step = "a step" {
        flattened pub action: Action,
        /// Name in expressions and on the command line; unique in the service.
        pub id: Spanned<String> = key("id")
            .is::<Name>()
            .default("")
            .absent("the action; `push-2` for the second"),
        /// Name that people are shown.
        pub name: Option<Text> = key("name").absent("the id"),
        /// Condition under which the step runs.
        pub condition: Option<Condition> = key("if").at(Site::StepCondition).absent("`success()`"),
        /// How often the step is tried: `{ attempts, backoff: 1s..30s }`.
        pub retry: RetryPolicy = key("retry").absent("4 attempts; `run` and `verify` 1"),
        /// How long one attempt may take.
        pub timeout: Field<Period> = key("timeout").default("10m").absent("`10m`; `run` `60m`"),
        /// Whether its failure does not fail the run.
        pub continue_on_error: Field<bool> = key("continue-on-error").default("false"),
        /// Environment variables.
        pub env: Map<Text> = key("env")
            .names::<VariableName>()
            .only_beside("run")
            .absent("none"),
        /// Whether it may be repeated when it is not known whether it ran.
        pub idempotent: Field<bool> = key("idempotent").only_beside("run").default("false"),
        /// Working directory, relative to the plan's folder.
        pub working_directory: Option<Text> = key("working-directory")
            .only_beside("run")
            .absent("the plan's folder"),
    }
    and {
        /// Of the whole mapping.
        pub span: Span,
    }
}

impl PlanValue for Step {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        Draft::read(reader, slot.node).step
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        Self::object().to_schema()
    }
}

/// How often a step is tried, and how long the waits between the attempts are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    pub attempts: u32,
    /// The first wait; each further one doubles.
    pub base: Duration,
    /// No wait is longer than this.
    pub cap: Duration,
}

const ATTEMPTS: Key = key("attempts").about("Number of attempts, from 1 to 100.").default("4");
const BACKOFF: Key = key("backoff")
    .about("Bounds of the waits between attempts: each bound is twice the one before, and the wait a random part of it.")
    .default("1s..30s");

impl RetryPolicy {
    /// The policy of an action that says nothing: a user's program is not run
    /// twice unasked, and a `verify` asks again by itself.
    pub fn of_action(keyword: &str) -> Self {
        match keyword {
            "run" | "verify" => Self { attempts: 1, ..Self::default() },
            _ => Self::default(),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let Backoff { base, cap } = Backoff::default();
        Self { attempts: 4, base, cap }
    }
}

impl PlanValue for RetryPolicy {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let entries = reader.entries("`retry`", slot.node, &[ATTEMPTS, BACKOFF])?;
        let Constant(Attempts(attempts)) = read_key(reader, &entries, &ATTEMPTS)?;
        let Constant(Backoff { base, cap }) = read_key(reader, &entries, &BACKOFF)?;
        Some(Self { attempts, base, cap })
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self::default())
    }

    fn visit<'p>(&'p self, _: &'static Key, _: &mut Visit<'_, 'p>) {}

    fn schema(_: &'static Key) -> Value {
        let mut object = Object::default();
        describe_key::<Constant<Attempts>>(&mut object, &ATTEMPTS);
        describe_key::<Constant<Backoff>>(&mut object, &BACKOFF);
        object.to_schema()
    }
}

/// A step before it has an id.
struct Draft<'n> {
    id: Option<Spanned<String>>,
    /// The key of its first action, where it has one.
    action: Option<&'n EntryKey<'n>>,
    /// Whether it has more, which are not read.
    has_more: bool,
    /// The single values of keys that a step does not have.
    unknown_values: Vec<String>,
    step: Option<Step>,
}

impl<'n> Draft<'n> {
    fn read(reader: &mut Reader<'_>, node: &'n Node<'n>) -> Self {
        let mut draft = Self {
            id: None,
            action: None,
            has_more: false,
            unknown_values: Vec::new(),
            step: None,
        };
        if !matches!(node.kind, Kind::Mapping(_)) {
            let message = format!("a step is a mapping, not {}", node.kind.name());
            let diagnostic = Diagnostic::error("wrong-type", message, &node.span);
            reader.report(diagnostic.help("a step with nothing to say is written `- push:`"));
            return draft;
        }
        let Some(entries) = reader.entries(Step::WHAT, node, Step::KEYS) else { return draft };
        draft.id = entries.get("id").and_then(Node::spelled);
        if entries.has_unknown {
            let is_unknown =
                |name: &&EntryKey<'_>| Step::KEYS.iter().all(|key| key.name != name.value);
            let values =
                entries.keys().filter(is_unknown).filter_map(|name| entries.get(&name.value));
            draft.unknown_values =
                values.filter_map(Node::spelled).map(|value| value.value).collect();
        }
        draft.action = entries.first_of(Action::KEYS);
        let actions = Action::KEYS.iter().filter(|key| entries.get(key.name).is_some());
        draft.has_more = actions.count() > 1;
        draft.step = Step::from_entries(reader, &entries);
        if let Some(action) = draft.action {
            check_beside(reader, &entries, action);
            if let Some(step) = &mut draft.step {
                step.set_defaults(&entries, &action.value);
                step.span = node.span.clone();
            }
        }
        draft
    }
}

/// Reports the first key that stands beside an action that does not have it.
fn check_beside(reader: &mut Reader<'_>, entries: &Entries<'_>, action: &EntryKey<'_>) {
    let is_of_another = |name: &EntryKey<'_>| {
        let key = Step::KEYS.iter().find(|key| key.name == name.value);
        key.and_then(|key| key.only_beside).is_some_and(|only| only != action.value)
    };
    if let Some(key) = entries.keys().find(|name| is_of_another(name)) {
        reader.conflict(key, action, "it belongs to a `run` step");
    }
}

impl Step {
    /// Lets it run only where the `if` of its service holds, too.
    pub(super) fn run_only_if(&mut self, of_service: &Condition) {
        match &mut self.condition {
            Some(own) => own.of_service = Some(Box::new(of_service.clone())),
            None => self.condition = Some(of_service.clone()),
        }
    }

    /// Sets the defaults that depend on the action.
    fn set_defaults(&mut self, entries: &Entries<'_>, action: &str) {
        if entries.get("retry").is_none() {
            self.retry = RetryPolicy::of_action(action);
        }
        if entries.get("timeout").is_none() && action == "run" {
            self.timeout = Field::default_of("60m");
        }
    }
}

/// Reads the steps of a service.
pub(super) fn read_steps(reader: &mut Reader<'_>, service: &str, node: &Node<'_>) -> Vec<Step> {
    let Kind::Sequence(items) = &node.kind else {
        reader.wrong_type("steps", node, "a list");
        reader.unread_of(service).has_unnamed = true;
        return Vec::new();
    };
    if items.is_empty() {
        let message = "a service needs at least one step";
        reader.report(Diagnostic::error("missing-key", message, &node.span));
    }
    let drafts: Vec<Draft<'_>> = items.iter().map(|item| Draft::read(reader, item)).collect();
    let given = given_ids(reader, &drafts);
    let mut counts = Vec::new();
    let mut steps = Vec::with_capacity(drafts.len());
    for Draft { id, action, has_more, unknown_values, step } in drafts {
        let id = id.or_else(|| Some(next_id(action?, &mut counts, &given)));
        match (step, id) {
            (Some(step), Some(id)) if has_more => {
                reader.unread_of(service).has_unnamed = true;
                steps.push(Step { id, ..step });
            }
            (Some(step), Some(id)) => steps.push(Step { id, ..step }),
            (_, id) => {
                let unread = reader.unread_of(service);
                unread.has_unnamed |= id.is_none() || has_more;
                unread.ids.extend(id.map(|id| id.value));
                // One of them may be the id, under a misspelt key.
                unread.ids.extend(unknown_values);
            }
        }
    }
    steps
}

/// The ids that the steps give themselves. Reports those that are given twice.
fn given_ids(reader: &mut Reader<'_>, drafts: &[Draft<'_>]) -> HashSet<String> {
    let mut taken: HashMap<&str, &Span> = HashMap::new();
    for id in drafts.iter().filter_map(|draft| draft.id.as_ref()) {
        if let Some(first) = taken.get(id.value.as_str()) {
            let message = format!("two steps have the id `{}`", id.value);
            let diagnostic = Diagnostic::error("duplicate-id", message, &id.span);
            reader.report(diagnostic.label("again here").also(first, "first here"));
        } else {
            taken.insert(&id.value, &id.span);
        }
    }
    taken.into_keys().map(str::to_owned).collect()
}

/// `push`, then `push-2`, whatever is not given. `counts` has how many steps of each
/// action came before.
fn next_id<'n>(
    action: &'n EntryKey<'n>,
    counts: &mut Vec<(&'n str, usize)>,
    given: &HashSet<String>,
) -> Spanned<String> {
    let name = &*action.value;
    let at = counts.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        counts.push((name, 0));
        counts.len() - 1
    });
    let count = &mut counts[at].1;
    loop {
        *count += 1;
        let id = match *count {
            1 => name.to_owned(),
            more => format!("{name}-{more}"),
        };
        if !given.contains(&id) {
            return Spanned::new(id, action.span.clone());
        }
    }
}
