//! Completion, as bash asks for it.

use crate::support::Program;
use std::process::Command;

const PLAN: &str = "name: shop
vars: { label: shop, cpu: 1 }
secrets: { db-password: { env: DB } }
environments:
  production: { if: github.ref == 'refs/heads/main', protected: true }
  preview: { vars: { days: 2 } }
services:
  web:
    steps: [{ run: make }, { run: make test }]
  worker:
    steps: [{ id: compile, run: make }]
";

/// Completes the last word in bash, with the words as bash splits a line.
const DRIVER: &str = r#"
source <("$1" completions bash) || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shipway
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn completed(program: &Program, words: &[&str]) -> Vec<String> {
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", DRIVER, "bash", env!("CARGO_BIN_EXE_shipway")])
        .args(words)
        .current_dir(program.folder())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("bash is installed");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[track_caller]
fn case(program: &Program, line: &str, expected: &[&str]) {
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(completed(program, &words), expected, "shipway {line}");
}

#[test]
fn commands_and_options_are_completed() {
    let program = Program::new();
    case(&program, "re", &["resume", "report", "restart"]);
    case(&program, "local st", &["status", "stop"]);
    case(&program, "check --f", &["--format"]);
    case(&program, "check --format ", &["human", "json", "github", "sarif"]);
    case(&program, "check --format = gi", &["github"]);
    case(&program, "run --env x --en", &[]);
    case(&program, "run --set a=1 --se", &["--set"]);
    // Neither hidden ones nor what is not there.
    case(&program, "complet", &["completions"]);
    case(&program, "nothing --x", &[]);
    let all = completed(&program, &[""]);
    assert!(all.len() > 20 && all.contains(&"dry-run".to_owned()), "{all:?}");
}

#[test]
fn names_of_the_plan_are_completed() {
    let program = Program::with_plan(PLAN).file("web/a", "").committed();
    case(&program, "run --env ", &["production", "preview"]);
    case(&program, "run --env = pre", &["preview"]);
    case(&program, "run --from ", &["web.run", "web.run-2", "worker.compile"]);
    case(&program, "run --from web.", &["web.run", "web.run-2"]);
    case(&program, "dry-run --only wo", &["worker"]);
    case(&program, "run --set ", &["label=", "cpu=", "days="]);
    case(&program, "logs ", &["web", "worker"]);
    case(&program, "logs web wor", &["worker"]);
    case(&program, "exec -f w", &["web", "worker"]);
    case(&program, "open web w", &[]);
    case(&program, "secrets set ", &["db-password"]);
    case(&program, "eval vars.", &["vars.label", "vars.cpu", "vars.days"]);
    case(&program, "eval git.branch", &["git.branch", "git.branch-slug"]);
    case(&program, "eval rep", &["replace"]);
}

#[test]
fn step_of_a_plan_with_one_service_is_its_id() {
    let plan = "name: a\nsteps:\n- run: make\n- run: make test\n";
    case(&Program::with_plan(plan), "run --until ", &["run", "run-2"]);
}

#[test]
fn names_are_those_of_the_plan_that_the_line_names() {
    let program = Program::with_plan(PLAN)
        .file("other/shipway.yaml", "name: b\nservices: { api: { steps: [{ run: x }] } }\n")
        .file("broken.yml", "name: b\nservices: { broken: { steps: [{ run: x, no: 1 }] } }\n");
    case(&program, "logs --plan other/shipway.yaml ", &["api"]);
    case(&program, "logs --plan = other/shipway.yaml a", &["api"]);
    case(&program, "run other/shipway.yaml --only ", &["api"]);
    // A plan with mistakes has names too.
    case(&program, "logs --plan broken.yml ", &["broken"]);
    case(&program, "logs --plan missing.yml ", &[]);
}

#[test]
fn paths_are_left_to_the_shell() {
    let program = Program::with_plan(PLAN).file("web/a", "").file("webhook.json", "{}");
    let mut found = completed(&program, &["run", "--event", "we"]);
    found.sort();
    assert_eq!(found, ["web", "webhook.json"]);
    case(&program, "run --state-dir we", &["web"]);
    case(&program, "check sh", &["shipway.yml"]);
    case(&program, "run --event p", &["push", "pull_request"]);
}

#[test]
fn runs_are_completed_newest_first() {
    let program = Program::with_plan("name: a\nsteps:\n- run: 'true'\n");
    program.run(&["run"]).exits(0);
    program.run(&["run"]).exits(0);
    let found = completed(&program, &["report", ""]);
    let mut sorted = found.clone();
    sorted.sort();
    sorted.reverse();
    assert_eq!((found.len(), &found), (2, &sorted));
}

/// What the scripts of the other shells read.
#[test]
fn answers_have_their_meaning_after_a_tab() {
    let program = Program::with_plan(PLAN);
    let answer = |arguments: &[&str]| program.run(arguments).exits(0).stdout;
    assert_eq!(
        answer(&["complete", "--current=", "--", "run", "--env"]),
        "production\tenvironment of the plan\npreview\tenvironment of the plan\n"
    );
    assert_eq!(
        answer(&["complete", "--current=--env=pr", "--", "run"]),
        "--env=production\tenvironment of the plan\n--env=preview\tenvironment of the plan\n"
    );
    assert_eq!(
        answer(&["complete", "--current=", "--", "check", "--format"]),
        "human\tThe line of the plan, underlined\njson\tJSON\n\
         github\tAnnotations of GitHub Actions\nsarif\tSARIF 2.1.0, for code scanning\n"
    );
    assert_eq!(answer(&["complete", "--current=x", "--", "run", "--state-dir"]), ":folders\n");
    assert_eq!(
        answer(&["complete", "--current=ru"]),
        "run\tRun the plan: build, tag, push, deploy, verify, report\n"
    );
    assert_eq!(answer(&["complete", "--current=q"]), "");
}

#[test]
fn there_is_a_script_for_each_shell() {
    let program = Program::new();
    for (shell, begins) in [
        ("bash", "# Completion of shipway for bash."),
        ("zsh", "#compdef shipway\n"),
        ("fish", "# Completion of shipway for fish."),
        ("powershell", "# Completion of shipway for PowerShell."),
    ] {
        let script = program.run(&["completions", shell]).exits(0).stdout;
        assert!(script.starts_with(begins) && script.contains("complete \"--current="), "{script}");
    }
    let refused = program.run(&["completions", "cmd"]).exits(2);
    assert_eq!(
        refused.stderr,
        "error: invalid value 'cmd' for '<SHELL>'\n  \
         [possible values: bash, zsh, fish, powershell]\n\n\
         For more information, try '--help'.\n"
    );
}
