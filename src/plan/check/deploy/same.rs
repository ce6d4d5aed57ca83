//! By what two deploys are compared.

use crate::plan::expr::references;
use crate::plan::schema::{Aci, Action, AzureInEnvironment, Plan, Step, Template, Text};

/// A container group that a step deploys.
pub struct Group<'p> {
    pub aci: &'p Aci,
    pub step: &'p Step,
    /// The index of the step's service in the plan.
    service: usize,
    azure: AzureInEnvironment<'p>,
}

/// What is equal in two groups only if the same run gives both the same value.
#[derive(Eq, Hash, PartialEq)]
pub struct Key<'p> {
    texts: Vec<Option<String>>,
    /// The step's `if`. Steps that differ in it may exclude each other, or the
    /// second is what a failure of the first falls back to.
    condition: Option<&'p str>,
    /// The service, if the texts mean something else in another service.
    service: Option<usize>,
}

impl<'p> Group<'p> {
    /// The container groups of a plan in an environment, in the order of the plan.
    pub fn all(plan: &'p Plan, azure: AzureInEnvironment<'p>) -> Vec<Self> {
        let services = plan.services.iter().enumerate();
        let steps = services
            .flat_map(|(at, (_, service))| service.steps.iter().map(move |step| (at, step)));
        steps
            .filter_map(|(service, step)| match &step.action {
                Action::Deploy(deploy) => Some((service, step, deploy)),
                _ => None,
            })
            .flat_map(|(service, step, deploy)| {
                deploy.aci().map(move |aci| Self { aci, step, service, azure })
            })
            .collect()
    }

    /// The text that names it; `None` if plan and service do.
    pub fn name(&self) -> Option<&'p Text> {
        self.aci.name.as_ref().or(self.aci.dns_label.as_ref())
    }

    /// Equal for two steps that deploy the same resource.
    pub fn identity(&self) -> Key<'p> {
        let name = self.name();
        let mut key = self.key(&[name, self.resource_group()]);
        if name.is_none() {
            key.service = Some(self.service);
        }
        key
    }

    /// Equal for two groups that would have the same domain name. `None` without a
    /// DNS label, or with a scope that makes the domain name unique.
    pub fn domain(&self) -> Option<Key<'p>> {
        let label = self.aci.dns_label.as_ref()?;
        let scope = self.aci.dns_label_scope.as_ref();
        if scope.is_some_and(|scope| scope.as_literal() != Some("Unsecure")) {
            return None;
        }
        let location = self.aci.location.as_ref().or(self.azure.location());
        // Without a location, it is that of the resource group.
        let group = if location.is_none() { self.resource_group() } else { None };
        Some(self.key(&[Some(label), location, group]))
    }

    fn resource_group(&self) -> Option<&'p Text> {
        self.aci.resource_group.as_ref().or(self.azure.resource_group())
    }

    fn key(&self, texts: &[Option<&'p Text>]) -> Key<'p> {
        let condition = self.step.condition.as_ref();
        let mut templates = texts.iter().flatten().map(|text| Template::Text(text));
        let names_steps = templates.any(sees_steps)
            || condition.is_some_and(|condition| sees_steps(Template::Condition(condition)));
        Key {
            texts: texts.iter().map(|text| text.map(spelling)).collect(),
            condition: condition.map(|condition| condition.source.as_str()),
            service: names_steps.then_some(self.service),
        }
    }
}

/// The text as names of resources are compared: Azure ignores their case.
fn spelling(text: &Text) -> String {
    text.as_literal().map_or_else(|| text.source.to_string(), str::to_ascii_lowercase)
}

/// Whether it names steps, which each service has for itself.
fn sees_steps(template: Template<'_>) -> bool {
    let mut expressions = template.expressions().into_iter();
    expressions.any(|(expression, _)| {
        let named = references(expression, 0).unwrap_or_default();
        named.iter().any(|one| one.context().eq_ignore_ascii_case("steps"))
    })
}
