//! The steps to run and their dependencies. Pure.
//!
//! Services run beside each other except where they need one another; the steps
//! of one service run in order. `--from`, `--until` and `--only` cut the plan
//! down before anything starts: what the service of `--from` needs is taken as
//! done too, and what needs the service of `--until` is left out too.

use crate::plan::diagnostic::closest;
use crate::plan::schema::{Plan, Service};
use std::collections::{HashMap, HashSet};

/// The part of a plan that the command line selects.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selection {
    /// `--from STEP`: earlier steps are taken as done. `push` is that step in every
    /// service that has it, `web.push` the one of a service.
    pub from: Option<String>,
    /// `--until STEP`: later steps are left out.
    pub until: Option<String>,
    /// `--only SERVICE`: the others are left out, and what these need is taken as
    /// done.
    pub only: Vec<String>,
}

/// The steps to run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Graph {
    /// In the plan's order; only those with a step to run, or that `--until` or `--only`
    /// leaves out.
    pub services: Vec<Node>,
}

/// A service of the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// Index among the plan's services.
    pub service: usize,
    /// Indices in [`Graph::services`] of those that it waits for.
    pub needs: Vec<usize>,
    /// Indices of its steps in the service, in order. None if it needs the service of
    /// `--until`.
    pub steps: Vec<usize>,
    /// Indices of the steps that `--until` leaves out.
    pub left_out: Vec<usize>,
    /// Whether `--only` names others: it has no steps then.
    pub is_left_out: bool,
}

impl Node {
    /// A service that `--only` leaves out.
    fn left_out(service: usize) -> Self {
        let (needs, steps, left_out) = (Vec::new(), Vec::new(), Vec::new());
        Self { service, needs, steps, left_out, is_left_out: true }
    }
}

/// A selection that does not fit the plan.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectionError {
    #[error("`{option} {name}`: there is no such step")]
    UnknownStep { option: &'static str, name: String, known: Vec<String> },
    #[error("`--only {name}`: there is no such service")]
    UnknownService { name: String, known: Vec<String> },
    #[error("nothing is left to run: `--from` stands after `--until`")]
    Nothing,
}

impl SelectionError {
    /// The nearest name, or all names.
    pub fn help(&self) -> Option<String> {
        let (name, known, what) = match self {
            Self::UnknownStep { name, known, .. } => (name, known, "steps"),
            Self::UnknownService { name, known } => (name, known, "services"),
            Self::Nothing => return None,
        };
        let near = closest(name, known.iter().map(String::as_str)).map(str::to_owned);
        let near = near.or_else(|| {
            let bare = known.iter().filter_map(|id| id.rsplit('.').next());
            closest(name, bare).map(str::to_owned)
        });
        Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its {what} are {}", listed(known)),
        })
    }
}

fn listed(known: &[String]) -> String {
    let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Graph {
    /// The steps that a selection leaves of a plan.
    pub fn of(plan: &Plan, selection: &Selection) -> Result<Self, Vec<SelectionError>> {
        let cut = Cut { plan, selection };
        let errors = cut.errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        let graph = cut.graph();
        let runs_nothing = graph.services.iter().all(|node| node.steps.is_empty());
        if runs_nothing { Err(vec![SelectionError::Nothing]) } else { Ok(graph) }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Needs,
    NeededBy,
}

struct Cut<'a> {
    plan: &'a Plan,
    selection: &'a Selection,
}

impl Cut<'_> {
    fn errors(&self) -> Vec<SelectionError> {
        let mut errors = Vec::new();
        let ends = [("--from", &self.selection.from), ("--until", &self.selection.until)];
        for (option, name) in ends {
            let Some(name) = name else { continue };
            if !(0..self.plan.services.len()).any(|service| self.find(service, name).is_some()) {
                let known = self.steps();
                errors.push(SelectionError::UnknownStep { option, name: name.clone(), known });
            }
        }
        for name in &self.selection.only {
            if self.plan.services.get(name).is_none() {
                let known = self.plan.services.keys().map(str::to_owned).collect();
                errors.push(SelectionError::UnknownService { name: name.clone(), known });
            }
        }
        errors
    }

    fn graph(&self) -> Graph {
        let from = self.ends(self.selection.from.as_deref());
        let until = self.ends(self.selection.until.as_deref());
        let done = self.beyond(&from, Direction::Needs);
        let left_out = self.beyond(&until, Direction::NeededBy);
        let only: HashSet<&str> = self.selection.only.iter().map(String::as_str).collect();
        let mut services = Vec::new();
        let mut places = HashMap::new();
        for (service, (name, definition)) in self.plan.services.iter().enumerate() {
            let named = only.is_empty() || only.contains(name.value.as_str());
            if !named {
                services.push(Node::left_out(service));
                continue;
            }
            if done.contains(&service) {
                continue;
            }
            let all = definition.steps.len();
            let first = from.get(&service).copied().unwrap_or(0);
            let last = match until.get(&service) {
                Some(last) => last + 1,
                None if left_out.contains(&service) => first,
                None => all,
            };
            if first < last || left_out.contains(&service) {
                places.insert(name.value.as_str(), services.len());
                let (steps, left_out) = ((first..last).collect(), (last..all).collect());
                services.push(Node {
                    steps,
                    left_out,
                    is_left_out: false,
                    ..Node::left_out(service)
                });
            }
        }
        for node in services.iter_mut().filter(|node| !node.is_left_out) {
            node.needs = self.needs(node.service, &places);
        }
        Graph { services }
    }

    /// The places of what a service needs. For one that is left out stand those that it
    /// needs itself.
    fn needs(&self, service: usize, places: &HashMap<&str, usize>) -> Vec<usize> {
        let needs = self.neighbours(Direction::Needs);
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting: Vec<usize> = needs[service].iter().rev().copied().collect();
        while let Some(need) = waiting.pop() {
            if !seen.insert(need) {
                continue;
            }
            match places.get(self.plan.services.0[need].0.value.as_str()) {
                Some(place) => found.push(*place),
                None => waiting.extend(needs[need].iter().rev()),
            }
        }
        found
    }

    /// The steps that an option names, by the indices of their services.
    fn ends(&self, name: Option<&str>) -> HashMap<usize, usize> {
        let Some(name) = name else { return HashMap::new() };
        let services = 0..self.plan.services.len();
        services.filter_map(|service| Some((service, self.find(service, name)?))).collect()
    }

    /// All services on one side of those that are cut, without these.
    fn beyond(&self, cut: &HashMap<usize, usize>, direction: Direction) -> HashSet<usize> {
        if cut.is_empty() {
            return HashSet::new();
        }
        let next = self.neighbours(direction);
        let mut found = HashSet::new();
        let mut waiting: Vec<usize> = cut.keys().copied().collect();
        while let Some(service) = waiting.pop() {
            waiting.extend(next[service].iter().filter(|other| found.insert(**other)));
        }
        found.retain(|service| !cut.contains_key(service));
        found
    }

    fn neighbours(&self, direction: Direction) -> Vec<Vec<usize>> {
        let places: HashMap<&str, usize> =
            self.plan.services.keys().enumerate().map(|(at, name)| (name, at)).collect();
        let mut next = vec![Vec::new(); self.plan.services.len()];
        let needs = |service: &'_ Service| -> Vec<usize> {
            let names = service.needs.iter();
            names.filter_map(|need| places.get(need.value.as_str()).copied()).collect()
        };
        for (at, (_, service)) in self.plan.services.iter().enumerate() {
            for need in needs(service) {
                match direction {
                    Direction::Needs => next[at].push(need),
                    Direction::NeededBy => next[need].push(at),
                }
            }
        }
        next
    }

    /// The index of a step in a service, by its bare id or by `service.step`. `None`
    /// for a service without such a step, which is not cut.
    fn find(&self, service: usize, name: &str) -> Option<usize> {
        let (of, definition) = &self.plan.services.0[service];
        let bare = match name.split_once('.') {
            Some((asked, step)) if asked == of.value => step,
            Some(_) => return None,
            None => name,
        };
        definition.steps.iter().position(|step| step.id.value == bare)
    }

    fn steps(&self) -> Vec<String> {
        let mut known = Vec::new();
        for (name, service) in self.plan.services.iter() {
            for step in &service.steps {
                let id = &step.id.value;
                let shown = if self.plan.services.is_single {
                    id.clone()
                } else {
                    format!("{}.{id}", name.value)
                };
                known.push(shown);
            }
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, Selection};
    use crate::plan::read;

    const PLAN: &str = "
name: shop
services:
  web:
    needs: [db]
    steps: [{ build: . }, { tag: 'a.io/web:v1' }, { push: }, { id: tell, run: x }]
  docs:
    steps: [{ build: . }, { tag: 'a.io/docs:v1' }, { push: }]
  db:
    steps: [{ run: ./migrate }]
";

    /// Services with what they wait for and their steps.
    fn shown(selection: &Selection) -> Result<String, String> {
        let plan = read(PLAN).plan.expect("a plan without a mistake");
        let graph = Graph::of(&plan, selection).map_err(|errors| {
            let told = errors.iter().map(|error| match error.help() {
                Some(help) => format!("{error}; {help}"),
                None => error.to_string(),
            });
            told.collect::<Vec<_>>().join("\n")
        })?;
        let service = |node: &super::Node| &plan.services.0[node.service];
        let lines = graph.services.iter().map(|node| {
            if node.is_left_out {
                return format!("{} left out", service(node).0.value);
            }
            let needs =
                node.needs.iter().map(|need| service(&graph.services[*need]).0.value.as_str());
            let steps = node.steps.iter().map(|at| service(node).1.steps[*at].id.value.as_str());
            let list = |names: Vec<&str>| names.join(" ");
            let left_out =
                node.left_out.iter().map(|at| service(node).1.steps[*at].id.value.as_str());
            let left_out: String = left_out.flat_map(|id| [" -", id]).collect();
            format!(
                "{} [{}] {}{left_out}",
                service(node).0.value,
                list(needs.collect()),
                list(steps.collect())
            )
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    fn chosen(from: &str, until: &str, only: &[&str]) -> Result<String, String> {
        let some = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        shown(&Selection { from: some(from), until: some(until), only })
    }

    #[test]
    fn all_of_it_in_the_order_of_the_plan() {
        let all = "web [db] build tag push tell\ndocs [] build tag push\ndb [] run";
        assert_eq!(chosen("", "", &[]).as_deref(), Ok(all));
    }

    #[test]
    fn some_services_with_what_they_need_taken_as_done() {
        let web = "web [] build tag push tell\ndocs left out\ndb left out";
        assert_eq!(chosen("", "", &["web"]).as_deref(), Ok(web));
        assert_eq!(
            chosen("", "", &["db", "web"]).as_deref(),
            Ok("web [db] build tag push tell\ndocs left out\ndb [] run")
        );
    }

    #[test]
    fn service_waits_for_those_behind_one_that_is_left_out() {
        let plan = "name: chain\nservices:\n  a: { steps: [{ run: a }] }\n  \
                    b: { needs: [a], steps: [{ run: b }] }\n  c: { needs: [b], steps: [{ run: c }] }\n";
        let plan = crate::plan::read(plan).plan.expect("a plan");
        let only = ["a", "c"].map(str::to_owned).to_vec();
        let graph = Graph::of(&plan, &Selection { only, ..Selection::default() }).expect("a graph");
        let needs: Vec<&[usize]> =
            graph.services.iter().map(|node| node.needs.as_slice()).collect();
        assert_eq!(needs, [&[][..], &[], &[0]]);
    }

    #[test]
    fn from_and_until_a_step() {
        let until = "web [db] build tag push -tell\ndocs [] build tag push\ndb [] run";
        assert_eq!(chosen("", "push", &[]).as_deref(), Ok(until));
        let until = "web [db] build -tag -push -tell\ndocs [] build tag push\ndb [] run";
        assert_eq!(chosen("", "web.build", &[]).as_deref(), Ok(until));
        let until = "web [db]  -build -tag -push -tell\ndocs [] build tag push\ndb [] run";
        assert_eq!(chosen("", "run", &[]).as_deref(), Ok(until));
        let from = "web [] push tell\ndocs [] push";
        assert_eq!(chosen("push", "", &[]).as_deref(), Ok(from));
        assert_eq!(
            chosen("web.tag", "web.push", &["web"]).as_deref(),
            Ok("web [] tag push -tell\ndocs left out\ndb left out")
        );
        assert_eq!(
            chosen("push", "push", &["docs"]).as_deref(),
            Ok("web left out\ndocs [] push\ndb left out")
        );
    }

    #[test]
    fn what_is_not_there() {
        let told = |result: Result<String, String>| result.expect_err("nothing of the plan");
        assert_eq!(
            told(chosen("psuh", "zzz", &["wbe"])),
            "`--from psuh`: there is no such step; did you mean `push`?\n\
             `--until zzz`: there is no such step; its steps are `web.build`, `web.tag`, `web.push`, \
             `web.tell`, `docs.build`, `docs.tag`, `docs.push`, `db.run`\n\
             `--only wbe`: there is no such service; did you mean `web`?"
        );
        assert_eq!(
            told(chosen("", "web.pusj", &[])),
            "`--until web.pusj`: there is no such step; did you mean `web.push`?"
        );
        assert_eq!(
            told(chosen("web.push", "web.build", &["web"])),
            "nothing is left to run: `--from` stands after `--until`"
        );
    }
}
