//! What `shipway plan --output json` prints, checked against its schema by Python's
//! `jsonschema`.

use crate::peer::programs::python;
use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
secrets: { token: { env: THE_TOKEN } }
vars: { cpu: 0.5, log: info, condition: true }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /]
  - tag: shop.azurecr.io/web:v1
  - push:
  - deploy:
      aci:
        dns-label: shop-demo
        ports: [80]
        cpu: ${{ vars.cpu }}
        env: { LOG: '${{ vars.log }}', TOKEN: '${{ secrets.token }}' }
  - verify: /
  - run: ./announce
  - id: later
    run: ./announce
    if: ${{ vars.condition == 'false' }}
  - build: { image: 'elsewhere.example.com/missing:v1' }
    id: other
";

/// What the validator says of a document.
fn validated(folder: &Path, schema: &Path, document: &str) -> Result<(), String> {
    let file = folder.join("document.json");
    fs::write(&file, document).expect("a file");
    let said = Command::new(python("jsonschema")).arg("-i").arg(&file).arg(schema).output();
    let said = said.expect("the validator runs");
    if said.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr))
}

#[test]
fn every_plan_that_is_printed_is_as_its_schema_says() {
    let cloud = CloudProcess::with_registry("shop");
    let path = cloud.path.display().to_string();
    let program = Program::with_plan(PLAN).applets().env("THE_TOKEN", "a-t0ken-of-the-shop");
    let folder = program.folder().to_owned();
    let schema = folder.join("schema.json");
    fs::write(&schema, program.run(&["schema", "plan-output"]).exits(0).stdout).expect("a file");
    let plan = |more: &[&str]| {
        let all = ["plan", "--output", "json", "--cloud", &path];
        program.run(&[&all[..], more].concat()).stdout
    };
    let is_valid = |document: &str| {
        validated(&folder, &schema, document).unwrap_or_else(|why| panic!("{why}\n{document}"));
    };

    let created = plan(&[]);
    is_valid(&created);
    program.run(&["run", "--until", "deploy", "--cloud", &path]).exits(0);
    for more in [&[][..], &["--set", "log=debug"], &["--set", "cpu=1"], &["--offline"]] {
        is_valid(&plan(more));
    }
    let page = include_str!("../../docs/plan-output.md");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    is_valid(example.expect("an example"));

    // The schema says something.
    let mut wrong: Value = serde_json::from_str(&created).expect("JSON");
    wrong["changes"][0]["actions"] = "create".into();
    assert!(validated(&folder, &schema, &wrong.to_string()).is_err());
    let mut leaky: Value = serde_json::from_str(&created).expect("JSON");
    let properties = leaky["changes"][0]["properties"].as_array_mut().expect("a list");
    let secret = properties.iter_mut().find(|one| one["sensitive"] == true).expect("the token");
    secret["after"] = "a-t0ken-of-the-shop".into();
    assert!(validated(&folder, &schema, &leaky.to_string()).is_err());
}
