//! `init` writes a plan that passes `check`, from what the folder holds.

mod described;
mod projects;

use crate::support::path::without_engines;
use crate::support::{Finished, Program};
use std::fs;

const SERVED: &str = "FROM scratch\nCOPY busybox /busybox\nCOPY www /www\nEXPOSE 8080\n\
                      ENTRYPOINT [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n";

/// A folder `shop` with these files, outside of git and without settings of `az`.
fn folder(files: &[(&str, &str)]) -> Program {
    let start = Program::new().env("AZURE_CONFIG_DIR", "nowhere");
    files.iter().fold(start, |program, (name, text)| program.file(&format!("shop/{name}"), text))
}

/// The plan that `init` writes, which has no mistakes, and what it said.
#[track_caller]
fn init(program: &Program, options: &[&str]) -> (String, Finished) {
    let finished = program.run(&[&["init", "shop"], options].concat()).exits(0);
    let checked = program.run(&["check", "shop/shipway.yml"]).exits(0);
    assert_eq!(checked.stderr, "shop/shipway.yml: no mistakes\n");
    (fs::read_to_string(program.path("shop/shipway.yml")).expect("a plan"), finished)
}

/// The steps of the plan before the first `tag`.
fn build(plan: &str) -> &str {
    let steps = plan.split_once("\nsteps:\n").expect("steps").1;
    steps.split_once("  - tag:").expect("a tag").0
}

fn text(program: &Program, name: &str) -> String {
    fs::read_to_string(program.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[track_caller]
fn dry_run(program: Program, options: &[&str]) -> Finished {
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let program = program.env("PATH", &bin.path().display().to_string());
    let arguments = ["dry-run", "shop/shipway.yml", "--runtime", "built-in"];
    program.run(&[&arguments, options].concat()).exits(0)
}

/// The URLs without the label of the preview, which has a hash.
fn urls(finished: &Finished) -> String {
    let label = regex::Regex::new("//[a-z0-9-]+?(-api|-web)?[.]").expect("a pattern");
    label.replace_all(&finished.stdout, "//LABEL$1.").into_owned()
}

#[test]
fn init_writes_plan_workflow_and_schema() {
    let program = folder(&[("Dockerfile", SERVED), ("www/index.html", "hello")]);
    let (plan, finished) = init(&program, &[]);

    assert_eq!(
        plan,
        "# yaml-language-server: $schema=.shipway/schema.json
name: shop

azure:
  resource-group: shop
  location: westeurope

registries:
  shopregistry.azurecr.io:
    pull: { identity: shop-pull }

environments:
  production:
    if: github.event_name == 'push' && github.ref == 'refs/heads/main'
    protected: true
    vars: { label: shop-app }
  preview:
    if: github.event_name == 'pull_request'
    vars: { label: \"${{ pr.dns-label || 'shop-dev' }}\" }
    ttl: 48h

steps:
  - build: .
  - tag:
      image: shopregistry.azurecr.io/shop
      tags: [\"${{ git.short-sha || 'dev' }}\", \"${{ pr.tag }}\"]
  - push:
  - deploy:
      aci:
        dns-label: ${{ vars.label }}
        ports: [8080]
        cpu: 1
        memory: 1.5GB
  - verify: /
"
    );
    assert_eq!(
        finished.stderr,
        "wrote shipway.yml: the plan
wrote .github/workflows/shipway.yml: runs the plan on GitHub
note: these were not asked for, and can be changed in the plan: --registry \
         shopregistry.azurecr.io --resource-group shop --location westeurope
note: `OWNER/shipway@COMMIT` in the workflow is to be replaced by the repository of Shipway's \
         action and a commit of it, or given by `--action`

next:
  shipway check shop/shipway.yml     shows mistakes in the plan
  shipway dry-run shop/shipway.yml   runs it on this machine, without Azure
  shipway doctor shop/shipway.yml    shows what is missing in Azure and at GitHub
"
    );
    let workflow = text(&program, "shop/.github/workflows/shipway.yml");
    assert!(
        workflow.contains("plan: shipway.yml\n          command: ${{ github.event_name =="),
        "{workflow}"
    );
    assert!(text(&program, "shop/.shipway/schema.json").contains("\"dns-label\""));
}

#[test]
fn options_and_settings_of_az_replace_defaults() {
    let program = folder(&[("Dockerfile", "FROM scratch\n")])
        .file("az/config", "[defaults]\ngroup = team\nlocation = northeurope\nacr = teamimages\n")
        .env("AZURE_CONFIG_DIR", "az");
    let printed = program.run(&["init", "shop", "--print", "--port", "9000"]).exits(0).stdout;
    for line in
        ["resource-group: team", "location: northeurope", "teamimages.azurecr.io:", "[9000]"]
    {
        assert!(printed.contains(line), "no `{line}` in\n{printed}");
    }
    assert!(!program.path("shop/shipway.yml").exists());

    let options = ["--name", "store", "--registry", "ghcr.io", "--action", "octo/shipway@v1"];
    let (plan, finished) = init(&program, &[&options[..], &["--resource-group", "rg"]].concat());
    assert!(plan.contains("image: ghcr.io/store\n"), "{plan}");
    assert!(!plan.contains("registries:"), "{plan}");
    assert!(!finished.stderr.contains("OWNER"), "{}", finished.stderr);
}

#[test]
fn init_overwrites_nothing() {
    let program = folder(&[("Dockerfile", "FROM scratch\n"), ("shipway.yaml", "mine")]);
    assert_eq!(
        program.run(&["init", "shop"]).exits(2).stderr,
        "error: there is a plan already: `shop/shipway.yaml`
  help: `shipway check` shows its mistakes; `shipway init --print` shows what would be written, \
         without writing it
"
    );
    let files = [
        ("package.json", r#"{"scripts": {"start": "node ."}}"#),
        (".dockerignore", "mine\n"),
        (".github/workflows/shipway.yml", "mine\n"),
    ];
    let program = folder(&files);
    let (_, finished) = init(&program, &[]);
    finished.begins_with(
        "wrote shipway.yml: the plan
wrote Dockerfile: what the image holds
kept .dockerignore, which was there before
kept .github/workflows/shipway.yml, which was there before
",
    );
    assert!(!finished.stderr.contains("OWNER/shipway"), "{}", finished.stderr);
    assert_eq!(text(&program, "shop/.dockerignore"), "mine\n");
    assert_eq!(text(&program, "shop/.github/workflows/shipway.yml"), "mine\n");
}
