//! The variables whose values the plan gives, and texts that depend on nothing else.

use crate::plan::expr::{Object, Scope, Segment, functions, references};
use crate::plan::schema::{Map, Plan, Text};
use std::collections::{BTreeMap, BTreeSet};

/// The variables of an environment that the plan gives a literal, by their names in lower
/// case.
pub type Literals<'p> = BTreeMap<String, &'p Text>;

/// The literals of each environment, or of the plan where it has none.
pub fn literals(plan: &Plan) -> Vec<(Option<&str>, Literals<'_>)> {
    let of_plan = taken(Literals::new(), &plan.vars);
    if plan.environments.len() == 0 {
        return vec![(None, of_plan)];
    }
    let of_each = plan.environments.iter().map(|(name, environment)| {
        (Some(name.value.as_str()), taken(of_plan.clone(), &environment.vars))
    });
    of_each.collect()
}

/// A variable that is an expression replaces a literal, too.
fn taken<'p>(mut known: Literals<'p>, vars: &'p Map<Text>) -> Literals<'p> {
    for (name, text) in vars.iter() {
        let name = name.value.to_ascii_lowercase();
        if text.as_literal().is_some() {
            known.insert(name, text);
        } else {
            known.remove(&name);
        }
    }
    known
}

/// What expressions see of these variables.
pub fn scope_of(known: &Literals<'_>) -> Scope {
    let values = known.iter().filter_map(|(name, text)| Some((name, text.as_literal()?)));
    let mut object = Object::default();
    values.for_each(|(name, value)| object.set(name, value));
    Scope::default().with("vars", object)
}

/// What is written beside the value of a variable.
pub fn place_of(environment: Option<&str>) -> String {
    match environment {
        Some(environment) => format!("its value in `{environment}`"),
        None => "its value".to_owned(),
    }
}

/// `check` takes the values of the plan, and a run those of its command line.
pub fn remedy(names: &BTreeSet<String>) -> String {
    let options: Vec<String> = names.iter().map(|name| format!("`--set {name}=VALUE`")).collect();
    format!("change the plan's value; a run takes another one from {}", options.join(" or "))
}

/// The names in lower case of the variables of a text that depends on nothing else. `None` for
/// any other text.
pub fn variables_of(text: &Text) -> Option<BTreeSet<String>> {
    if text.as_literal().is_some() {
        return None;
    }
    let mut names = BTreeSet::new();
    for expression in text.expressions() {
        let called = functions(&expression.value, 0).ok()?;
        if called.iter().any(|one| !one.function.is_pure()) {
            return None;
        }
        for context in references(&expression.value, 0).ok()? {
            match context.path.as_slice() {
                [_, Segment::Name(name)] if context.context().eq_ignore_ascii_case("vars") => {
                    names.insert(name.to_ascii_lowercase());
                }
                _ => return None,
            }
        }
    }
    (!names.is_empty()).then_some(names)
}
