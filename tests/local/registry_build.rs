//! `using: acr` against the local cloud, which builds in earnest.

use crate::support::cloud::{LocalCloud, state};
use crate::support::state::{output, requests};
use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;

const PLAN: &str = "\
name: cloudy
azure: { resource-group: demo, location: westeurope }
steps:
  - build: { using: acr, args: { WHO: ada } }
  - tag: [demo.azurecr.io/web:v1, demo.azurecr.io/web:latest]
  - push:
";

const DOCKERFILE: &str = "\
FROM scratch
ARG WHO=nobody
COPY shipway.yml /$WHO
";

/// A program whose only engine is this script, or none.
fn with_docker(program: Program, script: &str) -> Program {
    let program = program.file("bin/docker", script);
    let mode = if script.is_empty() { 0o644 } else { 0o755 };
    fs::set_permissions(program.path("bin/docker"), fs::Permissions::from_mode(mode))
        .expect("permitted");
    let bin = program.path("bin").display().to_string();
    program.env("PATH", &bin)
}

/// Answers the probes as docker 20.10 with `BuildKit`; `build` is what it does to build.
fn docker(build: &str) -> String {
    format!(
        "#!/bin/sh\ncase \"$1\" in\n--version) echo 'Docker version 20.10.24';;\n\
         version) echo '20.10.24 20.10.24';;\ninfo) echo '[]';;\nbuild) {build};;\n\
         *) exit 1;;\nesac\n"
    )
}

/// The requests of builds but for the log, without ids and signatures.
fn of_builds(program: &Program) -> Vec<String> {
    let all = requests(program);
    let names = [
        "listBuildSourceUploadUrl",
        "scheduleRun",
        "/runs/",
        "blob.core",
        "/_tags/",
        "/blobs/uploads",
    ];
    let own = all.into_iter().filter(|line| names.iter().any(|name| line.contains(name)));
    let short = own.map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let last = words[2].rsplit('/').next().unwrap_or_default();
        let last = last.split('?').next().unwrap_or_default();
        let is_id = last.len() > 24 || last.starts_with("shipway-");
        format!("{} {}/{}", words[0], words[1], if is_id { "ID" } else { last })
    });
    let mut all: Vec<String> = short.filter(|line| !line.ends_with("/rawtext.log")).collect();
    all.dedup();
    all
}

/// The payload of a pull request that a repository of `owner` has opened.
fn pull_request(head: &str, owner: &str) -> String {
    let repository = json!({ "full_name": "octo/demo", "default_branch": "main" });
    let from = json!({ "full_name": format!("{owner}/demo") });
    json!({
        "action": "opened", "number": 5, "repository": repository,
        "pull_request": {
            "number": 5, "state": "open", "user": { "login": "ada" },
            "head": { "sha": head, "ref": "topic", "repo": from },
            "base": { "sha": head, "ref": "main", "repo": repository },
        },
    })
    .to_string()
}

#[test]
fn code_of_a_fork_is_not_built_by_the_registry() {
    for (owner, builds) in [("octo", true), ("eve", false)] {
        let program = Program::with_plan(PLAN).file("Dockerfile", DOCKERFILE);
        let program = program.file(".gitignore", ".shipway\nbin\nevent.json\n").committed();
        let head = program.git(&["rev-parse", "HEAD"]);
        let program = with_docker(program.file("event.json", &pull_request(&head, owner)), "");
        let run = ["dry-run", "--runtime", "built-in", "--event", "event.json"];
        let finished = program.run(&run).exits(0);

        assert_eq!(!of_builds(&program).is_empty(), builds, "{}", finished.stderr);
        let signs_in = |line: &String| line.contains("login.microsoftonline.com");
        assert_eq!(requests(&program).iter().any(signs_in), builds, "{}", finished.stderr);
        if !builds {
            finished.says_in_order(&[
                "`build`, `push` were left out: the code comes from a fork, which has no secrets and is not deployed",
            ]);
            let made = "skipped, not pushed: the code comes from a fork";
            assert!(
                format!("{}{}", finished.stdout, finished.stderr).contains(made),
                "{finished:?}"
            );
        }
    }
}

#[test]
fn registry_builds_and_no_layer_passes_through_here() {
    let program = with_docker(Program::with_plan(PLAN).file("Dockerfile", DOCKERFILE), "");
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    finished.says_in_order(&[
        " of context to `demo.azurecr.io`",
        "built by the run `ca1` of `demo.azurecr.io`, for linux/amd64",
        "Step 3/3 : COPY shipway.yml /$WHO",
        "Successfully pushed image: demo.azurecr.io/web:shipway-",
        "Run ID: ca1 was successful after",
    ]);
    assert!(output(&program, 0, "image").starts_with("demo.azurecr.io/web@sha256:"));
    let asked = of_builds(&program);
    assert_eq!(
        asked,
        [
            // The preflight, then the build.
            "POST management.azure.com/listBuildSourceUploadUrl",
            "PUT shipwaylocal.blob.core.windows.net/ID",
            "POST management.azure.com/scheduleRun",
            "POST management.azure.com/listLogSasUrl",
            "GET management.azure.com/ca1",
            "DELETE demo.azurecr.io/ID",
        ],
    );
}

#[test]
fn each_platform_is_a_run_and_all_are_one_index() {
    let plan = PLAN.replace("using: acr,", "using: acr, platforms: [linux/amd64, linux/arm64],");
    let program = with_docker(Program::with_plan(&plan).file("Dockerfile", DOCKERFILE), "");
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    finished.says_in_order(&[
        "built by the run `ca1` of `demo.azurecr.io`, for linux/amd64",
        "built by the run `ca2` of `demo.azurecr.io`, for linux/arm64",
        "for linux/amd64, linux/arm64",
    ]);
}

#[test]
fn push_to_another_registry_copies_from_the_first() {
    let plan = PLAN.replace(
        "[demo.azurecr.io/web:v1, demo.azurecr.io/web:latest]",
        "[localhost:5000/web:v1, demo.azurecr.io/web:v1]",
    );
    let program = with_docker(Program::with_plan(&plan).file("Dockerfile", DOCKERFILE), "");
    program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    let copied = requests(&program)
        .into_iter()
        .any(|line| line.starts_with("PUT localhost") && line.contains("/manifests/v1 -> 201"));
    assert!(copied, "{:#?}", requests(&program));
}

#[test]
fn instruction_that_fails_is_named_with_its_line() {
    let dockerfile = "FROM scratch\nCOPY nope /\nUSER 1\n";
    let program = with_docker(Program::with_plan(PLAN).file("Dockerfile", dockerfile), "");
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);

    finished.says_in_order(&[
        "`COPY nope /` failed at `Dockerfile:2`",
        "`Dockerfile:2` copies `nope`, which is not in the build context",
    ]);
}

#[test]
fn program_that_fails_is_named_with_its_exit_code_and_last_lines() {
    let build = "printf '%s\\n' '#5 [2/2] RUN make' '#5 0.1 no rule' \
         '#5 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2' >&2; exit 1";
    let program = Program::with_plan(PLAN).file("Dockerfile", "FROM scratch\nRUN make\n");
    let program = with_docker(program, &docker(build));
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);

    finished.says_in_order(&[
        "The local cloud builds with docker (BuildKit)",
        "Run ID: ca1 failed after",
        "`RUN make` failed with exit code 2 at `Dockerfile:2`",
        "no rule",
    ]);
}

#[test]
fn run_without_an_instruction_to_blame_shows_the_end_of_its_log() {
    let program = Program::with_plan(PLAN).file("Dockerfile", "FROM scratch\nRUN make\n");
    let finished = with_docker(program, "").run(&["dry-run", "--runtime", "built-in"]).exits(4);

    finished.says_in_order(&[
        "the run `ca1` of `demo.azurecr.io` failed",
        "the local cloud has nothing to run a RUN with: no container engine works here: `docker`",
        "`az acr task logs --registry demo --run-id ca1` shows its log",
    ]);
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("the program is there");
}

/// A program whose build says that it has begun, and never ends.
fn endless(settings: &str) -> Program {
    let plan =
        PLAN.replace("args: { WHO: ada } }\n", &format!("args: {{ WHO: ada }} }}\n{settings}"));
    let program = Program::with_plan(&plan).file("Dockerfile", "FROM scratch\nRUN make\n");
    let begun = program.path("begun").display().to_string();
    with_docker(program, &docker(&format!(": > {begun}; exec /bin/sleep 600")))
}

#[test]
fn ctrl_c_cancels_the_run() {
    let program = endless("");
    let child = program.start(&["dry-run", "--runtime", "built-in"]);
    eventually("docker builds", || program.path("begun").exists().then_some(()));
    interrupt(&child);

    let finished = program.finish(child).exits(130);
    finished.says_in_order(&["cancelled the run `ca1` of `demo.azurecr.io`"]);
    let cancel = requests(&program).into_iter().find(|line| line.contains("/runs/ca1/cancel"));
    assert!(cancel.expect("it is asked").ends_with(" -> 200"));
}

#[test]
fn timeout_cancels_the_run() {
    let finished = endless("    timeout: 5s\n").run(&["dry-run", "--runtime", "built-in"]).exits(4);

    finished.says_in_order(&["cancelled the run `ca1` of `demo.azurecr.io`"]);
}

#[test]
fn subscription_without_tasks_is_found_out_before_the_run() {
    let state = state();
    let cloud = LocalCloud::start(
        state.path(),
        json!({
            "resource-groups": [{"name": "demo", "location": "westeurope"}],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
            }],
            "faults": [{
                "path-ends": "/listBuildSourceUploadUrl", "status": 403, "times": 9,
                "code": "TasksOperationsNotAllowed",
                "message": "ACR Tasks requests are not permitted.",
            }],
        }),
    );
    let program = Program::with_plan(PLAN).file("Dockerfile", DOCKERFILE);
    let finished = program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(3);

    finished.says_in_order(&[
        "cannot prepare a build in `demo.azurecr.io`",
        "`TasksOperationsNotAllowed`: ACR Tasks requests are not permitted",
        "Azure allows no ACR Tasks in this subscription",
    ]);
    assert!(cloud.requests().iter().all(|request| !request.path.contains("scheduleRun")));
}
