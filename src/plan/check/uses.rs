//! Every expression of a plan, where it stands and what it names.

use super::expression::syntax;
use crate::plan::describe::{Found, Place, PlanKeys as _, Visit};
use crate::plan::diagnostic::Diagnostic;
use crate::plan::expr::contexts::{Site, is_untrusted, outputs_of};
use crate::plan::expr::{ContextRef, FunctionRef, Segment, SyntaxError, functions, references};
use crate::plan::parsed::Parsed;
use crate::plan::schema::{Plan, SecretSource, Service, Template};
use crate::plan::span::{Span, Spanned};
use std::collections::{HashMap, HashSet};

/// An expression and what it names.
pub struct Use<'p> {
    pub template: Template<'p>,
    pub place: Place,
    pub expression: Spanned<&'p str>,
    pub contexts: Vec<ContextRef>,
    pub functions: Vec<FunctionRef>,
    /// Whether the plan spells it without escapes and folds, so that a part of it
    /// has a place in the text.
    exact: bool,
}

/// A plan, with all its expressions and what its names stand for.
pub struct Uses<'p> {
    pub text: &'p str,
    pub plan: &'p Plan,
    parsed: &'p Parsed,
    pub all: Vec<Use<'p>>,
    services: HashMap<&'p str, usize>,
    /// Environment variables that a secret comes from.
    sources: HashSet<&'p str>,
    /// Variables of the plan that hold a secret, in lower case, each with the expression
    /// that gives it the secret.
    secret_vars: HashMap<String, &'p Spanned<String>>,
    /// Variables of the plan that hold text which others wrote, in lower case.
    untrusted_vars: HashSet<String>,
}

impl<'p> Uses<'p> {
    /// Finds all expressions, and reports those that cannot be parsed.
    pub fn of(text: &'p str, parsed: &'p Parsed, found: &mut Vec<Diagnostic>) -> Self {
        let plan = &parsed.plan;
        let mut all = Vec::new();
        let mut see = |Found { template, place }: Found<'p>| {
            for (source, span) in template.expressions() {
                let expression = Spanned::new(source, span.clone());
                match Use::of(text, Found { template, place }, expression.clone()) {
                    Ok(one) => all.push(one),
                    Err(error) => found.push(syntax::explain(text, &expression, &error)),
                }
            }
        };
        plan.visit_keys(&mut Visit::new(Site::Step, &mut see));
        let services = plan.services.keys().enumerate().map(|(at, name)| (name, at)).collect();
        let sources = plan.all_secrets().flat_map(|(_, secret)| &secret.sources);
        let sources = sources.filter_map(|source| match &source.value {
            SecretSource::Env(name) => name.as_literal(),
            SecretSource::KeyVault(_) | SecretSource::File(_) => None,
        });
        let mut uses = Self {
            text,
            plan,
            parsed,
            all,
            services,
            sources: sources.collect(),
            secret_vars: HashMap::new(),
            untrusted_vars: HashSet::new(),
        };
        uses.taint_variables();
        uses
    }

    /// Finds what variables hold. One pass is enough: they do not see each other.
    fn taint_variables(&mut self) {
        let of_plan = self.plan.vars.iter();
        let of_environments = self.plan.environments.iter().flat_map(|(_, one)| one.vars.iter());
        let (mut secret, mut untrusted) = (HashMap::new(), HashSet::new());
        for (name, text) in of_plan.chain(of_environments) {
            for expression in text.expressions() {
                let named = references(&expression.value, 0).unwrap_or_default();
                for found in named.iter().filter(|found| found.flows) {
                    if self.is_secret(found) {
                        secret.entry(name.value.to_ascii_lowercase()).or_insert(expression);
                    }
                    if is_untrusted(&found.path) {
                        untrusted.insert(name.value.to_ascii_lowercase());
                    }
                }
            }
        }
        (self.secret_vars, self.untrusted_vars) = (secret, untrusted);
    }

    /// The service of a place.
    pub fn service_at(&self, place: Place) -> Option<(&'p str, &'p Service)> {
        let (name, service) = self.plan.services.0.get(place.step?.0)?;
        Some((name.value.as_str(), service))
    }

    /// A service by its name.
    pub fn service(&self, name: &str) -> Option<&'p Service> {
        let at = self.services.get(name)?;
        self.plan.services.0.get(*at).map(|(_, service)| service)
    }

    /// The number of a service in the plan.
    pub fn number_of(&self, service: &str) -> Option<usize> {
        self.services.get(service).copied()
    }

    /// Whether all steps of all services could be read.
    pub fn are_whole(&self) -> bool {
        self.parsed.unread.is_empty()
    }

    /// Whether all steps of a service could be read.
    pub fn is_whole(&self, service: &str) -> bool {
        !self.parsed.unread.contains_key(service)
    }

    /// Whether a step of this id may be there though it could not be read.
    pub fn may_have(&self, service: &str, step: &str) -> bool {
        self.parsed.unread.get(service).is_some_and(|unread| {
            unread.has_unnamed && is_default_id(step)
                || unread.ids.iter().any(|id| id.eq_ignore_ascii_case(step))
        })
    }

    /// Whether a reference is to something secret.
    pub fn is_secret(&self, found: &ContextRef) -> bool {
        let is = |name: &str| found.context().eq_ignore_ascii_case(name);
        match found.path.get(1) {
            Some(Segment::Name(name)) if is("env") => self.sources.contains(name.as_str()),
            Some(Segment::Name(name)) if is("vars") => {
                self.secret_vars.contains_key(&name.to_ascii_lowercase())
            }
            _ => is("secrets"),
        }
    }

    /// The expression that gives a variable its secret, for a reference to one that has
    /// a secret.
    pub fn secret_of_variable(&self, found: &ContextRef) -> Option<&'p Spanned<String>> {
        self.secret_vars.get(&member(found, "vars")?.to_ascii_lowercase()).copied()
    }

    /// Whether a reference can bring text that others wrote.
    pub fn is_untrusted(&self, found: &ContextRef) -> bool {
        is_untrusted(&found.path)
            || found.context().eq_ignore_ascii_case("vars")
                && matches!(found.path.get(1), Some(Segment::Name(name))
                    if self.untrusted_vars.contains(&name.to_ascii_lowercase()))
    }
}

impl<'p> Use<'p> {
    fn of(
        text: &str,
        Found { template, place }: Found<'p>,
        expression: Spanned<&'p str>,
    ) -> Result<Self, SyntaxError> {
        let contexts = references(expression.value, expression.span.start)?;
        // Without a parenthesis there is no call: most expressions are a path.
        let functions = if expression.value.contains('(') {
            functions(expression.value, expression.span.start)?
        } else {
            Vec::new()
        };
        let exact = text.get(expression.span.clone()) == Some(expression.value);
        Ok(Self { template, place, expression, contexts, functions, exact })
    }

    /// Where a part of it stands in the text; the whole, where that is not known.
    pub fn span(&self, part: &Span) -> Span {
        if self.exact { part.clone() } else { self.expression.span.clone() }
    }
}

/// Whether a step without an `id` may have this one: an action, and a number from the
/// second on, such as `push-2`.
fn is_default_id(id: &str) -> bool {
    let id = id.to_ascii_lowercase();
    let action = match id.rsplit_once('-') {
        Some((action, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => action,
        _ => &id,
    };
    outputs_of(action).is_some()
}

/// Whether a place is in a step that has an `if`, so that it may be left out.
pub fn is_conditional(plan: &Plan, place: Place) -> bool {
    let step = place.step.and_then(|(service, step)| {
        let (_, service) = plan.services.0.get(service)?;
        service.steps.get(step)
    });
    step.is_some_and(|step| step.condition.is_some())
}

/// A member of a context by its name, where it is one: `secrets.NAME`.
pub fn member<'r>(found: &'r ContextRef, context: &str) -> Option<&'r str> {
    match found.path.get(1) {
        Some(Segment::Name(name)) if found.context().eq_ignore_ascii_case(context) => Some(name),
        _ => None,
    }
}
