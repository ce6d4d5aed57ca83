//! The typed plan: what a `shipway.yml` means once it has been read.
//!
//! Every string may hold `${{ }}` and is therefore a [`Text`]; a scalar of
//! another type is a [`Field`], which knows its type but is read when its
//! expressions can be.

mod action;
mod settings;
mod text;
mod texts;

pub use action::{
    Aci, Action, Body, Build, BuildKind, Compression, Container, Deploy, DeployKind, Dockerfile,
    ExistingImage, Expect, Layer, Layers, OnFailure, Probe, Push, Replace, RestartPolicy, Run,
    Script, Tag, TagTarget, Using, Verify,
};
pub use settings::{
    Azure, Cloud, Create, Environment, KeyVaultReference, Login, Pull, Registry, Report,
    SecretDeclaration, SecretSource,
};
pub use text::{Condition, Field, Map, Part, Size, Text};
pub use texts::Template;

use super::span::{Span, Spanned};
use std::time::Duration;

/// A whole plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the plan calls itself; names resources where nothing else does.
    pub name: Spanned<String>,
    /// Variables of every `run` step.
    pub env: Map<Text>,
    /// `${{ vars.NAME }}`.
    pub vars: Map<Text>,
    /// `${{ secrets.NAME }}`.
    pub secrets: Map<SecretDeclaration>,
    /// Where in Azure things are deployed.
    pub azure: Option<Azure>,
    /// By host name, with the port where there is one.
    pub registries: Map<Registry>,
    /// In order: the first whose condition holds is chosen.
    pub environments: Map<Environment>,
    /// At least one. A plan with top-level `steps` has one, named as the plan.
    pub services: Map<Service>,
    /// Whether the plan has top-level `steps` instead of `services`.
    pub single: bool,
    /// Where the result is told.
    pub report: Vec<Spanned<Report>>,
}

impl Plan {
    /// One that says nothing, and which no file can hold.
    pub fn empty() -> Self {
        Self {
            name: Spanned::new(String::new(), 0..0),
            env: Map::default(),
            vars: Map::default(),
            secrets: Map::default(),
            azure: None,
            registries: Map::default(),
            environments: Map::default(),
            services: Map::default(),
            single: false,
            report: Vec::new(),
        }
    }
}

/// One service: its steps run in order, beside those of other services.
#[derive(Clone, Debug)]
pub struct Service {
    /// Services that must have succeeded before this one starts.
    pub needs: Vec<Spanned<String>>,
    /// In order.
    pub steps: Vec<Step>,
    /// The whole of it in the plan.
    pub span: Span,
}

/// One step: exactly one action and what goes beside it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Given, or made from the action: `push`, `push-2`. Unique in its service.
    pub id: Spanned<String>,
    /// What people are shown instead of the id.
    pub name: Option<Text>,
    /// `success()` where absent.
    pub condition: Option<Condition>,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// How long one attempt may take. 10 minutes, for `run` 60, where not given.
    pub timeout: Field<Duration>,
    /// Variables of a `run` step.
    pub env: Map<Text>,
    /// A failure of this step does not fail the run.
    pub continue_on_error: Field<bool>,
    /// A `run` step that may be repeated when it is not known whether it ran.
    pub idempotent: Field<bool>,
    /// What it does.
    pub action: Action,
    /// The whole step in the plan.
    pub span: Span,
}

/// How often a step is tried, and how long the waits are between.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// At least 1. The default is 4, for `run` and `verify` 1.
    pub attempts: u32,
    /// The first wait; each further one doubles. The default is one second.
    pub base: Duration,
    /// No wait is longer. The default is 30 seconds.
    pub cap: Duration,
}

impl RetryPolicy {
    /// What holds where a step says nothing: a program of the user's is not run
    /// twice unasked, and a `verify` asks again by itself as long as it may.
    pub fn unasked(action: &str) -> Self {
        match action {
            "run" | "verify" => Self { attempts: 1, ..Self::default() },
            _ => Self::default(),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 4, base: Duration::from_secs(1), cap: Duration::from_secs(30) }
    }
}
