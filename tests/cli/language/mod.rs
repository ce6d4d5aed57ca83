//! What a plan may say: expressions, includes, environments, sources and tags.

mod check;
mod diagnostic_examples;
mod environments;
mod eval;
mod git;
mod include;
mod labels;
mod late_values;
mod refusals;
mod schema;
mod service_if;
mod sources;
mod tag_rules;
