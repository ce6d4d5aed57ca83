//! The values that an argument can have: those that it lists, names of the plan found
//! here, runs, or paths.

use super::candidate::Candidate;
use super::cursor::Cursor;
use crate::cli::plan_file::PlanFile;
use crate::cli::plan_search::default_plan;
use crate::plan::expr::FUNCTIONS;
use crate::plan::expr::contexts::{CONTEXTS, Members};
use crate::plan::schema::Plan;
use crate::value::REGIONS;
use clap::Arg;
use clap::builder::Str;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What an argument can be.
#[derive(Default)]
pub struct Values {
    pub candidates: Vec<Candidate>,
    /// `files` or `folders`, where the shell is to offer paths.
    pub paths: Option<&'static str>,
}

/// The plan that the command line names, as far as it can be read.
pub struct PlanNames {
    file: Option<PlanFile>,
    state: PathBuf,
}

impl PlanNames {
    pub fn new(cursor: &Cursor<'_>) -> Self {
        let named = cursor.plan.as_deref().unwrap_or(default_plan());
        // Standard input is not the plan's here.
        let file = Some(named).filter(|name| *name != "-");
        let file = file.and_then(|name| PlanFile::open(Path::new(name)).ok());
        let beside = || file.as_ref().map_or_else(PathBuf::new, |file| file.folder.clone());
        let state = match &cursor.state_dir {
            Some(state) => PathBuf::from(state),
            None => beside().join(".shipway"),
        };
        Self { file, state }
    }

    fn plan(&self) -> Option<&Plan> {
        self.file.as_ref()?.known_plan()
    }

    fn environments(&self) -> Vec<Candidate> {
        named(self.plan().map(|plan| plan.environments.keys()), "environment of the plan")
    }

    fn services(&self) -> Vec<Candidate> {
        named(self.plan().map(|plan| plan.services.keys()), "service of the plan")
    }

    fn secrets(&self) -> Vec<Candidate> {
        let names = self.plan().map(|plan| {
            let declared = plan.all_secrets().map(|(name, _)| name.value.as_str());
            declared.collect::<BTreeSet<_>>().into_iter()
        });
        named(names, "secret of the plan")
    }

    fn variables(&self) -> Vec<Candidate> {
        let Some(plan) = self.plan() else { return Vec::new() };
        let of_environments = plan.environments.iter().flat_map(|(_, one)| one.vars.keys());
        let mut names: Vec<&str> = Vec::new();
        for name in plan.vars.keys().chain(of_environments) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = names.into_iter().map(|name| format!("{name}="));
        names.map(|name| Candidate::new(name, "variable of the plan")).collect()
    }

    /// The ids of steps; with their service where the plan has several.
    fn steps(&self) -> Vec<Candidate> {
        let Some(plan) = self.plan() else { return Vec::new() };
        let several = plan.services.len() > 1;
        let mut steps = Vec::new();
        for (service, definition) in plan.services.iter() {
            for step in &definition.steps {
                let id = &step.id.value;
                let name = if several { format!("{}.{id}", service.value) } else { id.clone() };
                steps.push(Candidate::new(name, format!("{} step", step.action.keyword())));
            }
        }
        steps
    }

    /// The runs whose state is on this machine, the newest first.
    fn runs(&self) -> Vec<Candidate> {
        let entries = std::fs::read_dir(self.state.join("runs")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names.reverse();
        names.into_iter().map(|name| Candidate::new(name, "run")).collect()
    }
}

/// The values of an argument of a command.
pub fn of(argument: &Arg, cursor: &Cursor<'_>, names: &PlanNames) -> Values {
    let listed = argument.get_possible_values();
    if !listed.is_empty() {
        let listed = listed.iter().filter(|value| !value.is_hide_set());
        let candidates = listed.map(|value| {
            let about = value.get_help().map(ToString::to_string).unwrap_or_default();
            Candidate::new(value.get_name(), about)
        });
        return Values { candidates: candidates.collect(), paths: None };
    }
    let id = argument.get_id().as_str();
    let name = argument.get_value_names().and_then(|names| names.first());
    let kind = name.map_or("", Str::as_str);
    let (candidates, paths) = match (kind, id) {
        (_, "env") => (names.environments(), None),
        ("SERVICE" | "SERVICE[/CONTAINER]", _) => (names.services(), None),
        ("STEP", _) => (names.steps(), None),
        ("NAME=VALUE", _) => (names.variables(), None),
        ("NAME[=VARIABLE]", _) => (names.secrets(), None),
        (_, "name") if cursor.command.get_name() == "set" => (names.secrets(), None),
        ("RUN", _) => (names.runs(), None),
        ("REGION", _) => (named(Some(REGIONS.into_iter()), "region"), None),
        ("EVENT", _) => {
            let events = ["push", "pull_request"].map(|event| Candidate::new(event, "event"));
            (events.to_vec(), Some("files"))
        }
        ("EXPRESSION", _) => (expressions(names), None),
        ("FILE" | "PLAN", _) => (Vec::new(), Some("files")),
        ("FOLDER", _) => (Vec::new(), Some("folders")),
        _ => (Vec::new(), None),
    };
    Values { candidates, paths }
}

fn named<'n>(names: Option<impl Iterator<Item = &'n str>>, about: &str) -> Vec<Candidate> {
    names.into_iter().flatten().map(|name| Candidate::new(name, about)).collect()
}

/// What an expression can begin with.
fn expressions(names: &PlanNames) -> Vec<Candidate> {
    let mut found = Vec::new();
    for context in &CONTEXTS {
        match context.members {
            Members::Closed(members) => {
                found.extend(members.iter().map(|member| {
                    Candidate::new(format!("{}.{member}", context.name), context.about)
                }));
            }
            Members::Declared if context.name == "vars" => {
                let variables = names.variables().into_iter();
                found.extend(variables.map(|name| {
                    let name = name.value.trim_end_matches('=').to_owned();
                    Candidate::new(format!("vars.{name}"), context.about)
                }));
            }
            // What only a run knows is refused by `eval`.
            Members::Declared => {}
            Members::Open => {
                found.push(Candidate::new(format!("{}.", context.name), context.about));
            }
        }
    }
    let functions = FUNCTIONS.iter().filter(|(_, function)| !function.is_status());
    found.extend(functions.map(|(name, _)| Candidate::new(*name, "function")));
    found
}
