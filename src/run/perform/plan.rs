//! The plan of a run, and what steps ask of it.

use super::key_files::{CommitFile, KeyFiles};
use super::source::PlanSource;
use crate::event::StepId;
use crate::oci::Digest;
use crate::plan::expr::Scope;
use crate::plan::expr::contexts::Site;
use crate::plan::schema::{Action, Azure, Plan, Registry, Service, Step, Template, Verify};
use crate::plan::{AskedDeploy, Found, PlanKeys as _, Visit};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// SHA-256 of what the plan, whose text this is, says of a step: its own lines, and the
/// settings that steps of its action use.
pub fn digest_of_step(plan: &Plan, text: &str, step: &Step) -> String {
    let mut said = vec![text.get(step.span.clone()).unwrap_or_default().to_owned()];
    let mut add = |found: Found<'_>| {
        let spelled = match found.template {
            Template::Text(text) => &*text.source,
            Template::Condition(condition) => &*condition.source,
        };
        said.push(format!("{}={spelled}", found.place.key));
    };
    match step.action {
        Action::Deploy(_) => {
            if let Some(azure) = &plan.azure {
                azure.visit_keys(&mut Visit::new(Site::Azure, &mut add));
            }
        }
        Action::Run(_) => {
            let variables =
                plan.env.iter().map(|(name, text)| format!("{}={}", name.value, text.source));
            said.extend(variables);
        }
        Action::Build(_) | Action::Tag(_) | Action::Push(_) | Action::Verify(_) => {}
    }
    Digest::of(said.join("\n").as_bytes()).to_string()
}

/// The plan, its text, and the steps that were chosen.
#[derive(Clone)]
pub struct RunPlan {
    pub parsed: Arc<Plan>,
    pub source: PlanSource,
    /// The folder of the plan's file.
    pub folder: PathBuf,
    /// The commit that the plan was read from, instead of what is checked out.
    pub commit_file: Option<CommitFile>,
    /// The contexts that stay the same during the whole run.
    pub scope: Scope,
    /// The steps to be run, by indices of service and step.
    pub chosen: BTreeSet<(usize, usize)>,
}

impl RunPlan {
    /// Whether a chosen step runs a program of the user's, which may change anything.
    pub fn runs_programs(&self) -> bool {
        let mut steps = self.chosen.iter().map(|&(service, place)| self.step(service, place));
        steps.any(|step| matches!(step.action, Action::Run(_)))
    }

    /// The folder that relative paths of a service start from: that of the file in which it
    /// stands.
    pub fn folder_of(&self, service: usize) -> PathBuf {
        self.folder.join(self.below_plan(service))
    }

    /// The same, relative to the folder of the plan.
    fn below_plan(&self, service: usize) -> &str {
        let (name, _) = &self.parsed.services.0[service];
        self.source.0.folder_of(&name.span)
    }

    /// The files that a service may name as keys.
    pub fn key_files(&self, service: usize) -> KeyFiles {
        KeyFiles {
            plan_folder: self.folder.clone(),
            below_plan: self.below_plan(service).into(),
            commit: self.commit_file.clone(),
        }
    }

    /// A step by its indices.
    pub fn step(&self, service: usize, place: usize) -> &Step {
        &self.service(service).steps[place]
    }

    /// SHA-256 of what the plan says of a step, by its indices.
    pub fn digest_of_step(&self, (service, place): (usize, usize)) -> String {
        digest_of_step(&self.parsed, self.source.0.text(), self.step(service, place))
    }

    /// The steps of a service after `place`, and whether each was chosen.
    pub fn later_steps(&self, service: usize, place: usize) -> impl Iterator<Item = (bool, &Step)> {
        let steps = self.service(service).steps.iter().enumerate().skip(place + 1);
        steps.map(move |(place, step)| (self.chosen.contains(&(service, place)), step))
    }

    /// The checks after a step that ask what the service's last deploy before it, or the
    /// step itself, deploys, up to the next deploy, and whether each is chosen.
    pub fn later_checks(
        &self,
        service: usize,
        place: usize,
    ) -> impl Iterator<Item = (bool, &Step, &Verify)> {
        let of = self.service(service);
        let deploys = of.deploys().take_while(move |(deploy, _)| *deploy <= place);
        let deploy = deploys.last().map(|(_, id)| id);
        let later = self.later_steps(service, place);
        let own = later.take_while(|(_, step)| !matches!(step.action, Action::Deploy(_)));
        own.filter_map(move |(is_chosen, step)| match &step.action {
            Action::Verify(verify) => {
                let asked = AskedDeploy::of(of, verify);
                let asks_it = deploy.is_none_or(|deploy| asked.is_of(deploy, true));
                asks_it.then_some((is_chosen, step, verify.as_ref()))
            }
            _ => None,
        })
    }

    pub fn service(&self, service: usize) -> &Service {
        &self.parsed.services.0[service].1
    }

    pub fn service_name(&self, service: usize) -> String {
        self.parsed.services.0[service].0.value.clone()
    }

    /// The service's part of its steps' ids: empty where the plan has no
    /// `services`.
    pub fn step_service(&self, service: usize) -> String {
        if self.parsed.services.is_single { String::new() } else { self.service_name(service) }
    }

    /// The indices of the services that a service needs.
    pub fn needs(&self, service: usize) -> Vec<usize> {
        let find = |name: &str| self.parsed.services.keys().position(|known| known == name);
        self.service(service).needs.iter().filter_map(|need| find(&need.value)).collect()
    }

    /// The id and the keyword of each step of a service.
    pub fn actions(&self, service: usize) -> impl Iterator<Item = (StepId, &'static str)> {
        let name = self.step_service(service);
        self.service(service).steps.iter().map(move |step| {
            let id = StepId { service: name.clone(), step: step.id.value.clone() };
            (id, step.action.keyword())
        })
    }

    pub fn azure(&self) -> Option<&Azure> {
        self.parsed.azure.as_ref()
    }

    /// The settings of a registry by its host.
    pub fn registry(&self, host: &str) -> Option<&Registry> {
        self.parsed.registries.get(host)
    }

    /// Whether the plan creates the registry where it does not exist.
    pub fn creates_registry(&self, host: &str) -> bool {
        self.registry(host).is_some_and(|registry| registry.create.is_some())
    }
}
