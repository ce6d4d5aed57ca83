//! The plan of a fork's commit that a maintainer lets be deployed: that of the base branch,
//! from git, whatever is checked out.

use crate::cli::github::forks::{EVENTS, Scene, payload, pull_request};
use crate::support::Program;
use serde_json::json;
use std::fs;

const SECRET: &str = "secrets: { key: { env: PRODKEY } }\n";

/// A step that writes who it is and the secret.
fn step(who: &str) -> String {
    format!("steps: [{{ run: 'echo {who} $K > seen', env: {{ K: '${{{{ secrets.key }}}}' }} }}]\n")
}

/// Commits these files of a fork on top of the base branch.
fn forked(mut scene: Scene, files: &[(&str, &str)]) -> Scene {
    for (name, text) in files {
        fs::write(scene.program.path(name), text).expect("written");
    }
    scene.program.git(&["add", "--all"]);
    scene.program.git(&["commit", "--quiet", "--message=of the fork"]);
    scene.head = scene.program.git(&["rev-parse", "HEAD"]);
    scene
}

fn fork_plan() -> String {
    format!("name: shop\nreport: none\n{SECRET}{}", step("fork"))
}

fn seen(program: &Program) -> String {
    fs::read_to_string(program.path("seen")).unwrap_or_default()
}

#[test]
fn plan_of_a_reviewed_commit_is_that_of_the_base_branch() {
    for event in EVENTS {
        let scene = Scene::new(&format!("{SECRET}{}", step("base")));
        let scene = forked(scene, &[("shipway.yml", &fork_plan())]);
        let (base, head) = (scene.base.clone(), scene.head.clone());
        let (_, program, finished) =
            scene.run(event, "eve", &["run", "--allow-fork-deploy", &head]);
        let finished = finished.exits(0);
        assert_eq!(seen(&program), "base prod-hunter22\n", "{event}");
        let note = format!(
            "note: the plan is that of commit {} of `main`, and not the fork's",
            &base[..7]
        );
        assert!(finished.stderr.contains(&note), "{}", finished.stderr);
    }
}

#[test]
fn plan_of_an_own_pull_request_is_the_one_that_is_checked_out() {
    let scene = Scene::new(&format!("{SECRET}{}", step("base")));
    let scene = forked(scene, &[("shipway.yml", &fork_plan())]);
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("pull_request_target", "octo", &arguments);
    finished.exits(0);
    assert_eq!(seen(&program), "fork prod-hunter22\n");
}

#[test]
fn files_that_the_plan_includes_are_those_of_the_base_branch() {
    let scene = Scene::new(
        "include: [parts/secrets.yml]\nsteps: [{ run: 'echo base $K > seen', env: { K: '${{ vars.who }}' } }]\n",
    );
    fs::create_dir(scene.program.path("parts")).expect("made");
    let mut scene = forked(scene, &[("parts/secrets.yml", "vars: { who: base }\n")]);
    scene.base = scene.head.clone();
    let scene = forked(scene, &[("parts/secrets.yml", "vars: { who: fork }\n")]);
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("workflow_run", "eve", &arguments);
    finished.exits(0);
    assert_eq!(seen(&program), "base base\n");
}

#[test]
fn keys_that_the_plan_trusts_are_those_of_the_base_branch() {
    let verify = "steps: [{ verify: { tcp: '127.0.0.1:9', require: { signed-by: release.pub } } }]";
    let key = include_str!("../../fixtures/signing/own.pub");

    let scene = forked(Scene::new(&format!("{verify}\n")), &[("release.pub", key)]);
    let (base, head) = (scene.base[..7].to_owned(), scene.head.clone());
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, _, finished) = scene.run("workflow_run", "eve", &arguments);
    finished.exits(3).says_in_order(&[
        "cannot read the public key `release.pub`",
        &format!("it is not there, in commit {base} of `main`, which the plan is of"),
    ]);

    // The fork puts another file in its place, which is not even read.
    let mut scene = forked(Scene::new(&format!("{verify}\n")), &[("release.pub", key)]);
    scene.base = scene.head.clone();
    let scene = forked(scene, &[("release.pub", "of the fork")]);
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, _, finished) = scene.run("workflow_run", "eve", &arguments);
    finished.exits(4).says_in_order(&["there is no image of which something could be required"]);
}

#[test]
fn certificates_that_the_plan_trusts_are_those_of_the_base_branch() {
    let plan = "registries: { reg.example.com: { ca: corp.pem } }\n\
                steps: [{ run: 'echo base > seen' }]\n";
    let own = rcgen::generate_simple_self_signed(["reg.example.com".to_owned()]);
    let pem = own.expect("a certificate").cert.pem();

    let scene = forked(Scene::new(plan), &[("corp.pem", &pem)]);
    let (base, head) = (scene.base[..7].to_owned(), scene.head.clone());
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, _, finished) = scene.run("workflow_run", "eve", &arguments);
    finished.exits(3).says_in_order(&[
        "cannot read `corp.pem`, the `ca` of `reg.example.com`",
        &format!("it is not there, in commit {base} of `main`, which the plan is of"),
    ]);

    // The fork puts another file in its place, which is not even read.
    let mut scene = forked(Scene::new(plan), &[("corp.pem", &pem)]);
    scene.base = scene.head.clone();
    let scene = forked(scene, &[("corp.pem", "of the fork")]);
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("workflow_run", "eve", &arguments);
    finished.exits(0);
    assert_eq!(seen(&program), "base\n");
}

#[test]
fn base_that_is_not_in_the_clone_is_refused_with_what_brings_it() {
    let scene = Scene::new(&step("base").replace("'${{ secrets.key }}'", "x"));
    let mut scene = forked(scene, &[("shipway.yml", &fork_plan())]);
    scene.base = "0123456789012345678901234567890123456789".to_owned();
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("pull_request_target", "eve", &arguments);
    finished.exits(3).says_in_order(&[
        "error: cannot read the plan `shipway.yml` of commit 0123456 of `main`",
        "git does not have this commit here",
        "help: give actions/checkout `fetch-depth: 0`, which brings it",
    ]);
    assert_eq!(seen(&program), "");
}

#[test]
fn base_that_is_not_in_the_clone_is_fetched_by_hand_outside_of_a_workflow() {
    let scene = Scene::new("steps: [{ run: 'echo base > seen' }]\n");
    let scene = forked(scene, &[("shipway.yml", &fork_plan())]);
    let mut pull_request = pull_request(&scene.head, "eve");
    pull_request["base"]["sha"] = json!("0123456789012345678901234567890123456789");
    let event = payload("pull_request_target", &pull_request, "eve");
    let program = scene.program.file("event.json", &event.to_string());
    let finished =
        program.run(&["run", "--event", "event.json", "--allow-fork-deploy", &scene.head]);
    finished.exits(3).says_in_order(&[
        "error: cannot read the plan `shipway.yml` of commit 0123456 of `main`",
        "git does not have this commit here",
        "help: `git fetch origin main` brings it",
    ]);
    assert_eq!(seen(&program), "");
}

#[test]
fn plan_that_the_base_branch_does_not_have_is_refused() {
    let scene = Scene::new("steps: [{ run: 'true' }]\n");
    let scene = forked(scene, &[("other.yml", &fork_plan())]);
    let head = scene.head.clone();
    let base = scene.base[..7].to_owned();
    let arguments = ["run", "other.yml", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("pull_request_target", "eve", &arguments);
    finished.exits(3).says_in_order(&[
        &format!("error: cannot read the plan `other.yml` of commit {base} of `main`"),
        "it is not there",
        "help: a plan that a fork adds or moves counts once it is merged",
    ]);
    assert_eq!(seen(&program), "");
}

#[test]
fn commit_without_a_pull_request_has_no_plan() {
    let scene = Scene::new(&step("base").replace("'${{ secrets.key }}'", "x"));
    let head = scene.head.clone();
    let event = json!({ "ref": "refs/heads/dependabot/x", "after": head, "deleted": true });
    let program = scene
        .program
        .in_actions("push", &event)
        .env("GITHUB_ACTOR", "dependabot[bot]")
        .env("GITHUB_SHA", &head);
    program.run(&["run", "--allow-fork-deploy", &head]).exits(3).says_in_order(&[
        "error: cannot read the plan of the base branch, which `--allow-fork-deploy` takes",
        "it is not known which pull request the commit belongs to",
        "help: add `--pr N`",
    ]);
    assert_eq!(seen(&program), "");
}

#[test]
fn resumed_run_has_the_plan_that_it_began_with() {
    let begun = "steps:\n  - run: 'test -e go'\n  - { id: after, run: 'echo base $K > seen', env: { K: '${{ secrets.key }}' } }\n";
    let scene = Scene::new(&format!("{SECRET}{begun}"));
    let scene = forked(scene, &[("shipway.yml", &fork_plan())]);
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("pull_request_target", "eve", &arguments);
    finished.exits(4);
    // A file that git does not see as a change.
    fs::write(program.path(".git/info/exclude"), "go\n").expect("written");
    fs::write(program.path("go"), "").expect("written");
    program.run(&["resume", "--changed-plan"]).exits(0);
    assert_eq!(seen(&program), "base prod-hunter22\n");
}

#[test]
fn mistake_in_the_plan_of_the_base_branch_is_shown() {
    let scene = Scene::new("steps: [{ run: 'true' }]\n");
    let bad = "name: shop\nreport: none\nsteps: [{ runs: 'true' }]\n";
    let mut scene = forked(scene, &[("shipway.yml", bad)]);
    scene.base = scene.head.clone();
    let scene = forked(scene, &[("shipway.yml", &fork_plan())]);
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("pull_request_target", "eve", &arguments);
    let finished = finished.exits(2);
    assert!(finished.stderr.contains("runs"), "{}", finished.stderr);
    assert_eq!(seen(&program), "");
}
