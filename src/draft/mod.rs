//! Writes the text of a plan that a person goes on with.
//!
//! `init` and `import` describe a plan by [`PlanDraft`], and [`PlanDraft::write`]
//! makes the YAML of it: block style with the short mappings on one line, as the
//! documents have it, comments included. `yaml` and `scalar` know nothing of plans.

mod plan;
mod scalar;
mod yaml;

pub use plan::{AzureDraft, EnvironmentDraft, PlanDraft, ServiceDraft, StepDraft};
pub use yaml::Node;
