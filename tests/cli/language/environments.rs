//! Which environment a run gets, and where it is refused without one.

use crate::support::state::requests;
use crate::support::{Finished, Program};

/// A plan that deploys, with these environments.
fn program(environments: &str) -> Program {
    Program::with_plan(&format!(
        "name: shop
azure: {{ resource-group: demo, location: westeurope }}
environments:
{environments}steps:
  - {{ id: hello, run: 'true' }}
  - deploy: {{ image: 'demo.azurecr.io/shop:v1', aci: {{ dns-label: shop-live, ports: [80] }} }}
"
    ))
}

const CONDITIONAL: &str = "  production: { if: github.event_name == 'push' }
  preview: { if: github.event_name == 'pull_request' }
";

const GUARDED: &str = "  production: { if: 'true', protected: true }
  preview: { if: 'true' }
";

/// A pull request as Actions gives it to the program.
fn in_pull_request(program: Program) -> Program {
    let head = format!(
        r#"{{"ref":"topic","sha":"{}","repo":{{"full_name":"octo/demo","fork":false}}}}"#,
        "a".repeat(40)
    );
    let payload = format!(
        r#"{{"action":"opened","number":7,"pull_request":{{"number":7,"head":{head},"base":{head},"user":{{"login":"ada"}}}}}}"#
    );
    program
        .file("event.json", &payload)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "octo/demo")
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", "event.json")
}

/// Fails the test unless it was refused with these words. A report may follow.
#[track_caller]
fn refused(finished: Finished, expected: &str) {
    let finished = finished.exits(2);
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
}

#[test]
fn deploy_without_any_of_the_environments_is_refused() {
    refused(
        program(CONDITIONAL).run(&["run"]),
        "error: no environment matches this run, and its steps push or deploy
  help: `production` needs `github.event_name == 'push'`, or `--env production`; `preview` needs `github.event_name == 'pull_request'`, or `--env preview`
",
    );
}

#[test]
fn steps_that_change_nothing_outside_need_no_environment() {
    program(CONDITIONAL).run(&["run", "--until", "hello"]).exits(0);
}

/// A plan whose deploy has a condition.
fn with_condition(condition: &str) -> Program {
    let program = program(CONDITIONAL);
    let path = program.path("shipway.yml");
    let plan = std::fs::read_to_string(&path).expect("the plan");
    let plan = plan.replace("  - deploy:", &format!("  - if: {condition}\n    deploy:"));
    std::fs::write(path, plan).expect("written");
    program
}

#[test]
fn steps_that_their_own_condition_leaves_out_need_no_environment() {
    let finished = with_condition("environment.name != ''").run(&["run"]).exits(0);
    finished.says_in_order(&["\ndeploy  skipped: its `if` is false\n", "\nsucceeded  ("]);
    let words = "error: no environment matches this run, and its steps push or deploy\n";
    refused(with_condition("environment.name == ''").run(&["run"]), words);
    // What only the run can tell may be true.
    refused(with_condition("success()").run(&["run"]), words);
    refused(with_condition("failure()").run(&["run"]), words);
}

#[test]
fn dry_run_notes_that_a_real_run_would_have_no_environment() {
    let program = Program::with_plan(
        "name: shop
environments: { release: { if: github.event_name == 'release' } }
steps:
  - build: { layers: [{ from: hello, to: /hello }] }
  - tag: demo.azurecr.io/shop:v1
  - push:
",
    );
    let finished = program.file("hello", "hello\n").run(&["dry-run"]).exits(0);

    let note =
        "a real run would stop here: no environment matches this run, and its steps push or deploy";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
}

#[test]
fn protected_environment_is_refused_to_an_event_that_may_not_choose_it() {
    for command in ["run", "dry-run"] {
        refused(
            in_pull_request(program(GUARDED)).run(&[command]),
            "error: `production` is protected, and `pull_request` cannot choose it
  help: only `push`, `release`, `workflow_dispatch` choose it by its `if`; `--env production` chooses it by hand
",
        );
    }
}

#[test]
fn protected_environment_is_refused_without_an_event() {
    refused(
        program(GUARDED).run(&["run"]),
        "error: `production` is protected, and a run without an event cannot choose it
  help: only `push`, `release`, `workflow_dispatch` choose it by its `if`; `--env production` chooses it by hand
",
    );
}

#[test]
fn protected_environment_is_chosen_by_hand_on_any_event() {
    let plan = "name: shop
environments:
  production: { if: 'true', protected: true }
  preview: { if: 'true' }
steps: [{ run: 'echo into ${{ environment.name }}' }]
";
    let program = in_pull_request(Program::with_plan(plan)).file(".gitignore", ".shipway\n");
    let finished = program.committed().run(&["run", "--env", "production"]).exits(0);
    assert!(finished.stderr.contains("into production"), "{}", finished.stderr);
}

#[test]
fn environment_is_deployed_with_its_own_settings_and_secrets() {
    let program = Program::with_plan(
        "name: shop
azure: { resource-group: test, location: westeurope }
secrets: { token: { env: TEST_TOKEN } }
environments:
  production:
    azure: { resource-group: live, location: northeurope }
    secrets: { token: { env: LIVE_TOKEN } }
  preview:
steps:
  - build: { layers: [{ from: page.txt, to: /www/index.html }], entrypoint: [/bin/true] }
  - tag: demo.azurecr.io/shop:v1
  - push:
  - deploy:
      aci: { name: shop-demo, restart-policy: Never, env: { TOKEN: '${{ secrets.token }}' } }
",
    )
    .file("page.txt", "hello");
    for (environment, group, region) in
        [("production", "live", "northeurope"), ("preview", "test", "westeurope")]
    {
        let finished = program.run(&["plan", "--offline", "--env", environment]).exits(0);
        assert!(finished.stdout.contains("container group `shop-demo`"), "{}", finished.stdout);

        let finished = program.run(&["dry-run", "--env", environment, "--until", "deploy"]);
        let said = format!("deploy  container group `shop-demo` in {region}\n");
        assert!(finished.stderr.contains(&said), "{}", finished.stderr);
        let asked = requests(&program);
        let groups: Vec<&String> =
            asked.iter().filter(|line| line.contains("/containerGroups/shop-demo?")).collect();
        assert!(!groups.is_empty(), "{asked:#?}");
        let own = format!("/resourceGroups/{group}/");
        assert!(groups.iter().all(|line| line.contains(&own)), "{groups:#?}");

        let shown =
            program.run(&["check", "--explain", "azure.resource-group", "--env", environment]);
        let first = format!("`azure.resource-group` is `{group}`\n  from shipway.yml:");
        assert!(shown.stdout.starts_with(&first), "{}{}", shown.stdout, shown.stderr);
    }
}

#[test]
fn registry_is_named_by_the_variables_of_the_environment() {
    let program = Program::with_plan(
        "name: shop
azure: { resource-group: test, location: westeurope }
vars: { registry: shoptest }
registries:
  ${{ vars.registry }}.azurecr.io: { login: admin, create: { admin-user: true } }
environments:
  production: { vars: { registry: shoplive } }
  preview:
steps:
  - build: { layers: [{ from: page.txt, to: /www/index.html }], entrypoint: [/bin/true] }
  - tag: ${{ vars.registry }}.azurecr.io/shop:v1
  - push:
",
    )
    .file("page.txt", "hello");
    for (environment, registry) in [("production", "shoplive"), ("preview", "shoptest")] {
        program.run(&["dry-run", "--env", environment]).exits(0);
        let asked = requests(&program);
        // Which is created, as its settings say.
        let of_registry = format!("/registries/{registry}?");
        let is_created = |line: &String| line.contains("PUT ") && line.contains(&of_registry);
        assert!(asked.iter().any(is_created), "{registry}: {asked:#?}");
    }
    for (set, words) in [
        (
            "registry=",
            "error[empty-name]: `vars.registry` is empty, and a name would be made of it\n \
             --> shipway.yml:5:7\n  |\n5 |   ${{ vars.registry }}.azurecr.io: { login: admin, create: { \
             admin-user: true } }\n  |       ^^^^^^^^^^^^^\n  |\n  = help: `${{ vars.registry || 'none' }}` \
             has a name for that case\n",
        ),
        (
            "registry=shop test",
            "error[bad-value]: `${{ vars.registry }}.azurecr.io` under `registries` gives `shop \
             test.azurecr.io`\n --> shipway.yml:5:3\n  |\n5 |   ${{ vars.registry }}.azurecr.io: { login: \
             admin, create: { admin-user: true } }\n  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  |\n  = help: \
             expected a host name, with its port where it has one\n",
        ),
    ] {
        let refused = program.run(&["dry-run", "--env", "preview", "--set", set]).exits(2);
        assert!(refused.stderr.starts_with(words), "{}", refused.stderr);
    }
}
