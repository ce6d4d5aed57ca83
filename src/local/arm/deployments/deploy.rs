//! Deploys the resources of a template, one after another.

use super::super::response::ArmError;
use super::apart::apart;
use super::error::{RuntimeRequest, TemplateError};
use super::evaluate::DeploymentPlace;
use super::outputs;
use super::requests::Requests;
use super::runtime::{KnownResource, RuntimeValues};
use super::template::{Template, TemplateResource};
use super::turn::LoopTurn;
use serde_json::{Map, Value, json};
use std::mem;
use std::sync::Arc;

/// What a deployment has made.
#[derive(Debug, Default)]
pub struct Deployed {
    /// The ids of the resources.
    pub resources: Vec<String>,
    pub outputs: Map<String, Value>,
}

/// Why a deployment ended, and what it had made until then.
#[derive(Debug)]
pub struct DeploymentFailure {
    pub error: ArmError,
    /// The id of the resource that failed; empty where an output did.
    pub resource: String,
    pub deployed: Vec<String>,
}

pub struct Deployment<'a> {
    pub template: &'a Arc<Template>,
    pub place: &'a Arc<DeploymentPlace>,
    pub requests: &'a Requests,
}

/// A value, and the turn of the loop that it is in.
#[derive(Clone, Copy)]
struct InTurn<'a> {
    value: &'a Value,
    turn: Option<&'a LoopTurn>,
}

/// What a value needs before it can be evaluated.
enum Evaluated {
    Value(Value),
    /// A resource of the template that is not deployed yet.
    Waits,
}

impl Deployment<'_> {
    pub async fn run(&self) -> Result<Deployed, DeploymentFailure> {
        let mut runtime = known(self.template);
        let mut pending: Vec<&TemplateResource> =
            self.template.resources.iter().filter(|it| it.is_deployed).collect();
        let mut deployed = Vec::new();
        while !pending.is_empty() {
            let failed = |resource: &TemplateResource, deployed: &[String], error| {
                let (resource, deployed) = (resource.id.clone(), deployed.to_vec());
                DeploymentFailure { error, resource, deployed }
            };
            let mut chosen = None;
            for (at, resource) in pending.iter().enumerate() {
                if waits(resource, &pending) {
                    continue;
                }
                let body = Value::Object(resource.body.clone());
                let body = InTurn { value: &body, turn: resource.turn.as_ref() };
                let found = self.evaluate(body, &mut runtime, &pending).await;
                match found.map_err(|error| failed(resource, &deployed, error))? {
                    Evaluated::Value(body) => {
                        chosen = Some((at, body));
                        break;
                    }
                    Evaluated::Waits => {}
                }
            }
            let Some((at, body)) = chosen else {
                return Err(failed(pending[0], &deployed, circular(pending[0])));
            };
            let resource = pending.remove(at);
            let put = self.requests.put(&resource.id, &resource.version, &body).await;
            put.map_err(|error| failed(resource, &deployed, error))?;
            deployed.push(resource.id.clone());
        }
        let outputs = self.outputs(&mut runtime).await;
        match outputs {
            Ok(outputs) => Ok(Deployed { resources: deployed, outputs }),
            Err(error) => Err(DeploymentFailure { error, resource: String::new(), deployed }),
        }
    }

    /// Evaluates a value, and asks the resources that it is made of.
    async fn evaluate(
        &self,
        what: InTurn<'_>,
        runtime: &mut RuntimeValues,
        pending: &[&TemplateResource],
    ) -> Result<Evaluated, ArmError> {
        let InTurn { value, turn } = what;
        loop {
            let (template, place) = (Arc::clone(self.template), Arc::clone(self.place));
            let (of, known, turn) = (value.clone(), mem::take(runtime), turn.cloned());
            let work = move || {
                let evaluation = template.evaluation(&place).with_turn(turn.as_ref());
                let found = evaluation.with_runtime(&known).value(&of);
                (found, known)
            };
            let (found, known) = apart(work).await;
            *runtime = known;
            let error = match found {
                Ok(value) => return Ok(Evaluated::Value(value)),
                Err(error) => error,
            };
            let Some(request) = error.needs.clone() else { return Err(error.into()) };
            if pending.iter().any(|it| is_within(&request.resource, &it.id)) {
                return Ok(Evaluated::Waits);
            }
            let answer = self.requests.ask(&request).await?;
            runtime.answers.insert(request, answer);
        }
    }

    async fn outputs(&self, runtime: &mut RuntimeValues) -> Result<Map<String, Value>, ArmError> {
        let mut all = Map::new();
        for (name, output) in &self.template.outputs {
            let condition = output.get("condition").cloned().unwrap_or(Value::Bool(true));
            if self.whole(&condition, runtime).await? == Value::Bool(false) {
                continue;
            }
            let value = match output.get("copy") {
                None => self.whole(&output["value"], runtime).await?,
                Some(copy) => {
                    let turns = self.template.evaluation(self.place).turns_of(copy)?;
                    let mut all = Vec::new();
                    for turn in &turns {
                        let input = InTurn { value: &copy["input"], turn: Some(turn) };
                        all.push(self.in_turn(input, runtime).await?);
                    }
                    Value::Array(all)
                }
            };
            outputs::check(name, output, &value)?;
            let kind = output["type"].as_str().unwrap_or_default();
            let shown = match kind.to_ascii_lowercase().as_str() {
                "securestring" => json!({ "type": "SecureString" }),
                "secureobject" => json!({ "type": "SecureObject" }),
                _ => json!({ "type": capital(kind), "value": value }),
            };
            all.insert(name.clone(), shown);
        }
        Ok(all)
    }

    async fn whole(&self, value: &Value, runtime: &mut RuntimeValues) -> Result<Value, ArmError> {
        self.in_turn(InTurn { value, turn: None }, runtime).await
    }

    async fn in_turn(
        &self,
        what: InTurn<'_>,
        runtime: &mut RuntimeValues,
    ) -> Result<Value, ArmError> {
        match self.evaluate(what, runtime, &[]).await? {
            Evaluated::Value(value) => Ok(value),
            Evaluated::Waits => Ok(Value::Null),
        }
    }
}

/// Whether a resource that this one depends on is not deployed yet.
fn waits(resource: &TemplateResource, pending: &[&TemplateResource]) -> bool {
    pending.iter().any(|other| {
        let is_meant = |name: &String| {
            let of_loop = other.turn.as_ref().is_some_and(|it| name.eq_ignore_ascii_case(&it.name));
            of_loop
                || name.eq_ignore_ascii_case(&other.id)
                || name.eq_ignore_ascii_case(&other.name)
        };
        other.id != resource.id && resource.depends_on.iter().any(is_meant)
    })
}

/// `String` for `string`, as Azure shows it.
fn capital(kind: &str) -> String {
    let mut letters = kind.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn is_within(id: &str, of: &str) -> bool {
    let (id, of) = (id.to_ascii_lowercase(), of.to_ascii_lowercase());
    id == of || id.starts_with(&format!("{of}/"))
}

pub fn known(template: &Template) -> RuntimeValues {
    let resources = template.resources.iter().map(|resource| KnownResource {
        id: resource.id.clone(),
        name: resource.name.clone(),
        version: resource.version.clone(),
    });
    RuntimeValues { resources: resources.collect(), ..RuntimeValues::default() }
}

fn circular(resource: &TemplateResource) -> ArmError {
    TemplateError::invalid(format!(
        "Deployment template validation failed: 'Circular dependency detected on resource: '{}'. \
         Please see https://aka.ms/arm-syntax-resources for usage details.'.",
        resource.id
    ))
    .into()
}

/// Evaluates what needs no resource of all bodies and outputs, so that mistakes are found
/// before anything is deployed.
pub fn check(template: &Template, place: &DeploymentPlace) -> Result<(), TemplateError> {
    let runtime = known(template);
    let outputs = template.outputs.values().map(|output| (output["value"].clone(), None));
    let deployed = template.resources.iter().filter(|resource| resource.is_deployed);
    let bodies = deployed
        .map(|resource| (Value::Object(resource.body.clone()), resource.turn.as_ref()))
        .chain(outputs);
    for (value, turn) in bodies {
        let evaluation = template.evaluation(place).with_turn(turn).with_runtime(&runtime);
        match evaluation.value(&value) {
            Ok(_) | Err(TemplateError { needs: Some(RuntimeRequest { .. }), .. }) => {}
            Err(error) => {
                return Err(error.while_doing("Deployment template validation failed"));
            }
        }
    }
    Ok(())
}
