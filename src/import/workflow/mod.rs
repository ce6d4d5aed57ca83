//! Workflows of GitHub Actions: each job is a service.

mod action;
pub mod expression;
mod metadata;
pub mod scope;
mod triggers;

use super::names::kebab;
use super::plan::PlanBuilder;
use super::script::{self, Script};
use super::service::ServiceBuilder;
use super::yaml::Yaml;
use crate::draft::{Node, ServiceDraft, StepDraft};
use action::Action;
use scope::{Scope, Use};
use std::collections::BTreeMap;

/// A matrix of more combinations is better written by hand.
const MAX_COMBINATIONS: usize = 12;

/// The tools that a runner is set up with stay in the workflow, and with them what differs.
const SAME_STEPS: &str = "combinations of the matrix have the same steps, of which the plan has one \
                          service: what differs, such as the version of a tool, is left to the \
                          workflow";

/// What the jobs of a workflow share.
struct Workflow<'y> {
    document: &'y Yaml,
    /// Outputs of jobs, by job and name.
    jobs: BTreeMap<(String, String), String>,
}

/// One job with one combination of its matrix.
struct Job<'y> {
    id: &'y str,
    job: &'y Yaml,
    matrix: BTreeMap<String, String>,
}

pub fn import(document: &Yaml, plan: &mut PlanBuilder) {
    triggers::import(document.get("on"), plan);
    let mut workflow = Workflow { document, jobs: BTreeMap::new() };
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, job) in document.get("jobs").entries() {
        if let Some(called) = job.get("uses").text() {
            plan.needs_you(job.line, format!("the workflow `{called}` that the job `{id}` calls was left out: import it by itself"));
            continue;
        }
        note_job(job, plan);
        let needs: Vec<String> = job
            .get("needs")
            .texts()
            .into_iter()
            .flat_map(|need| services.get(need).cloned().unwrap_or_default())
            .collect();
        let mut known: Vec<Vec<StepDraft>> = Vec::new();
        for matrix in combinations(job, plan) {
            let suffix = suffix(&matrix);
            let name = kebab(&format!("{id}{suffix}"));
            let steps = workflow.job(&Job { id, job, matrix }, plan);
            if !steps.is_empty() && known.contains(&steps) {
                let matrix = job.get("strategy").get("matrix");
                plan.needs_you(matrix.line, SAME_STEPS);
            } else if !steps.is_empty() {
                known.push(steps.clone());
                services.entry(id.clone()).or_default().push(name.clone());
                plan.services.push(ServiceDraft { name, needs: needs.clone(), steps });
            } else if !needs.is_empty() {
                // Who waits for this job waits for those that it waits for.
                services.entry(id.clone()).or_default().extend(needs.clone());
            }
        }
    }
    for service in &mut plan.services {
        service.needs.dedup();
    }
}

fn note_job(job: &Yaml, plan: &mut PlanBuilder) {
    let environment = job.get("environment");
    let name = environment.text().or_else(|| environment.get("name").text());
    if let Some(name) = name {
        plan.changed(environment.line, format!("`environment: {name}` stays in the job that runs Shipway, for its approvals and variables"));
    }
    for key in ["timeout-minutes", "continue-on-error"] {
        if job.has(key) {
            plan.changed(
                job.get(key).line,
                format!("`{key}` of the job stays in the job that runs Shipway"),
            );
        }
    }
    for key in ["container", "services"] {
        if job.has(key) {
            plan.needs_you(
                job.get(key).line,
                format!(
                    "`{key}` of the job has no counterpart: the steps run on the machine itself"
                ),
            );
        }
    }
}

/// The combinations of a matrix; one without values where there is no matrix.
fn combinations(job: &Yaml, plan: &mut PlanBuilder) -> Vec<BTreeMap<String, String>> {
    let matrix = job.get("strategy").get("matrix");
    let mut all = vec![BTreeMap::new()];
    if matrix.is_null() {
        return all;
    }
    for (name, values) in
        matrix.entries().iter().filter(|(name, _)| !["include", "exclude"].contains(&name.as_str()))
    {
        let values = values.texts();
        if all.len() * values.len() > MAX_COMBINATIONS {
            all.clear();
            break;
        }
        let extended = all.iter().flat_map(|known: &BTreeMap<String, String>| {
            values.iter().map(move |value| {
                let mut known = known.clone();
                known.insert(name.clone(), (*value).to_owned());
                known
            })
        });
        all = extended.collect();
    }
    let included = matrix.get("include").items().iter().map(|item| {
        let entries = item.entries().iter();
        entries.filter_map(|(name, value)| Some((name.clone(), value.text()?.to_owned()))).collect()
    });
    let included: Vec<BTreeMap<String, String>> = included.collect();
    if all == [BTreeMap::new()] && !included.is_empty() {
        all = included;
    } else if !included.is_empty() || matrix.has("exclude") {
        plan.needs_you(matrix.line, "`include` and `exclude` of the matrix were left out");
    }
    if all.is_empty() || all.len() > MAX_COMBINATIONS || all == [BTreeMap::new()] {
        plan.needs_you(
            matrix.line,
            "the matrix was left out: write a service for each combination",
        );
        return vec![BTreeMap::new()];
    }
    all
}

/// What tells the services of a matrix apart: the values that are words, else all.
fn suffix(matrix: &BTreeMap<String, String>) -> String {
    let is_word = |value: &&String| value.parse::<f64>().is_err();
    let has_word = matrix.values().any(|value| is_word(&value));
    let told = matrix.values().filter(|value| !has_word || is_word(value));
    told.flat_map(|value| ["-", value.as_str()]).collect()
}

impl Workflow<'_> {
    fn job(&mut self, job: &Job<'_>, plan: &mut PlanBuilder) -> Vec<StepDraft> {
        let mut needed = std::mem::take(&mut plan.needed);
        let mut scope = Scope::new(&mut needed);
        scope.matrix.clone_from(&job.matrix);
        scope.jobs.clone_from(&self.jobs);
        for source in [self.document.get("env"), job.job.get("env")] {
            scope.env.extend(texts(source));
        }
        let mut service = ServiceBuilder::default();
        let mut importer = JobImporter {
            scope: &mut scope,
            service: &mut service,
            plan,
            condition: None,
            folder: self.folder(job),
        };
        importer.condition = importer.condition(job.job.get("if"));
        for step in job.job.get("steps").items() {
            importer.step(step);
        }
        let steps = service.finish();
        for (name, value) in job.job.get("outputs").entries() {
            let Some(value) = value.text() else { continue };
            // Converted here, since it names steps of this job.
            if let Ok(text) = expression::text(value, Use::Name, &mut scope) {
                let source = scope::Fact::of_text(&text).as_source();
                self.jobs.insert((job.id.to_owned(), name.clone()), source);
            }
        }
        plan.needed = needed;
        steps
    }

    fn folder(&self, job: &Job<'_>) -> Option<String> {
        let of = |yaml: &Yaml| {
            yaml.get("defaults").get("run").get("working-directory").text().map(str::to_owned)
        };
        of(job.job).or_else(|| of(self.document))
    }
}

/// A mapping of texts.
fn texts(mapping: &Yaml) -> impl Iterator<Item = (String, String)> {
    mapping
        .entries()
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.text()?.to_owned())))
}

struct JobImporter<'a, 'n> {
    scope: &'a mut Scope<'n>,
    service: &'a mut ServiceBuilder,
    plan: &'a mut PlanBuilder,
    /// The condition of the whole job.
    condition: Option<String>,
    folder: Option<String>,
}

impl JobImporter<'_, '_> {
    fn step(&mut self, step: &Yaml) {
        let own: BTreeMap<String, String> = texts(step.get("env")).collect();
        let before = self.scope.env.clone();
        self.scope.env.extend(own.clone());
        let condition = self.condition(step.get("if"));
        self.service.set_condition(condition.clone());
        // Steps are told apart only where they have to be, so that pushes join.
        let has_settings = step.has("continue-on-error") || step.has("timeout-minutes");
        let first = if has_settings { self.service.flushed() } else { 0 };
        if let Some(uses) = step.get("uses").text() {
            let action = Action {
                uses,
                inputs: step.get("with"),
                line: step.line,
                id: step.get("id").text(),
                condition,
            };
            action.import(self.scope, self.service, self.plan);
        } else if step.has("run") {
            self.run(step, condition, &own);
        }
        self.settings(step, first);
        // What the script has written to `GITHUB_ENV` stays.
        let written = std::mem::take(&mut self.scope.env);
        let is_kept = |name: &String| !own.contains_key(name) || before.contains_key(name);
        let kept = written.into_iter().filter(|(name, _)| is_kept(name));
        self.scope.env = kept.collect();
        for name in own.keys() {
            if let Some(value) = before.get(name) {
                self.scope.env.insert(name.clone(), value.clone());
            }
        }
    }

    /// What a step says beside its action, for all steps that it became.
    fn settings(&mut self, step: &Yaml, first: usize) {
        let may_fail = step.get("continue-on-error");
        match may_fail.text() {
            None | Some("false") => {}
            Some("true") => self.service.set_key(first, "continue-on-error", &Node::plain(true)),
            Some(other) => {
                let text =
                    format!("`continue-on-error: {other}` has no counterpart, and was left out");
                self.plan.needs_you(may_fail.line, text);
            }
        }
        let timeout = step.get("timeout-minutes");
        let Some(minutes) = timeout.text() else { return };
        if minutes.parse::<u32>().is_ok() {
            self.service.set_key(first, "timeout", &Node::text(format!("{minutes}m")));
        } else {
            let text = format!("`timeout-minutes: {minutes}` was left out: write it as `timeout`");
            self.plan.needs_you(timeout.line, text);
        }
    }

    fn run(&mut self, step: &Yaml, condition: Option<String>, own: &BTreeMap<String, String>) {
        let run = step.get("run");
        let Some(text) = run.text() else { return };
        let shell = step.get("shell").text().unwrap_or("bash");
        if !["bash", "sh"].contains(&shell.split(' ').next().unwrap_or_default()) {
            self.plan.needs_you(
                step.line,
                format!("a step in `{shell}` was left out: write it for bash, or call a program"),
            );
            return;
        }
        let folder =
            step.get("working-directory").text().map(str::to_owned).or_else(|| self.folder.clone());
        let script = Script {
            text,
            // A block begins on the line after its key.
            line: run.line + usize::from(text.contains('\n')),
            id: step.get("id").text(),
            name: step.get("name").text(),
            folder: folder.as_deref(),
            condition,
            continue_on_error: step.get("continue-on-error").text() == Some("true"),
            env: own.clone(),
        };
        script::import(&script, self.scope, self.service, self.plan);
    }

    /// A condition, together with that of the job.
    fn condition(&mut self, condition: &Yaml) -> Option<String> {
        let own = condition.text().and_then(|source| {
            let converted = expression::condition(source, self.scope);
            if let Err(missing) = &converted {
                self.plan.needs_you(
                    condition.line,
                    format!(
                        "the condition was left out: `{}` has no counterpart in a plan",
                        missing.0
                    ),
                );
            }
            converted.ok()
        });
        match (self.condition.clone(), own) {
            (Some(job), Some(own)) => Some(format!("({job}) && ({own})")),
            (job, own) => own.or(job),
        }
    }
}
