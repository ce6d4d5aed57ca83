//! `eval` prints what an expression gives before anything runs.

use crate::support::{Finished, Program};

const PLAN: &str = "\
name: shop
vars: { size: small, label: 'shop-${{ env.TEAM }}' }
environments:
  production: { if: 'true', vars: { size: large } }
  preview: { if: 'false' }
secrets: { db-url: { env: DB_URL } }
steps:
  - run: echo
    env: { DB_URL: '${{ secrets.db-url }}' }
";

fn eval(arguments: &[&str]) -> Finished {
    let program = Program::with_plan(PLAN).env("TEAM", "web").env("DB_URL", "pw");
    let finished = program.run(&[&["eval"], arguments].concat());
    assert!(!program.path(".shipway").exists(), "nothing was begun");
    finished
}

#[track_caller]
fn prints(arguments: &[&str], expected: &str) {
    let finished = eval(arguments).exits(0);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), (expected, ""));
}

#[test]
fn eval_prints_text() {
    prints(&["vars.label"], "shop-web\n");
    prints(&["${{ format('{0}!', vars.size) }}", "shipway.yml"], "large!\n");
    prints(&["vars.size", "--env", "preview"], "small\n");
    prints(&["vars.size == 'tiny'", "--set", "size=tiny"], "true\n");
    prints(&["pr.number"], "\n");
}

#[test]
fn empty_value_without_an_environment_is_explained() {
    let plan = PLAN.replace("if: 'true'", "if: 'false'");
    let finished = Program::with_plan(&plan).run(&["eval", "pr.number"]).exits(0);
    assert_eq!(finished.stdout, "\n");
    assert_eq!(
        finished.stderr,
        "note: it is empty, and no environment is chosen; `--env NAME` names one\n"
    );
}

#[test]
fn eval_prints_json() {
    prints(
        &["vars", "--output", "json"],
        "{\n  \"size\": \"large\",\n  \"label\": \"shop-web\"\n}\n",
    );
    prints(&["${{ vars.size }}", "--output", "json"], "\"large\"\n");
    prints(&["pr.number", "--output", "json"], "null\n");
    prints(&["1 == 1", "--output", "json"], "true\n");
}

#[test]
fn eval_masks_secrets_of_the_environment() {
    prints(&["env.DB_URL"], "***\n");
    prints(&["format('a {0}', env.DB_URL)", "--output", "json"], "\"***\"\n");
    prints(&["env", "--output", "json"], "\"***\"\n");
}

#[track_caller]
fn refuses(expression: &str, expected: &str) {
    let finished = eval(&[expression]).exits(2);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("", expected));
}

#[test]
fn eval_refuses_what_only_a_run_knows() {
    refuses(
        "${{ vars.size || secrets.db-url }}",
        "error[not-known-yet]: `secrets` has a value only in a run
 --> EXPRESSION:1:18
  |
1 | ${{ vars.size || secrets.db-url }}
  |                  ^^^^^^^^^^^^^^ it is there once the secrets are read
  |
  = help: here are `env`, `git`, `github`, `pr`, `run`, `environment`, `vars`
",
    );
    refuses(
        "steps.push.outputs.digest",
        "error[not-known-yet]: `steps` has a value only in a run
 --> EXPRESSION:1:1
  |
1 | steps.push.outputs.digest
  | ^^^^^^^^^^^^^^^^^^^^^^^^^ it is there in steps, after the step it names
  |
  = help: here are `env`, `git`, `github`, `pr`, `run`, `environment`, `vars`
",
    );
}

#[test]
fn eval_explains_mistakes() {
    refuses(
        "vars",
        "error[not-text]: `vars` is an object, not text
 --> EXPRESSION:1:1
  |
1 | vars
  | ^^^^
  |
  = help: name one of its members, or write `toJSON(vars)`
",
    );
    refuses(
        "matrix",
        "error[unknown-context]: `matrix` is not known here
 --> EXPRESSION:1:1
  |
1 | matrix
  | ^^^^^^
  |
  = help: text stands in single quotes
",
    );
}

#[test]
fn eval_refuses_names_that_are_not_there() {
    refuses(
        "git.shaa",
        "error[unknown-member]: `git` has no member `shaa`
 --> EXPRESSION:1:1
  |
1 | git.shaa
  | ^^^^^^^^
  |
  = help: did you mean `sha`?
",
    );
    refuses(
        "vars.lable",
        "error[unknown-variable]: no variable is called `lable`
 --> EXPRESSION:1:1
  |
1 | vars.lable
  | ^^^^^^^^^^
  |
  = help: did you mean `label`?
",
    );
}

#[test]
fn contexts_of_a_file_take_the_place_of_the_plans() {
    let with = |json: &str, expression: &str| {
        let program = Program::with_plan(PLAN).file("contexts.json", json);
        program.run(&["eval", expression, "--context", "contexts.json"])
    };
    let steps = r#"{ "steps": { "build": { "outputs": { "digest": "sha256:1" } } }, "vars": { "size": 3 } }"#;
    let finished = with(steps, "format('{0} {1}', steps.build.outputs.digest, vars.size + 1)");
    assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "there is no `+`");
    let finished = with(steps, "format('{0} {1}', steps.build.outputs.digest, vars.size > 2)");
    assert_eq!((finished.code, finished.stdout.as_str()), (0, "sha256:1 true\n"));
    // A context that is not given is the plan's.
    assert_eq!(with(steps, "github.event_name == ''").exits(0).stdout, "true\n");

    for (json, words) in [
        (
            r#"{ "step": {} }"#,
            "error: cannot read the contexts in `contexts.json`\n  because: `step` is not a context\n  \
             help: contexts are `env`, `git`, `github`, `pr`, `run`, `environment`, `vars`, \
             `secrets`, `steps`, `services`\n",
        ),
        (
            "[]",
            "error: cannot read the contexts in `contexts.json`\n  because: invalid type: sequence, expected \
             a map at line 1 column 0\n  help: it has an object with a member for each context, \
             such as `{ \"steps\": { \"build\": { \"outputs\": { \"digest\": \"…\" } } } }`\n",
        ),
    ] {
        assert_eq!(with(json, "vars.size").exits(2).stderr, words);
    }
    let missing = Program::with_plan(PLAN).run(&["eval", "vars.size", "--context", "none.json"]);
    assert_eq!(
        missing.exits(2).stderr,
        "error: cannot read the contexts in `none.json`\n  because: No such file or directory (os error 2)\n  \
         help: name a file with JSON\n"
    );
}
