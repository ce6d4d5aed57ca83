//! Values that only a run knows, and that their keys do not take.

use crate::support::Program;

/// A plan with a step that puts out `soon`, and one that uses it.
fn plan(using: &str) -> Program {
    Program::with_plan(&format!(
        "name: late
report: none
steps:
  - id: make
    run: echo word=soon >> $SHIPWAY_OUTPUT
  - id: use
    run: 'true'
    {using}
"
    ))
}

#[test]
fn value_that_its_key_does_not_take_is_shown_with_key_and_line() {
    let finished = plan("timeout: ${{ steps.make.outputs.word }}").run(&["run"]).exits(4);
    finished.says_in_order(&[
        "\nuse   failed  (",
        "\n    cannot evaluate `timeout`\n",
        "\n      expected a duration such as `10m`, `1h30m` or `500ms`, not `soon`\n",
        "\n    |  --> shipway.yml:8:18\n",
        "\n    | 8 |     timeout: ${{ steps.make.outputs.word }}\n",
    ]);
}

#[test]
fn a_tolerance_that_is_neither_true_nor_false_is_named() {
    let using = "continue-on-error: ${{ steps.make.outputs.word }}";
    let finished = plan(using).run(&["run"]).exits(4);
    finished.says_in_order(&[
        "\nuse   failed  (",
        "\n    cannot evaluate `continue-on-error`\n",
        "\n      expected `true` or `false`, not `soon`\n",
        "\n    |  --> shipway.yml:8:28\n",
    ]);
}

#[test]
fn condition_that_cannot_be_evaluated_is_shown_with_its_line() {
    let finished = plan("if: fromJSON(steps.make.outputs.word)").run(&["run"]).exits(4);
    finished.says_in_order(&[
        "\n    cannot decide whether the step runs\n",
        "\n      `fromJSON` was given no JSON: ",
        "\n    |  --> shipway.yml:8:9\n",
    ]);
}

#[test]
fn working_directory_that_is_not_there_is_named() {
    let finished = plan("working-directory: nope").run(&["run"]).exits(4);
    finished.says_in_order(&[
        "\n    the working directory `nope` is not a folder\n",
        "\n    |  --> shipway.yml:8:24\n",
        "\n    help: it is relative to the folder of the plan\n",
    ]);
}

#[test]
fn value_that_is_refused_before_the_first_step_is_shown_with_its_line() {
    let program = Program::with_plan(
        "name: late
report: none
vars: { place: westeuropa }
azure: { resource-group: demo }
steps:
  - deploy:
      image: demo.azurecr.io/late:v1
      aci: { location: '${{ vars.place }}' }
",
    );
    let finished = program.run(&["dry-run"]).exits(2);
    finished.says_in_order(&[
        "error: `westeuropa` is not a region of Azure\n  because: `vars.place` is set at \
         shipway.yml:3:16\n  help: did you mean `westeurope`?\n",
        " --> shipway.yml:8:",
        "\n8 |       aci: { location: '${{ vars.place }}' }\n",
    ]);
}

/// What is said of a `verify` after a step that puts nothing out.
fn said_of_verify(verify: &str) -> String {
    let finished = Program::with_plan(&format!(
        "name: late
report: none
azure: {{ resource-group: demo, location: westeurope }}
services:
  api:
    steps:
      - {{ id: make, run: 'true' }}
      - verify: {verify}
"
    ))
    .run(&["run"])
    .exits(4);
    let lines = finished.stderr.lines().skip_while(|line| !line.contains("verify  failed"));
    lines.take_while(|line| !line.starts_with("stopping")).collect::<Vec<_>>().join("\n")
}

#[test]
fn address_that_begins_with_nothing_is_not_that_of_another_service() {
    let said = said_of_verify("{ http: '${{ steps.make.outputs.url }}/healthz' }");
    let why = "`steps.make.outputs.url` is empty, and an address would be made of it";
    assert!(said.contains(why), "{said}");
    let said = said_of_verify("{ tcp: '${{ steps.make.outputs.host }}:80' }");
    let why = "`steps.make.outputs.host` is empty, and an address would be made of it";
    assert!(said.contains(why), "{said}");
}

#[test]
fn body_that_must_have_nothing_is_a_mistake() {
    let why = "`steps.make.outputs.b` is empty, and what the body must have would be made of it";
    for body in ["'${{ steps.make.outputs.b }}'", "{ matches: '^${{ steps.make.outputs.b }}' }"] {
        let said = said_of_verify(&format!(
            "{{ http: 'http://127.0.0.1:9/', expect: {{ body: {body} }} }}"
        ));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn value_that_nothing_would_be_equal_to_is_a_mistake() {
    for (expect, what) in [
        ("json: { $.commit: '${{ steps.make.outputs.b }}' }", "value"),
        ("headers: { x-commit: '${{ steps.make.outputs.b }}' }", "header"),
    ] {
        let said =
            said_of_verify(&format!("{{ http: 'http://127.0.0.1:9/', expect: {{ {expect} }} }}"));
        let why =
            format!("`steps.make.outputs.b` is empty, and an expected {what} would be made of it");
        assert!(said.contains(&why), "{said}");
    }
}

/// What `command` says of a plan whose variables make this step wrong, up to its source.
fn refused_by(command: &[&str], code: i32, step: &str) -> String {
    let program = Program::with_plan(&format!(
        "name: late
report: none
vars: {{ empty: '', port: 9000, folder: nope }}
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - deploy: {{ image: demo.azurecr.io/late:v1, aci: {{ name: late, ports: [80, 53/udp] }} }}
  - {step}
"
    ));
    let finished = program.run(command).exits(code);
    let start = finished.stderr.find("error: ").unwrap_or_else(|| panic!("{}", finished.stderr));
    let of_error = |line: &&str| line.starts_with("error: ") || line.starts_with("  ");
    finished.stderr[start..].split_inclusive('\n').take_while(of_error).collect()
}

#[test]
fn variables_that_make_a_step_impossible_are_found_before_the_first_step() {
    for (code, step, said) in [
        (
            2,
            "verify: '${{ vars.empty }}/healthz'",
            "error: `vars.empty` is empty, and an address would be made of it
  because: `vars.empty` is set at shipway.yml:3:16
  help: `${{ vars.empty || 'none' }}` has an address for that case
",
        ),
        (
            2,
            "verify: { tcp: '${{ vars.port }}' }",
            "error: `9000` is not a public port of the deployed container group
  because: `vars.port` is set at shipway.yml:3:26
  help: ask one of its ports, `80`, `53/udp`, or add `9000` to `ports`
",
        ),
        (
            2,
            "verify: { http: /, expect: { json: { $.commit: '${{ vars.empty }}' } } }",
            "error: `vars.empty` is empty, and an expected value would be made of it
  because: `vars.empty` is set at shipway.yml:3:16
  help: `${{ vars.empty || 'none' }}` has an expected value for that case
",
        ),
        (
            2,
            "{ run: 'true', working-directory: '${{ vars.folder }}' }",
            "error: the working directory `nope` is not a folder
  because: `vars.folder` is set at shipway.yml:3:40
  help: it is relative to the folder of the plan
",
        ),
    ] {
        for command in [&["dry-run"][..], &["plan", "--offline"]] {
            assert_eq!(refused_by(command, code, step), said, "{command:?} {step}");
        }
    }
}

#[test]
fn expected_secret_is_refused_before_the_first_step() {
    let program = Program::with_plan(
        "name: late
report: none
secrets: { token: { env: TOKEN } }
steps:
  - verify: { http: 'http://127.0.0.1:9/', expect: { headers: { x-token: '${{ secrets.token }}' } } }
",
    );
    let finished = program.run(&["dry-run"]).exits(3);
    let said = "error: the expected header holds `secrets.token`, which is a secret
  help: an expected header is shown in plain text: take it from `vars`
 --> shipway.yml:5:74
";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
}
