//! What the names in a workflow's expressions stand for.

use crate::import::plan::Needed;
use std::collections::BTreeMap;

/// What a text is used for, which decides what a secret in it becomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// A name of a resource, which is not secret.
    Name,
    /// A value that may be secret.
    Value,
}

/// What a name stands for in the plan.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fact {
    /// A text without expressions.
    Literal(String),
    /// A single expression, without `${{ }}`.
    Expression(String),
    /// A text with expressions in it.
    Text(String),
}

/// What an expression begins with that is one of the plan already.
pub const PLAN_MARK: char = '=';

/// A text of the workflow as an expression of the plan, where all that it is made of are
/// expressions of the plan.
pub fn plan_expression(source: &str) -> Option<String> {
    let mark = format!("${{{{ {PLAN_MARK}");
    let is_converted = source.matches("${{").count() == source.matches(&mark).count();
    is_converted.then(|| Fact::of_text(&source.replace(&mark, "${{ ")).as_expression())
}

/// Values that name each other in a circle end here.
pub const MAX_DEPTH: usize = 16;

/// Values that name others several times multiply; a workflow needs far fewer.
pub const MAX_LOOKUPS: usize = 100_000;

/// The names that are known at a step.
pub struct Scope<'n> {
    /// Variables of the workflow, the job and the step. Here and below the values are texts
    /// of the workflow, which are converted where they are used.
    pub env: BTreeMap<String, String>,
    /// Outputs by step and name.
    pub outputs: BTreeMap<(String, String), String>,
    /// Outputs of jobs by job and name.
    pub jobs: BTreeMap<(String, String), String>,
    pub matrix: BTreeMap<String, String>,
    /// How deep values that name other values are nested.
    pub depth: usize,
    /// How many values were looked up.
    pub lookups: usize,
    /// What the plan has to declare for the names that are used.
    pub needed: &'n mut Needed,
}

impl<'n> Scope<'n> {
    /// A scope in which no name is known.
    pub fn new(needed: &'n mut Needed) -> Self {
        Self {
            env: BTreeMap::new(),
            outputs: BTreeMap::new(),
            jobs: BTreeMap::new(),
            matrix: BTreeMap::new(),
            depth: 0,
            lookups: 0,
            needed,
        }
    }
}

impl Fact {
    /// What a text of the plan stands for.
    pub fn of_text(text: &str) -> Self {
        let inner = text.strip_prefix("${{").and_then(|it| it.strip_suffix("}}"));
        match inner {
            Some(inner) if !inner.contains("${{") => Self::Expression(inner.trim().to_owned()),
            _ if text.contains("${{") => Self::Text(text.to_owned()),
            _ => Self::Literal(text.to_owned()),
        }
    }

    /// As part of a text.
    pub fn as_text(&self) -> String {
        match self {
            Self::Literal(text) | Self::Text(text) => text.clone(),
            Self::Expression(expression) => format!("${{{{ {expression} }}}}"),
        }
    }

    /// As a text of a workflow, in which the expressions of a plan are marked.
    pub fn as_source(&self) -> String {
        self.as_text().replace("${{ ", &format!("${{{{ {PLAN_MARK}"))
    }

    /// As part of an expression.
    pub fn as_expression(&self) -> String {
        match self {
            Self::Literal(text) => quoted(text),
            Self::Expression(expression) => expression.clone(),
            Self::Text(text) => {
                let mut template = String::new();
                let mut values = Vec::new();
                for (at, part) in text.split("${{").enumerate() {
                    let literal = match part.split_once("}}") {
                        Some((value, literal)) if at > 0 => {
                            template.extend(["{", &values.len().to_string(), "}"]);
                            values.push(value.trim().to_owned());
                            literal
                        }
                        _ => part,
                    };
                    template.push_str(&literal.replace('{', "{{").replace('}', "}}"));
                }
                format!("format({}, {})", quoted(&template), values.join(", "))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub fn expression(text: &str) -> Fact {
    Fact::Expression(text.to_owned())
}

/// The runner's own variables, which a plan has as contexts.
pub fn default_variable(name: &str) -> Option<Fact> {
    Some(match name {
        "GITHUB_SHA" => expression("git.sha"),
        "GITHUB_SHA::7" | "GITHUB_SHA:0:7" | "GITHUB_SHA::8" | "GITHUB_SHA:0:8" => {
            expression("git.short-sha")
        }
        "GITHUB_HEAD_REF" => expression("pr.branch"),
        "GITHUB_WORKSPACE" => Fact::Literal(".".to_owned()),
        "GITHUB_REF_NAME"
        | "GITHUB_REF"
        | "GITHUB_REPOSITORY"
        | "GITHUB_RUN_ID"
        | "GITHUB_RUN_NUMBER"
        | "GITHUB_ACTOR"
        | "GITHUB_REPOSITORY_OWNER" => {
            let member = name.trim_start_matches("GITHUB_").to_ascii_lowercase();
            expression(&format!("github.{member}"))
        }
        "GITHUB_REF##*/" => expression("github.ref_name"),
        _ => return None,
    })
}
