//! `shipway check` looks for the files that a build takes.

use crate::support::Program;

const PLAN: &str = "name: a\nsteps:\n- build: web\n";

#[test]
fn missing_folder_of_a_build_is_an_error_with_its_line() {
    assert_eq!(
        Program::with_plan(PLAN).run(&["check"]).exits(2).stderr,
        "error[missing-path]: there is no folder `web` to build from
 --> shipway.yml:3:10
  |
3 | - build: web
  |          ^^^
  |
  = help: paths are relative to the plan's folder
"
    );
}

#[test]
fn missing_layer_is_a_warning() {
    let plan = "name: a\nsteps:\n- build: { layers: [{ from: dist, to: /srv }] }\n";
    let checked = Program::with_plan(plan).run(&["check"]).exits(0);
    assert!(checked.stderr.starts_with("warning[missing-path]: `dist` does not exist\n"));
}

#[test]
fn folder_with_a_dockerfile_is_found_beside_the_plan() {
    let program =
        Program::with_plan("").file("app/shipway.yml", PLAN).file("app/web/Dockerfile", "");
    assert_eq!(
        program.run(&["check", "app/shipway.yml"]).exits(0).stderr,
        "app/shipway.yml: no mistakes\n"
    );
}

/// A plan with one warning and no error.
const WARNED: &str = "name: a\nsecrets: { old: { env: OLD } }\nsteps: [{ run: x }]\n";

#[test]
fn warnings_are_errors_where_they_are_denied() {
    let program = Program::with_plan(WARNED);
    let warned = "warning[unused-secret]: nothing uses the secret `old`
 --> shipway.yml:2:12
  |
2 | secrets: { old: { env: OLD } }
  |            ^^^
  |
  = help: leave it out, or write `${{ secrets.old }}` where it is needed
";
    assert_eq!(program.run(&["check"]).exits(0).stderr, warned);
    let denied = "error: the plan has a warning, and `--deny warnings` refuses that\n";
    let checked = program.run(&["check", "--deny", "warnings"]).exits(2);
    assert_eq!(checked.stderr, format!("{warned}{denied}"));
    let json = program.run(&["check", "--deny=warnings", "--format=json"]).exits(2);
    assert_eq!(json.stderr, denied);
    let plain = Program::with_plan("name: a\nsteps: [{ run: x }]\n");
    plain.run(&["check", "--deny", "warnings"]).exits(0);
    let wrong =
        Program::with_plan("name: a\nsecrets: { old: { env: OLD } }\nsteps: [{ rum: x }]\n");
    let both = wrong.run(&["check", "--deny", "warnings", "--format=github"]).exits(2);
    assert_eq!(both.stderr, "");
    let action =
        Program::with_plan(WARNED).env("INPUT_COMMAND", "check").env("INPUT_DENY", "warnings");
    action.run(&["action"]).exits(2);
}

/// What code scanning of GitHub requires, and that places and rules are those of the plan.
#[test]
fn sarif_has_a_result_for_each_mistake() {
    let plan = "name: ä\nsteps:\n- { id: a, run: x }\n- { id: a, rum: x }\n";
    let program = Program::new().file("web app/shipway.yml", plan);
    let written = program.run(&["check", "web app/shipway.yml", "--format", "sarif"]).exits(2);
    assert_eq!(written.stderr, "");
    let log: serde_json::Value = serde_json::from_str(&written.stdout).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["$schema"], "https://json.schemastore.org/sarif-2.1.0.json");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "shipway");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().expect("results");
    let json = program.run(&["check", "web app/shipway.yml", "--format", "json"]).exits(2).stdout;
    let found: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let found = found.as_array().expect("a list");
    assert!(found.len() >= 2, "{json}");
    assert_eq!(results.len(), found.len());
    for (result, found) in results.iter().zip(found) {
        let rule = result["ruleIndex"].as_u64().and_then(|at| usize::try_from(at).ok());
        let rule = &driver["rules"][rule.expect("an index")];
        assert_eq!((&result["ruleId"], &rule["id"]), (&found["code"], &found["code"]));
        for text in
            [&rule["shortDescription"]["text"], &rule["help"]["text"], &rule["help"]["markdown"]]
        {
            assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{rule}");
        }
        assert_eq!(result["level"], found["severity"]);
        let message = result["message"]["text"].as_str().expect("a text");
        assert!(message.starts_with(found["message"].as_str().expect("a text")), "{message}");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "web%20app/shipway.yml");
        assert_eq!(place["region"]["startLine"], found["line"]);
        assert_eq!(place["region"]["startColumn"], found["column"]);
        assert_eq!(place["region"]["endColumn"], found["end-column"]);
    }
}

#[test]
fn code_is_explained_as_on_the_page() {
    let program = Program::new();
    assert_eq!(
        program.run(&["check", "--explain", "two-actions"]).exits(0).stdout,
        "\
two-actions (Keys and values)

A step has several actions. Each needs a step of its own, since it has its own outcome, retries and id.

Wrong:

    name: shop
    steps:
      - build: .
        tag: demo.azurecr.io/web:v1
      - push:

Right:

    name: shop
    steps:
      - build: .
      - tag: demo.azurecr.io/web:v1
      - push:
"
    );
    let by_command = program.run(&["check", "--explain", "bad-expression"]).exits(0).stdout;
    assert_eq!(
        by_command,
        "\
bad-expression (Values)

An expression cannot be parsed when it is evaluated. In a plan `check` finds it before, as \
         expression-syntax; so this is about the expression of a command line.

Wrong, with `shipway eval \"vars.label ==\"`:

    name: shop
    vars: { label: shop }
    steps:
      - run: make ${{ vars.label }}

Right, with `shipway eval \"vars.label == 'shop'\"`:

    name: shop
    vars: { label: shop }
    steps:
      - run: make ${{ vars.label }}
"
    );
    assert_eq!(
        program.run(&["check", "--explain", "two-action"]).exits(2).stderr,
        "error: there is no diagnostic `two-action`\n  help: did you mean `two-actions`?\n"
    );
    assert_eq!(
        program.run(&["check", "--explain", "xyz-xyz-xyz"]).exits(2).stderr,
        "error: there is no diagnostic `xyz-xyz-xyz`\n  \
         help: name the code of a diagnostic, or a value such as `vars.cpu`\n"
    );
}

const SHOP: &str = "name: shop
env: { LOG: \"${{ vars.label }}\" }
vars: { label: shop, cpu: 1 }
secrets: { password: { env: PASSWORD } }
environments:
  production:
    if: github.ref == 'refs/heads/main'
  preview:
    vars: { label: \"shop-${{ run.dry-run }}\", days: 2 }
steps: [{ run: x, env: { P: \"${{ secrets.password }}\" } }]
";

#[test]
fn origin_of_a_value_is_explained() {
    let program = Program::with_plan(SHOP).env("LOG", "debug").env("COLOUR", "red");
    let case = |arguments: &[&str], expected: &str| {
        let arguments = [&["check", "--explain"], arguments].concat();
        assert_eq!(program.run(&arguments).exits(0).stdout, expected, "{arguments:?}");
    };
    case(
        &["vars.label"],
        "`vars.label` is `shop-false`\n  \
         from shipway.yml:9:20, of the environment `preview`: `shop-${{ run.dry-run }}`\n  \
         over shipway.yml:3:16, of the plan: `shop`\n",
    );
    case(
        &["vars.cpu", "--set", "cpu=2", "--env", "production"],
        "`vars.cpu` is `2`\n  from `--set`: `2`\n  over shipway.yml:3:27, of the plan: `1`\n",
    );
    case(
        &["env.LOG"],
        "`env.LOG` is `shop-false`\n  \
         from shipway.yml:2:13, `env` of the plan: `${{ vars.label }}`\n  \
         over the environment of the process\n",
    );
    case(&["env.COLOUR"], "`env.COLOUR` is `red`\n  from the environment of the process\n");
    case(
        &["env.NOTHING"],
        "`env.NOTHING` is empty\n  \
         from nowhere: neither the process nor `env` of the plan has it\n",
    );
    case(
        &["secrets.password"],
        "`secrets.password` is a secret, which is read when a run begins\n  \
         from shipway.yml:4:12; `shipway secrets` shows where its value is found\n",
    );
    case(
        &["environment"],
        "`environment` is `preview`\n  \
         from shipway.yml:8:3, which has no `if`, where none before it matched\n",
    );
    case(
        &["environment.name", "--env", "production"],
        "`environment.name` is `production`\n  from `--env`, at shipway.yml:6:3\n",
    );
    case(&["run.dry-run"], "`run.dry-run` is `false`\n  `run`: this run of Shipway\n");
}

const TWO_PLACES: &str = "name: shop
azure: { resource-group: test, location: westeurope }
secrets: { password: { env: PASSWORD } }
environments:
  production:
    if: github.ref == 'refs/heads/main'
    azure: { resource-group: \"shop-${{ environment.name }}\" }
    secrets: { password: { env: LIVE_PASSWORD } }
  preview:
steps: [{ run: x, env: { P: \"${{ secrets.password }}\" } }]
";

#[test]
fn settings_of_an_environment_are_explained() {
    let program = Program::with_plan(TWO_PLACES);
    let case = |arguments: &[&str], expected: &str| {
        let arguments = [&["check", "--explain"], arguments].concat();
        assert_eq!(program.run(&arguments).exits(0).stdout, expected, "{arguments:?}");
    };
    case(
        &["azure.resource-group", "--env", "production"],
        "`azure.resource-group` is `shop-production`\n  \
         from shipway.yml:7:30, of the environment `production`: `shop-${{ environment.name }}`\n  \
         over shipway.yml:2:26, of the plan: `test`\n",
    );
    case(
        &["azure.resource-group"],
        "`azure.resource-group` is `test`\n  from shipway.yml:2:26, of the plan: `test`\n",
    );
    case(
        &["azure.cloud"],
        "`azure.cloud` is not given\n  neither by the plan nor by its environment\n",
    );
    case(
        &["secrets.password", "--env", "production"],
        "`secrets.password` is a secret, which is read when a run begins\n  \
         from shipway.yml:8:16, of the environment `production`; \
         `shipway secrets` shows where its value is found\n  \
         over shipway.yml:3:12, of the plan\n",
    );
    assert_eq!(
        program.run(&["check", "--explain", "azure.locaton"]).exits(2).stderr,
        "error: `azure` has no key `locaton`\n  help: did you mean `location`?\n"
    );
}

#[test]
fn environment_whose_if_holds_is_explained() {
    let program = Program::with_plan(SHOP).in_actions("push", &serde_json::json!({}));
    assert_eq!(
        program.run(&["check", "--explain", "environment.slug"]).exits(0).stdout,
        "`environment.slug` is `production`\n  \
         from shipway.yml:7:9, the first `if` that holds: `github.ref == 'refs/heads/main'`\n"
    );
    let none = Program::with_plan("name: a\nsteps: [{ run: x }]\n");
    assert_eq!(
        none.run(&["check", "--explain", "environment"]).exits(0).stdout,
        "`environment` is empty\n  from a plan without environments\n"
    );
}

#[test]
fn value_without_an_origin_is_a_mistake() {
    let program = Program::with_plan(SHOP);
    let refused =
        |arguments: &[&str]| program.run(&[&["check"], arguments].concat()).exits(2).stderr;
    let unknown = refused(&["--explain", "vars.lable"]);
    assert!(unknown.starts_with("error[unknown-variable]: "), "{unknown}");
    assert!(unknown.contains("did you mean `label`?"), "{unknown}");
    let late = refused(&["--explain", "steps.run.outputs.x"]);
    assert!(late.contains("`steps` has a value only in a run"), "{late}");
    assert_eq!(
        refused(&["--explain", "secrets.passwort"]),
        "error: no secret is called `passwort`\n  help: did you mean `password`?\n"
    );
    assert_eq!(
        refused(&["--set", "cpu=2"]),
        "error: the following required arguments were not provided:\n  --explain <TOPIC>\n\n\
         Usage: shipway check --explain <TOPIC> --set <NAME=VALUE> [PLAN]\n\n\
         For more information, try '--help'.\n"
    );
}

#[test]
fn registry_that_a_service_pulls_from_as_its_admin_user_is_noted() {
    let plan = "name: a
azure: { resource-group: demo, location: westeurope }
steps:
  - build: { layers: [{ from: shipway.yml, to: /a }], entrypoint: [/a] }
  - tag: demo.azurecr.io/a:v1
  - push:
  - deploy: { aci: { name: a, dns-label: a-here, ports: [80] } }
  - verify: /
";
    let note = "note: `demo.azurecr.io` has no `pull`, so Azure pulls with the admin user of the \
                registry, which a new one does not have; `pull: { identity: NAME }` needs none\n";
    let program = Program::with_plan(plan);
    let checked = program.run(&["check", "--deny", "warnings"]).exits(0);
    assert_eq!(checked.stderr, format!("shipway.yml: no mistakes\n{note}"));
    let run = program.run(&["dry-run", "--runtime", "built-in", "--until", "push"]).exits(0);
    assert!(run.stderr.starts_with(note), "{}", run.stderr);
}
