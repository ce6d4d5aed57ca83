//! Expressions of GitHub Actions as expressions of a plan.

use super::scope::{
    Fact, MAX_DEPTH, MAX_LOOKUPS, PLAN_MARK, Scope, Use, default_variable, expression,
};
use crate::import::names::kebab;
use crate::import::plan::{PlanBuilder, Variable};
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// What an expression needs and a plan does not have, such as `matrix.os`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoCounterpart(pub String);

impl NoCounterpart {
    /// Says that a text was left out for want of it.
    pub fn note(&self, line: usize, plan: &mut PlanBuilder) {
        let text = format!("`{}` has no counterpart in a plan, and was left out", self.0);
        plan.needs_you(line, text);
    }
}

static EXPRESSION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)\$\{\{(.*?)\}\}").expect("a pattern"));

/// A string literal, or a path of names such as `github.event['number']`.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_*][A-Za-z0-9_-]*|\[\s*'[^']*'\s*\])*",
    )
    .expect("a pattern")
});

const FUNCTIONS: [&str; 14] = [
    "contains",
    "startswith",
    "endswith",
    "format",
    "join",
    "tojson",
    "fromjson",
    "hashfiles",
    "success",
    "failure",
    "cancelled",
    "always",
    "true",
    "false",
];

/// A text with expressions, as a text of a plan.
pub fn text(source: &str, used: Use, scope: &mut Scope<'_>) -> Result<String, NoCounterpart> {
    let mut out = String::new();
    let mut rest = source;
    while let Some(found) = EXPRESSION.captures(rest) {
        let whole = found.get(0).map_or(0..0, |found| found.range());
        out.push_str(&rest[..whole.start]);
        out.push_str(&fact(found[1].trim(), used, scope)?.as_text());
        rest = &rest[whole.end..];
    }
    out.push_str(rest);
    Ok(out)
}

/// A condition, which has no `${{ }}` around it or one around all of it.
pub fn condition(source: &str, scope: &mut Scope<'_>) -> Result<String, NoCounterpart> {
    let inner = source.trim();
    let inner = inner.strip_prefix("${{").and_then(|it| it.strip_suffix("}}")).unwrap_or(inner);
    Ok(fact(inner.trim(), Use::Name, scope)?.as_expression())
}

/// One expression, without `${{ }}`.
fn fact(source: &str, used: Use, scope: &mut Scope<'_>) -> Result<Fact, NoCounterpart> {
    if let Some(converted) = source.strip_prefix(PLAN_MARK) {
        return Ok(Fact::Expression(converted.to_owned()));
    }
    if TOKEN.find(source).is_some_and(|token| token.as_str() == source) {
        return operand(source, used, scope);
    }
    let mut missing = None;
    let replaced =
        TOKEN.replace_all(source, |token: &Captures<'_>| match operand(&token[0], used, scope) {
            Ok(fact) => as_operand(&fact),
            Err(error) => {
                missing.get_or_insert(error);
                String::new()
            }
        });
    let replaced = replaced.into_owned();
    missing.map_or(Ok(Fact::Expression(replaced)), Err)
}

/// An expression within another, which must not be torn apart by an operator beside it.
fn as_operand(fact: &Fact) -> String {
    let text = fact.as_expression();
    let is_operation =
        matches!(fact, Fact::Expression(_)) && [" || ", " && "].iter().any(|it| text.contains(it));
    if is_operation { format!("({text})") } else { text }
}

fn operand(token: &str, used: Use, scope: &mut Scope<'_>) -> Result<Fact, NoCounterpart> {
    let lower = token.to_ascii_lowercase();
    if token.starts_with('\'') || lower == "null" || FUNCTIONS.contains(&lower.as_str()) {
        return Ok(Fact::Expression(token.to_owned()));
    }
    let path = token.replace("['", ".").replace("']", "");
    let parts: Vec<&str> = path.split('.').map(str::trim).collect();
    scope.look_up(&parts, used).ok_or_else(|| NoCounterpart(token.to_owned()))
}

impl Scope<'_> {
    /// What a path of names stands for; `None` if a plan has nothing like it.
    pub fn look_up(&mut self, path: &[&str], used: Use) -> Option<Fact> {
        let first = path.first()?.to_ascii_lowercase();
        match (first.as_str(), &path[1..]) {
            ("secrets", ["GITHUB_TOKEN"]) | ("github", ["token"]) => {
                Some(self.secret("GITHUB_TOKEN"))
            }
            ("secrets", [name]) if used == Use::Value => Some(self.secret(name)),
            ("secrets" | "vars", [name]) => {
                let variable = Variable { was_secret: first == "secrets" };
                self.needed.variables.insert((*name).to_owned(), variable);
                Some(expression(&format!("env.{name}")))
            }
            ("env", [name]) => self.variable(name, used),
            ("inputs", [name]) | ("github", ["event", "inputs", name]) => self.input(name),
            ("matrix", [name]) => self.matrix.get(*name).cloned().map(Fact::Literal),
            ("needs", [job, "outputs", name]) => {
                let source = self.jobs.get(&key(job, name)).cloned()?;
                self.resolved(&source, used)
            }
            ("steps", [step, "outputs", name]) => {
                let source = self.outputs.get(&key(step, name)).cloned()?;
                self.resolved(&source, used)
            }
            ("steps", [step, "outcome" | "conclusion"]) => {
                let end = path.last()?;
                Some(expression(&format!("steps.{}.{end}", kebab(step))))
            }
            ("runner", ["os"]) => Some(Fact::Literal("Linux".to_owned())),
            ("runner", [name]) => {
                Some(expression(&format!("env.RUNNER_{}", name.to_ascii_uppercase())))
            }
            ("github", rest) => github(rest).or_else(|| Some(expression(&path.join(".")))),
            _ => None,
        }
    }

    fn secret(&mut self, name: &str) -> Fact {
        expression(&format!("secrets.{}", self.needed.secret(name)))
    }

    /// A variable that the workflow sets, or else one of the process.
    fn variable(&mut self, name: &str, used: Use) -> Option<Fact> {
        if let Some(source) = self.env.get(name).cloned() {
            return self.resolved(&source, used);
        }
        Some(default_variable(name).unwrap_or_else(|| expression(&format!("env.{name}"))))
    }

    fn resolved(&mut self, source: &str, used: Use) -> Option<Fact> {
        self.lookups += 1;
        if self.depth > MAX_DEPTH || self.lookups > MAX_LOOKUPS {
            return None;
        }
        self.depth += 1;
        let text = text(source, used, self);
        self.depth -= 1;
        text.ok().map(|text| Fact::of_text(&text))
    }

    fn input(&mut self, name: &str) -> Option<Fact> {
        Some(expression(&format!("vars.{}", self.needed.input(name)?)))
    }
}

fn key(first: &str, second: &str) -> (String, String) {
    (first.to_owned(), second.to_owned())
}

/// Members of `github` that a plan has by a better name, which is also right outside of
/// GitHub and for the head of a pull request.
fn github(rest: &[&str]) -> Option<Fact> {
    Some(expression(match rest {
        ["sha" | "workflow_sha"]
        | ["event", "pull_request", "head", "sha"]
        | ["event", "after"] => "git.sha",
        ["event", "number"] | ["event", "pull_request", "number"] => "pr.number",
        ["head_ref"] | ["event", "pull_request", "head", "ref"] => "pr.branch",
        ["base_ref"] | ["event", "pull_request", "base", "ref"] => "pr.base",
        ["workspace"] => return Some(Fact::Literal(".".to_owned())),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Scope, Use, condition, text};
    use crate::import::plan::Needed;
    use std::collections::BTreeMap;

    fn converted(source: &str, used: Use) -> String {
        let mut needed = Needed::default();
        let mut scope = Scope::new(&mut needed);
        scope.env = BTreeMap::from([
            ("IMAGE".to_owned(), "shop".to_owned()),
            ("TAG".to_owned(), "v-${{ github.sha }}".to_owned()),
            ("LOOP".to_owned(), "${{ env.LOOP }}".to_owned()),
        ]);
        text(source, used, &mut scope).unwrap_or_else(|missing| format!("no {}", missing.0))
    }

    #[test]
    fn names_become_those_of_a_plan() {
        let table = [
            ("a/${{ env.IMAGE }}:${{ github.sha }}", "a/shop:${{ git.sha }}"),
            ("${{ env.TAG }}", "v-${{ git.sha }}"),
            ("${{ env.TAG == 'x' }}", "${{ format('v-{0}', git.sha) == 'x' }}"),
            ("${{ secrets.REGISTRY }}", "${{ env.REGISTRY }}"),
            ("${{ github.event['number'] }}", "${{ pr.number }}"),
            ("${{ github.ref_name }}", "${{ github.ref_name }}"),
            ("${{ matrix.os }}", "no matrix.os"),
            ("${{ env.LOOP }}", "no env.LOOP"),
            ("${{ =git.tag }}", "${{ git.tag }}"),
        ];
        for (source, expected) in table {
            assert_eq!(converted(source, Use::Name), expected, "{source}");
        }
        assert_eq!(converted("${{ secrets.DB_URL }}", Use::Value), "${{ secrets.db-url }}");
    }

    #[test]
    fn conditions_lose_their_braces() {
        let mut needed = Needed::default();
        let mut scope = Scope::new(&mut needed);
        let source = "${{ success() && github.ref == 'refs/heads/main' }}";
        let expected = "success() && github.ref == 'refs/heads/main'";
        assert_eq!(condition(source, &mut scope), Ok(expected.to_owned()));
    }
}
