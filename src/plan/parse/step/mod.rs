//! Reads steps: what stands beside the action, and which action it is. Each
//! action has a file, but for `run`.

mod build;
mod deploy;
mod tag;
mod verify;

use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::Scalar;
use crate::plan::parse::literal;
use crate::plan::parse::mapping::Mapping;
use crate::plan::parse::reader::Reader;
use crate::plan::schema::{Action, RetryPolicy, Run, Script, Step};
use crate::plan::span::{Span, Spanned};
use crate::plan::tree::{Kind, Node};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

const ACTIONS: [&str; 6] = ["build", "tag", "push", "deploy", "verify", "run"];

/// What stands beside the action of any step.
const BESIDE: [&str; 6] = ["id", "name", "if", "retry", "timeout", "continue-on-error"];

/// What stands beside a `run` alone.
const BESIDE_RUN: [&str; 3] = ["env", "idempotent", "working-directory"];

/// A step before it has an id.
struct Draft {
    id: Option<Spanned<String>>,
    /// The key of its first action, where it has one.
    action: Option<Spanned<String>>,
    /// Whether it has more, which are not read.
    has_more: bool,
    step: Option<Step>,
}

impl Reader<'_> {
    /// Reads the steps of a service.
    pub(super) fn steps(&mut self, service: &str, node: &Node) -> Vec<Step> {
        let Kind::Sequence(items) = &node.kind else {
            self.wrong_type("steps", node, "a list");
            return Vec::new();
        };
        if items.is_empty() {
            let message = "a service needs at least one step";
            self.report(Diagnostic::error("missing-key", message, &node.span));
        }
        let drafts: Vec<Draft> = items.iter().map(|item| self.step(item)).collect();
        self.with_ids(service, drafts)
    }

    /// Gives each step its id: the given one, else its action, numbered where
    /// that is taken.
    fn with_ids(&mut self, service: &str, drafts: Vec<Draft>) -> Vec<Step> {
        let mut taken: HashMap<String, Span> = HashMap::new();
        for id in drafts.iter().filter_map(|draft| draft.id.as_ref()) {
            if let Some(first) = taken.get(&id.value) {
                let message = format!("two steps have the id `{}`", id.value);
                let diagnostic = Diagnostic::error("duplicate-id", message, &id.span);
                self.report(diagnostic.label("again here").also(first, "first here"));
            } else {
                taken.insert(id.value.clone(), id.span.clone());
            }
        }
        let mut ids: HashSet<String> = taken.into_keys().collect();
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut steps = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let made =
                || draft.action.as_ref().map(|action| next_id(action, &mut counts, &mut ids));
            let id = draft.id.clone().or_else(made);
            if draft.has_more {
                self.broken.entry(service.to_owned()).or_default().nameless = true;
            }
            match (draft.step, id) {
                (Some(step), Some(id)) => steps.push(Step { id, ..step }),
                (_, id) => {
                    let broken = self.broken.entry(service.to_owned()).or_default();
                    broken.nameless |= id.is_none();
                    broken.ids.extend(id.map(|id| id.value));
                }
            }
        }
        steps
    }

    fn step(&mut self, node: &Node) -> Draft {
        let nothing = Draft { id: None, action: None, has_more: false, step: None };
        if !matches!(node.kind, Kind::Mapping(_)) {
            let message = format!("a step is a mapping, not {}", node.kind.name());
            let diagnostic = Diagnostic::error("wrong-type", message, &node.span);
            self.report(diagnostic.help("a step with nothing to say is written `- push:`"));
            return nothing;
        }
        let all = [ACTIONS.as_slice(), &BESIDE, &BESIDE_RUN].concat();
        let Some(keys) = self.mapping("a step", node, &all) else { return nothing };
        let id = keys.get("id").and_then(|node| self.step_id(node));
        let action = self.only_action(&keys, node);
        let Some(action) = action else { return Draft { id, ..nothing } };
        if action.value != "run"
            && let Some(key) = keys.first_of(&BESIDE_RUN)
        {
            self.conflict(key, action, "it belongs to a `run` step");
        }
        let value = keys.get(&action.value);
        let read = value.and_then(|value| self.action(&action.value, value, &keys));
        let step = self.around(&keys, &action.value, node, read);
        let has_more = keys.count_of(&ACTIONS) > 1;
        Draft { id, action: Some(action.clone()), has_more, step }
    }

    fn step_id(&mut self, node: &Node) -> Option<Spanned<String>> {
        let id = self.word("id", node)?;
        if let Err(expected) = literal::name(&id.value) {
            self.bad_value("id", &Spanned::new(id.value.as_str(), id.span.clone()), &expected);
        }
        Some(id)
    }

    /// The one action of a step; reports none and several.
    fn only_action<'n>(&mut self, keys: &Mapping<'n>, node: &Node) -> Option<&'n Spanned<String>> {
        const ONE: &str =
            "a step has exactly one of `build`, `tag`, `push`, `deploy`, `verify`, `run`";
        let first = keys.first_of(&ACTIONS);
        let Some(first) = first else {
            if !keys.has_unknown {
                let diagnostic =
                    Diagnostic::error("no-action", "this step does nothing", &node.span);
                self.report(diagnostic.help(ONE));
            }
            return None;
        };
        let others = ACTIONS.iter().filter_map(|action| keys.key(action));
        for other in others.filter(|other| other.value != first.value) {
            let message = format!("a step cannot both `{}` and `{}`", first.value, other.value);
            let diagnostic = Diagnostic::error("two-actions", message, &other.span);
            self.report(
                diagnostic
                    .also(&first.span, format!("`{}` is here", first.value))
                    .help("make it two steps, each beginning with `- `"),
            );
        }
        Some(first)
    }

    fn action(&mut self, keyword: &str, node: &Node, keys: &Mapping<'_>) -> Option<Action> {
        match keyword {
            "build" => self.build(node).map(Action::Build),
            "tag" => self.tag(node).map(Action::Tag),
            "push" => self.push(node).map(Action::Push),
            "deploy" => self.deploy(node).map(Action::Deploy),
            "verify" => self.verify(node).map(|verify| Action::Verify(Box::new(verify))),
            _ => self.run(node, keys).map(Action::Run),
        }
    }

    fn run(&mut self, node: &Node, keys: &Mapping<'_>) -> Option<Run> {
        let script = match &node.kind {
            Kind::Sequence(items) if items.is_empty() => {
                self.report(Diagnostic::error("bad-value", "`run` has no program", &node.span));
                return None;
            }
            Kind::Sequence(_) => Script::Exec(self.list("run", node)?),
            Kind::Mapping(_) => {
                self.wrong_type("run", node, "a script, or a list of a program and its arguments");
                return None;
            }
            Kind::Null | Kind::Scalar(_) => {
                Script::Shell(self.checked("run", node, literal::not_empty)?)
            }
        };
        let working_directory =
            keys.get("working-directory").and_then(|node| self.string("working-directory", node));
        Some(Run { script, working_directory, span: node.span.clone() })
    }

    /// What stands beside an action, read even where the action could not be.
    fn around(
        &mut self,
        keys: &Mapping<'_>,
        keyword: &str,
        node: &Node,
        action: Option<Action>,
    ) -> Option<Step> {
        let name = keys.get("name").and_then(|node| self.string("name", node));
        let condition = keys.get("if").and_then(|node| self.condition(node));
        let retry = keys.get("retry").map(|node| self.retry(node));
        let retry = retry.unwrap_or_else(|| RetryPolicy::unasked(keyword));
        let timeout = self.field_or(keys, "timeout", if keyword == "run" { "60m" } else { "10m" });
        let env = keys.get("env").map(|node| self.strings_by_name("env", node, literal::variable));
        let continue_on_error = self.field_or(keys, "continue-on-error", "false");
        let idempotent = self.field_or(keys, "idempotent", "false");
        Some(Step {
            id: Spanned::new(String::new(), 0..0),
            name,
            condition,
            retry,
            timeout,
            env: env.unwrap_or_default(),
            continue_on_error,
            idempotent,
            action: action?,
            span: node.span.clone(),
        })
    }

    fn retry(&mut self, node: &Node) -> RetryPolicy {
        let default = RetryPolicy::default();
        let Some(keys) = self.mapping("`retry`", node, &["attempts", "backoff"]) else {
            return default;
        };
        let attempts = keys.get("attempts").and_then(|node| {
            let attempts: u32 = self.scalar("attempts", node)?;
            if !(1..=100).contains(&attempts) {
                let shown = attempts.to_string();
                let value = Spanned::new(shown.as_str(), node.span.clone());
                self.bad_value("attempts", &value, "expected a number from 1 to 100");
            }
            Some(attempts.max(1))
        });
        let (base, cap) = keys
            .get("backoff")
            .and_then(|node| self.backoff(node))
            .unwrap_or((default.base, default.cap));
        RetryPolicy { attempts: attempts.unwrap_or(default.attempts), base, cap }
    }

    /// `1s..30s`, or the first wait alone.
    fn backoff(&mut self, node: &Node) -> Option<(Duration, Duration)> {
        let word = self.word("backoff", node)?;
        let (base, cap) = if let Some((base, cap)) = word.value.split_once("..") {
            (Duration::read(base).ok(), Duration::read(cap).ok())
        } else {
            let base = Duration::read(&word.value).ok();
            (base, base.map(|base| base.max(RetryPolicy::default().cap)))
        };
        let waits = base.zip(cap).filter(|(base, cap)| base <= cap);
        if waits.is_none() {
            let value = Spanned::new(word.value.as_str(), word.span.clone());
            self.bad_value(
                "backoff",
                &value,
                "expected the first and the longest wait, such as `1s..30s`",
            );
        }
        waits
    }
}

/// `push`, then `push-2`, whatever is not taken.
fn next_id(
    action: &Spanned<String>,
    counts: &mut HashMap<String, usize>,
    taken: &mut HashSet<String>,
) -> Spanned<String> {
    let count = counts.entry(action.value.clone()).or_default();
    loop {
        *count += 1;
        let id = match *count {
            1 => action.value.clone(),
            more => format!("{}-{more}", action.value),
        };
        if taken.insert(id.clone()) {
            return Spanned::new(id, action.span.clone());
        }
    }
}
