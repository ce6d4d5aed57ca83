//! What resources answer while a deployment runs.

use super::error::{RuntimeRequest, TemplateError};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct RuntimeValues {
    /// The resources of the template, so that `reference('web')` finds one by its name.
    pub resources: Vec<KnownResource>,
    pub answers: BTreeMap<RuntimeRequest, Value>,
}

#[derive(Clone, Debug)]
pub struct KnownResource {
    pub id: String,
    /// As the template names it.
    pub name: String,
    pub version: String,
}

impl RuntimeValues {
    /// `reference(resource, [version], ['Full'])`: the properties of a resource, or all of it.
    pub fn reference(&self, parts: &[Value]) -> Result<Value, TemplateError> {
        let text = |at: usize| parts.get(at).and_then(Value::as_str);
        let Some(resource) = text(0) else {
            return Err(TemplateError::invalid("The function 'reference' names no resource."));
        };
        let (resource, version) = self.resource(resource, text(1))?;
        let answer = self.answer(RuntimeRequest { resource, action: None, version })?;
        let is_full = text(2).is_some_and(|mode| mode.eq_ignore_ascii_case("full"));
        Ok(if is_full { answer } else { answer["properties"].clone() })
    }

    /// `listCredentials(resource, version)` and its kin.
    pub fn list(&self, action: &str, parts: &[Value]) -> Result<Value, TemplateError> {
        let text = |at: usize| parts.get(at).and_then(Value::as_str);
        let Some(resource) = text(0) else {
            let message = format!("The function '{action}' names no resource.");
            return Err(TemplateError::invalid(message));
        };
        let (resource, version) = self.resource(resource, text(1))?;
        self.answer(RuntimeRequest { resource, action: Some(action.to_owned()), version })
    }

    fn resource(
        &self,
        named: &str,
        version: Option<&str>,
    ) -> Result<(String, String), TemplateError> {
        let is_it = |known: &&KnownResource| {
            known.id.eq_ignore_ascii_case(named) || known.name.eq_ignore_ascii_case(named)
        };
        let known = self.resources.iter().find(is_it);
        let version = version.map(str::to_owned).or_else(|| Some(known?.version.clone()));
        match (known, version) {
            (Some(known), Some(version)) => Ok((known.id.clone(), version)),
            (None, Some(version)) if named.starts_with('/') => Ok((named.to_owned(), version)),
            (_, _) => Err(TemplateError::invalid(format!(
                "The resource '{named}' is not defined in the template. Please see \
                 https://aka.ms/arm-syntax for usage details."
            ))),
        }
    }

    fn answer(&self, request: RuntimeRequest) -> Result<Value, TemplateError> {
        self.answers.get(&request).cloned().ok_or_else(|| TemplateError::needs(request))
    }
}
