//! A template of Resource Manager, and the parameters that are given to it.

use super::error::TemplateError;
use super::evaluate::{DeploymentPlace, Evaluation};
use super::limits::{MAX_OUTPUTS, MAX_PARAMETERS, MAX_RESOURCES, MAX_VARIABLES, check_count};
use super::parameters::{self, ParameterValues};
use super::turn::LoopTurn;
use super::values::path_of;
use serde_json::{Map, Value};

/// The members of a resource that say where and when it is deployed; the rest is its body.
const NOT_IN_BODY: [&str; 10] = [
    "copy",
    "type",
    "name",
    "apiVersion",
    "dependsOn",
    "condition",
    "comments",
    "metadata",
    "scope",
    "resources",
];

/// A template with the values of its parameters.
#[derive(Clone, Debug)]
pub struct Template {
    /// The values, secure ones included.
    pub parameters: Map<String, Value>,
    /// As Azure shows them: without secure values.
    pub shown_parameters: Map<String, Value>,
    pub variables: Map<String, Value>,
    pub resources: Vec<TemplateResource>,
    pub outputs: Map<String, Value>,
}

/// A resource of a template, its name evaluated and its body not.
#[derive(Clone, Debug)]
pub struct TemplateResource {
    pub id: String,
    /// Such as `Microsoft.KeyVault/vaults`.
    pub kind: String,
    /// Such as `shop` or `shop/token`.
    pub name: String,
    pub version: String,
    /// Whether its `condition` holds.
    pub is_deployed: bool,
    /// Names or ids.
    pub depends_on: Vec<String>,
    pub body: Map<String, Value>,
    /// Of the loop that made it.
    pub turn: Option<LoopTurn>,
}

/// Where a resource of a template is.
#[derive(Clone, Copy)]
struct Within<'a> {
    parent: Option<&'a TemplateResource>,
    place: &'a DeploymentPlace,
}

impl Template {
    /// Reads the properties of a deployment. No resource is asked.
    pub fn read(properties: &Value, place: &DeploymentPlace) -> Result<Self, TemplateError> {
        let template = &properties["template"];
        if properties["templateLink"].is_object() || properties["parametersLink"].is_object() {
            return Err(TemplateError::not_simulated("the links (`templateLink`)"));
        }
        let Some(members) = template.as_object() else {
            return Err(TemplateError::invalid(
                "Deployment template validation failed: 'The template is missing'.",
            ));
        };
        check_kind(members)?;
        let variables = object(members, "variables");
        check_count("variables", MAX_VARIABLES, variables.len())?;
        let defined = object(members, "parameters");
        check_count("parameters", MAX_PARAMETERS, defined.len())?;
        let outputs = object(members, "outputs");
        check_count("outputs", MAX_OUTPUTS, outputs.len())?;
        let ParameterValues { values, shown } =
            parameters::values(&defined, &properties["parameters"], place)?;
        let mut read = Self {
            parameters: values,
            shown_parameters: shown,
            variables,
            resources: Vec::new(),
            outputs,
        };
        let Some(resources) = members.get("resources").and_then(Value::as_array) else {
            return Err(TemplateError::not_simulated(
                "resources that are no list (symbolic names)",
            ));
        };
        check_count("resources", MAX_RESOURCES, resources.len())?;
        let mut all = Vec::new();
        for resource in resources {
            read.add_all(resource, None, place, &mut all)?;
        }
        read.resources = all;
        Ok(read)
    }

    pub fn evaluation<'a>(&'a self, place: &'a DeploymentPlace) -> Evaluation<'a> {
        Evaluation::new(&self.parameters, &self.variables, place)
    }

    /// Adds a resource, or one for each turn of its loop.
    fn add_all(
        &self,
        resource: &Value,
        parent: Option<&TemplateResource>,
        place: &DeploymentPlace,
        all: &mut Vec<TemplateResource>,
    ) -> Result<(), TemplateError> {
        let Some(copy) = resource.get("copy") else {
            let within = parent.and_then(|parent| parent.turn.clone());
            return self.add(resource, within, Within { parent, place }, all);
        };
        for turn in self.evaluation(place).turns_of(copy)? {
            self.add(resource, Some(turn), Within { parent, place }, all)?;
        }
        Ok(())
    }

    /// Adds a resource and those within it.
    fn add(
        &self,
        resource: &Value,
        turn: Option<LoopTurn>,
        within: Within<'_>,
        all: &mut Vec<TemplateResource>,
    ) -> Result<(), TemplateError> {
        let Within { parent, place } = within;
        let Some(members) = resource.as_object() else {
            return Err(TemplateError::invalid("A resource of the template is no object."));
        };
        let evaluation = self.evaluation(place).with_turn(turn.as_ref());
        let text = |name: &str| match members.get(name) {
            Some(value) => evaluation.text(value, &format!("'{name}' of a resource")),
            None => Err(TemplateError::invalid(format!(
                "Deployment template validation failed: 'A resource has no '{name}''."
            ))),
        };
        let (mut kind, mut name) = (text("type")?, text("name")?);
        if let Some(parent) = parent {
            kind = format!("{}/{kind}", parent.kind);
            name = format!("{}/{name}", parent.name);
        }
        if kind.eq_ignore_ascii_case("Microsoft.Resources/deployments") {
            return Err(TemplateError::not_simulated("deployments within deployments"));
        }
        let group = place.resource_group["id"].as_str().unwrap_or_default();
        let root = match members.get("scope") {
            None => group.to_owned(),
            Some(scope) => {
                let scope = evaluation.text(scope, "'scope' of a resource")?;
                if scope.starts_with('/') { scope } else { format!("{group}/providers/{scope}") }
            }
        };
        let names: Vec<&str> = name.split('/').collect();
        let id = path_of(&root, &kind, &names).ok_or_else(|| {
            TemplateError::invalid(format!(
                "Deployment template validation failed: 'The template resource '{name}' for type \
                 '{kind}' has incorrect segment lengths. A nested resource type must have \
                 identical number of segments as its resource name.'."
            ))
        })?;
        let mut depends_on = match members.get("dependsOn") {
            Some(Value::Array(list)) => list
                .iter()
                .map(|one| evaluation.text(one, "'dependsOn' of a resource"))
                .collect::<Result<Vec<_>, _>>()?,
            _ => Vec::new(),
        };
        depends_on.extend(parent.map(|parent| parent.id.clone()));
        let is_deployed = match members.get("condition") {
            None => true,
            Some(condition) => match evaluation.value(condition)? {
                Value::Bool(holds) => holds,
                other => {
                    let message = format!("The 'condition' of '{name}' is {other}, not a boolean.");
                    return Err(TemplateError::invalid(message));
                }
            },
        };
        let mut body = members.clone();
        body.retain(|name, _| !NOT_IN_BODY.contains(&name.as_str()));
        let version = text("apiVersion")?;
        let own = TemplateResource { id, kind, name, version, is_deployed, depends_on, body, turn };
        all.push(own.clone());
        check_count("resources", MAX_RESOURCES, all.len())?;
        for child in members.get("resources").and_then(Value::as_array).into_iter().flatten() {
            self.add_all(child, Some(&own), place, all)?;
        }
        Ok(())
    }
}

fn check_kind(members: &Map<String, Value>) -> Result<(), TemplateError> {
    let schema = members.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let kind = schema.trim_end_matches('#').rsplit('/').next().unwrap_or_default();
    if !kind.eq_ignore_ascii_case("deploymentTemplate.json") {
        return Err(TemplateError::not_simulated(&format!("the kind '{kind}'")));
    }
    if members.get("functions").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return Err(TemplateError::not_simulated("functions of their own (`functions`)"));
    }
    Ok(())
}

fn object(members: &Map<String, Value>, name: &str) -> Map<String, Value> {
    members.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}
