//! `shipway images` with docker-registry, and with the local cloud, where
//! container groups run images.

mod attest;
mod keyless;
mod list;
mod prune;
mod referrers;
mod signing;

use crate::support::state::newest;
use crate::support::{Finished, Program};
use serde_json::Value;

const AZURE: &str = "demo.azurecr.io";

/// A plan that builds an image of one page, and pushes it as `web:TAG`.
fn pages(host: &str, more: &str) -> Program {
    let plan = format!(
        "name: pages
vars: {{ tag: v1, label: one }}
registries: {{ '{host}': {{ login: anonymous }} }}
steps:
  - build:
      layers: [{{ from: page.html, to: /www/index.html }}]
      labels: {{ label: '${{{{ vars.label }}}}' }}
  - tag: '{host}/web:${{{{ vars.tag }}}}'
  - push: {more}
"
    );
    Program::with_plan(&plan).file("page.html", "<h1>hello</h1>\n")
}

/// Pushes a tag; the same label is the same digest.
fn push(program: &Program, tag: &str, label: &str) {
    let (tag, label) = (format!("tag={tag}"), format!("label={label}"));
    program.run(&["run", "--set", &tag, "--set", &label]).exits(0);
}

/// A detached local cloud whose group `live` runs `web:v1`, and the plan that
/// deployed it. Dropping it stops the cloud.
struct Cloud {
    program: Program,
    file: String,
}

impl Cloud {
    fn start(push: &str) -> Self {
        let plan = format!(
            "name: shelf
azure: {{ resource-group: demo, location: westeurope }}
vars: {{ tag: v1, label: one }}
registries: {{ {AZURE}: {{}} }}
steps:
  - build:
      layers: [{{ from: busybox, to: /bin/busybox, mode: '0755' }}]
      entrypoint: [/bin/busybox, sleep, '600']
      labels: {{ label: '${{{{ vars.label }}}}' }}
  - tag: '{AZURE}/web:${{{{ vars.tag }}}}'
  - push: {push}
  - deploy: {{ aci: {{ name: live }} }}
"
        );
        let program = Program::with_plan(&plan).busybox();
        program.run(&["dry-run", "--detach", "--runtime", "built-in"]).exits(0);
        let folder = newest(&program, "local").expect("a cloud");
        Self { program, file: folder.join("cloud.json").display().to_string() }
    }

    /// Pushes the tag with another label, which changes the digest.
    fn push(&self, tag: &str, label: &str) {
        let (tag, label) = (format!("tag={tag}"), format!("label={label}"));
        let arguments = ["--cloud", &self.file, "--until", "push", "--set", &tag, "--set", &label];
        self.program.run(&[&["run"], arguments.as_slice()].concat()).exits(0);
    }

    fn images(&self, more: &[&str]) -> Finished {
        self.program.run(&[&["images", "--cloud", &self.file], more].concat())
    }

    fn listed(&self) -> Value {
        rows(&self.images(&["--output", "json"]).exits(0))
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.program.run(&["local", "stop"]);
    }
}

fn rows(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).expect("JSON")
}

/// A field of every row.
fn column(rows: &Value, field: &str) -> Vec<String> {
    let rows = rows.as_array().expect("a list");
    let text = |row: &Value| match &row[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    rows.iter().map(text).collect()
}
