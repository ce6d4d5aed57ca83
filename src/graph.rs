//! Which steps are to be run, and what waits for what. Pure.
//!
//! Services run beside each other except where they need one another; the steps
//! of one service run in order. `--from`, `--until` and `--only` cut the plan
//! down before anything starts.

use crate::plan::schema::Plan;
use std::collections::{HashMap, HashSet};

/// What the command line says is to be run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selection {
    /// `--from STEP`: what stands before it is taken to be done.
    pub from: Option<String>,
    /// `--until STEP`: what stands after it is left out.
    pub until: Option<String>,
    /// `--only SERVICE`: the others are left out, and what these need is taken
    /// to be there.
    pub only: Vec<String>,
}

/// The steps to run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Graph {
    /// In the plan's order; only those with a step to run.
    pub services: Vec<Node>,
}

/// One service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// Its place among the plan's services.
    pub service: usize,
    /// Places in [`Graph::services`] of those that it waits for.
    pub needs: Vec<usize>,
    /// Places of its steps in the service, in order.
    pub steps: Vec<usize>,
}

/// A selection that names what is not there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// No step has this id.
    #[error("`{option} {name}`: no step is called so")]
    UnknownStep {
        /// `--from` or `--until`.
        option: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No service has this name.
    #[error("`--only {name}`: no service is called so")]
    UnknownService {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Nothing is left.
    #[error("nothing is left to run: `--from` stands after `--until`")]
    Nothing,
}

impl SelectionError {
    /// What there is instead.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownStep { known, .. } => Some(format!("its steps are {}", listed(known))),
            Self::UnknownService { known, .. } => {
                Some(format!("its services are {}", listed(known)))
            }
            Self::Nothing => None,
        }
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Graph {
    /// The steps that a selection leaves.
    pub fn of(plan: &Plan, selection: &Selection) -> Result<Self, Vec<SelectionError>> {
        let cut = Cut { plan, selection };
        let errors = cut.errors();
        if !errors.is_empty() {
            return Err(errors);
        }
        let graph = cut.graph();
        if graph.services.is_empty() { Err(vec![SelectionError::Nothing]) } else { Ok(graph) }
    }
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
        let only: HashSet<&str> = self.selection.only.iter().map(String::as_str).collect();
        let mut services = Vec::new();
        let mut places = HashMap::new();
        for (service, (name, definition)) in self.plan.services.iter().enumerate() {
            if !only.is_empty() && !only.contains(name.value.as_str()) {
                continue;
            }
            let end =
                |name: &Option<String>| name.as_deref().and_then(|name| self.find(service, name));
            let first = end(&self.selection.from).unwrap_or(0);
            let last = end(&self.selection.until).map_or(definition.steps.len(), |last| last + 1);
            if first < last {
                places.insert(name.value.as_str(), services.len());
                let steps = (first..last).collect();
                services.push(Node { service, needs: Vec::new(), steps });
            }
        }
        for node in &mut services {
            let (_, definition) = &self.plan.services.0[node.service];
            let needs = definition.needs.iter();
            node.needs =
                needs.filter_map(|need| places.get(need.value.as_str()).copied()).collect();
        }
        Graph { services }
    }

    /// The place of a step in a service: by its bare id, or by `service.step`.
    /// A service that has no such step is not cut.
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
                let shown =
                    if self.plan.single { id.clone() } else { format!("{}.{id}", name.value) };
                known.push(shown);
            }
        }
        known
    }
}
