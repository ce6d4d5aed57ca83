//! Makes a plan of files that deploy in another way: workflows, scripts, compose files,
//! container groups as YAML, templates of Resource Manager.
//!
//! [`import`] is a function of the text: the plan it makes is a draft for a person, and
//! every line that has no counterpart is a note. `workflow`, `script`, `group` and
//! `compose` read the kinds of files; `service` and `plan` collect what they bring.

mod compose;
mod group;
mod local_images;
mod names;
mod note;
mod plan;
mod script;
mod service;
mod sign_in;
mod taken;
pub mod untrusted;
mod workflow;
mod yaml;

use crate::draft::{PlanDraft, ServiceDraft};
use group::arm::Template;
use group::resource::ResourceReader;
use plan::PlanBuilder;
use script::Script;
use service::ServiceBuilder;
use std::collections::BTreeMap;
use workflow::scope::Scope;
use yaml::Yaml;

pub use compose::{ServiceSettings, settings as compose_settings};
pub use note::{Note, NoteKind};

/// What an import made.
pub struct Imported {
    pub plan: PlanDraft,
    /// Sorted by line; those without a line come last.
    pub notes: Vec<Note>,
    /// Whether pushes start it and pull requests do not.
    pub is_of_push: bool,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    Syntax(String),
    #[error(
        "it is no workflow, compose file, container group or template, and has no command of `az` or docker"
    )]
    UnknownKind,
    #[error("nothing in it builds, pushes or deploys an image")]
    Nothing,
}

const GROUP_TYPE: &str = "Microsoft.ContainerInstance/containerGroups";

/// Imports the text of a file. Its name tells nothing but the plan's.
pub fn import(file: &str, text: &str) -> Result<Imported, ImportError> {
    let mut plan = PlanBuilder { name: names::plan_name(file), ..PlanBuilder::default() };
    if is_script(text) {
        import_script(text, &mut plan);
    } else {
        let document = Yaml::parse(text).map_err(ImportError::Syntax)?;
        import_document(&document, &mut plan)?;
    }
    plan.services.retain(|service| !service.steps.is_empty());
    if plan.services.is_empty() {
        return Err(ImportError::Nothing);
    }
    let is_of_push = plan.is_of_push;
    let (plan, notes) = plan.finish();
    Ok(Imported { plan, notes, is_of_push })
}

fn import_document(document: &Yaml, plan: &mut PlanBuilder) -> Result<(), ImportError> {
    if document.has("jobs") {
        workflow::import(document, plan);
    } else if document.has("services") {
        compose::import(document, plan);
    } else if document.has("resources") {
        import_template(document, plan);
    } else if !document.get_any_case("properties").get_any_case("containers").items().is_empty() {
        let text = |source: &str| Ok(source.to_owned());
        import_group(document, plan, &text);
    } else {
        return Err(ImportError::UnknownKind);
    }
    Ok(())
}

/// A file of commands, not of keys.
fn is_script(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    text.starts_with("#!")
        || lines.any(|line| {
            ["az ", "docker ", "sudo docker "].iter().any(|word| line.starts_with(word))
        }) && !text
            .lines()
            .any(|line| line.trim_end() == "jobs:" || line.starts_with("services:"))
}

fn import_script(text: &str, plan: &mut PlanBuilder) {
    let mut needed = std::mem::take(&mut plan.needed);
    let mut scope = Scope::new(&mut needed);
    let mut service = ServiceBuilder::default();
    let script = Script {
        text,
        line: 1,
        id: None,
        name: None,
        folder: None,
        condition: None,
        continue_on_error: false,
        env: BTreeMap::new(),
    };
    script::import(&script, &mut scope, &mut service, plan);
    plan.needed = needed;
    let steps = service.finish();
    plan.services.push(ServiceDraft { name: plan.name.clone(), needs: Vec::new(), steps });
}

/// Each container group of a template is a service.
fn import_template(document: &Yaml, plan: &mut PlanBuilder) {
    let template =
        Template { parameters: document.get("parameters"), variables: document.get("variables") };
    let text = |source: &str| template.text(source);
    let resources = document.get("resources");
    // Newer templates name their resources by the keys of a mapping.
    let named = resources.entries().iter().map(|(_, resource)| resource);
    for resource in resources.items().iter().chain(named) {
        let kind = resource.get_any_case("type").text().unwrap_or_default();
        if kind.eq_ignore_ascii_case(GROUP_TYPE) {
            import_group(resource, plan, &text);
        } else if kind != "Microsoft.Resources/deployments" {
            let why = format!("`{kind}` is not what a plan deploys, and was left out");
            plan.needs_you(resource.line, why);
        } else {
            let inner = resource.get("properties").get("template");
            import_template(inner, plan);
        }
    }
}

fn import_group(
    resource: &Yaml,
    plan: &mut PlanBuilder,
    text: &dyn Fn(&str) -> Result<String, String>,
) {
    let Some(group) = ResourceReader { plan, text }.group(resource) else { return };
    let mut group = group;
    let line = resource.line;
    if let Some(location) = group.location.take() {
        group.location = plan.set_location(location);
    }
    if plan.azure.resource_group.is_none() {
        let name = plan.name.clone();
        plan.needs_you(
            line,
            format!("the file names no resource group: `{name}` is a placeholder"),
        );
        plan.azure.resource_group = Some(name);
    }
    let name = group.name.clone().or_else(|| group.dns_label.clone());
    let name = names::kebab(name.as_deref().unwrap_or("app"));
    group.line = line;
    let mut service = ServiceBuilder::default();
    service.deploy(group, plan);
    plan.services.push(ServiceDraft { name, needs: Vec::new(), steps: service.finish() });
}

#[cfg(test)]
mod tests;
