//! Links and repositories that a fork commits: where git looks, and which file of the base branch
//! is the plan, is not the fork's to say.

use crate::cli::github::forks::Scene;
use crate::support::{Finished, Program};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The base branch has a plan in `deploy`, and another in `examples`.
fn base() -> Scene {
    let mut scene = Scene::new("steps: [{ run: 'true' }]\n");
    for (folder, who) in [("deploy", "deploy"), ("examples", "examples")] {
        let step = "env: { K: '${{ secrets.key }}' }";
        let plan = format!(
            "name: shop\nreport: none\nsecrets: {{ key: {{ env: PRODKEY }} }}\n\
             steps: [{{ run: 'echo {who} $K >> ../seen', {step} }}]\n"
        );
        fs::create_dir(scene.program.path(folder)).expect("made");
        fs::write(scene.program.path(folder).join("shipway.yml"), plan).expect("written");
    }
    scene.base = commit(&scene.program);
    scene.head.clone_from(&scene.base);
    scene
}

fn commit(program: &Program) -> String {
    program.git(&["add", "--all"]);
    program.git(&["commit", "--quiet", "--message=more"]);
    program.git(&["rev-parse", "HEAD"])
}

/// Runs the plan in `deploy` in a job that has secrets, for the fork's commit.
fn run(mut scene: Scene) -> (Program, Finished) {
    scene.head = commit(&scene.program);
    let head = scene.head.clone();
    let arguments = ["run", "deploy/shipway.yml", "--allow-fork-deploy", &head];
    let (_, program, finished) = scene.run("workflow_run", "eve", &arguments);
    (program, finished)
}

fn seen(program: &Program) -> String {
    fs::read_to_string(program.path("seen")).unwrap_or_default()
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git").args(arguments).current_dir(folder).output();
    let output = output.expect("git is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn link_to_another_folder_chooses_no_other_plan_of_the_base_branch() {
    let scene = base();
    fs::remove_dir_all(scene.program.path("deploy")).expect("there");
    symlink("examples", scene.program.path("deploy")).expect("linked");
    let (program, finished) = run(scene);
    finished.exits(0);
    assert_eq!(seen(&program), "deploy prod-hunter22\n");
}

/// As the action does with its `working-directory`.
#[test]
fn link_by_which_the_program_came_to_its_folder_chooses_no_other_plan_either() {
    let mut scene = base();
    fs::remove_dir_all(scene.program.path("deploy")).expect("there");
    symlink("examples", scene.program.path("deploy")).expect("linked");
    scene.head = commit(&scene.program);
    let head = scene.head.clone();
    let (_server, program) = scene.on("workflow_run", "eve");
    let way = program.path("deploy").display().to_string();
    let program = program.env("PWD", &way);
    program.run_in("deploy", &["run", "--allow-fork-deploy", &head]).exits(0);
    assert_eq!(seen(&program), "deploy prod-hunter22\n");
}

#[test]
fn link_out_of_the_checkout_is_refused() {
    let scene = base();
    let artifact = tempfile::tempdir().expect("a folder");
    let other = artifact.path().join("deploy");
    fs::rename(scene.program.path("deploy"), &other).expect("moved");
    git(artifact.path(), &["init", "--quiet"]);
    symlink(&other, scene.program.path("deploy")).expect("linked");
    let (program, finished) = run(scene);
    finished.exits(3).says_in_order(&[
        "error: cannot read the plan `deploy/shipway.yml` of commit",
        "git is not asked: `DIR/deploy` is a link that leads out of its repository",
        "help: name the plan by its path in the checkout, without links",
    ]);
    assert!(!artifact.path().join("seen").exists());
    assert_eq!(seen(&program), "");
}

#[test]
fn bare_repository_of_a_fork_starts_no_program() {
    let scene = base();
    let deploy = scene.program.path("deploy");
    git(scene.program.folder(), &["init", "--quiet", "--bare", "deploy"]);
    let mark = scene.program.path("mark");
    let filter = format!("touch {}; cat", mark.display());
    for (key, value) in
        [("filter.x.clean", &*filter), ("core.bare", "false"), ("core.worktree", "..")]
    {
        git(&deploy, &["config", key, value]);
    }
    fs::write(scene.program.path(".gitattributes"), "* filter=x\n").expect("written");
    let (program, finished) = run(scene);
    finished.exits(3).says_in_order(&[
        "git is not asked: `DIR/deploy` is a bare repository, which has no files",
        "help: name the plan by its path in the checkout, without links",
    ]);
    assert!(!mark.exists());
    assert_eq!(seen(&program), "");
}
