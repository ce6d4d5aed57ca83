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
  shipway schema --id https://example.com/shipway.schema.json

Exit codes: 0 done; 2 the command line is wrong")]
pub struct SchemaArguments {
    /// Print the schema of this document
    #[arg(value_enum, default_value_t, value_name = "DOCUMENT")]
    pub document: Document,
    /// Give it this `$id`, the URL that it is published at
    #[arg(long, value_name = "URL", value_parser = published_at)]
    pub id: Option<String>,
}

fn published_at(text: &str) -> Result<String, &'static str> {
    let has_host = |rest: &str| !rest.is_empty() && !rest.starts_with('/');
    let is_url = text.strip_prefix("https://").is_some_and(has_host);
    if is_url { Ok(text.to_owned()) } else { Err("it is no URL that begins with `https://`") }
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
    let text = match arguments.document {
        Document::Plan => format!("{:#}", json_schema()),
        Document::PlanOutput => PLAN_OUTPUT.to_owned(),
    };
    say::result(&match &arguments.id {
        Some(id) => with_id(&text, id),
        None => text,
    });
    Exit::Done
}

/// Puts the `$id` into the first line of a schema.
fn with_id(text: &str, id: &str) -> String {
    text.replacen('\n', &format!("\n  \"$id\": {},\n", serde_json::Value::from(id)), 1)
}
