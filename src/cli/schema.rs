//! `shipway schema`: the JSON Schema of plans, for editors and validators, and of what
//! `shipway plan` prints.

use super::exit::Exit;
use super::say;
use crate::plan::json_schema;
use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mkdir -p .shipway && shipway schema > .shipway/schema.json
  shipway schema plan-output > plan-output.schema.json

Exit codes: 0 done; 2 the command line is wrong")]
pub struct SchemaArguments {
    /// Print the schema of this document
    #[arg(value_enum, default_value_t, value_name = "DOCUMENT")]
    pub document: Document,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Document {
    /// A plan, such as `shipway.yml`
    #[default]
    Plan,
    /// What `shipway plan --output json` prints
    PlanOutput,
}

/// Written by hand, and checked against what is printed by `tests/peers/plan_output.rs`.
const PLAN_OUTPUT: &str = include_str!("plan/output.schema.json");

/// Prints the schema.
pub fn schema(arguments: &SchemaArguments) -> Exit {
    match arguments.document {
        Document::Plan => say::result(&format!("{:#}", json_schema())),
        Document::PlanOutput => say::result(PLAN_OUTPUT),
    }
    Exit::Done
}
