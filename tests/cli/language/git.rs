//! What git tells of the source, and what is said where it does not.

use crate::support::Program;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

const PLAN: &str = "name: docs
report: [none]
steps:
  - build: { layers: [{ from: hello, to: /hello }] }
  - tag: { image: demo.azurecr.io/docs, tags: ['${{ git.branch }}', v1, '${{ git.sha }}'] }
  - push:
";

fn program() -> Program {
    Program::with_plan(PLAN).file("hello", "hello\n").file(".gitignore", ".shipway\n")
}

fn tags(program: &Program) -> String {
    crate::support::state::output(program, 0, "tags").replace("demo.azurecr.io/docs:", "")
}

#[test]
fn uncommitted_changes_are_said_once_as_a_warning_and_beside_the_commit() {
    let program = program().committed().file("hello", "changed\n");
    let commit = program.git(&["rev-parse", "--short=7", "HEAD"]);
    let finished = program.run(&["dry-run"]).exits(0);

    let warning = format!(
        "what is built is not commit {commit}, because these files differ from it: `hello`"
    );
    assert_eq!(finished.stderr.matches(&warning).count(), 1, "{}", finished.stderr);
}

#[test]
fn comment_says_that_the_commit_has_uncommitted_changes() {
    let plan = PLAN.replace("[none]", "[comment]");
    let program = Program::with_plan(&plan).file("hello", "hello\n");
    let program = program.file(".gitignore", ".shipway\n").committed();
    let commit = program.git(&["rev-parse", "--short=7", "HEAD"]);
    let finished = program.run(&["dry-run"]).exits(0);
    finished.says_in_order(&["comment on the pull request, not posted\n"]);
    let comment = |program: &Program| program.run(&["report", "--as", "comment"]).exits(0).stdout;
    let said = comment(&program);
    assert!(said.contains(&commit) && !said.contains("uncommitted changes"), "{said}");

    let program = program.file("hello", "changed\n");
    program.run(&["dry-run"]).exits(0);
    let said = comment(&program);
    assert!(said.contains(&commit) && said.contains(" with uncommitted changes"), "{said}");
}

/// Makes git see the folder as another user's, as in a job that runs in a container: it
/// knows a variable for its own tests, since only root may give a folder away.
fn give_away(program: Program) -> Program {
    let path = std::env::var_os("PATH").expect("a path");
    let mut folders = std::env::split_paths(&path);
    let git = folders.find_map(|folder| Some(folder.join("git")).filter(|git| git.is_file()));
    let git = git.expect("git is installed").display().to_string();
    // Shipway gives git none of the variables that begin with `GIT_`.
    let script = format!(
        "#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 GIT_CONFIG_NOSYSTEM=1 exec '{git}' \"$@\"\n"
    );
    let program = program.file(".git/programs/git", &script);
    let programs = program.path(".git/programs");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(programs.join("git"), executable).expect("a script");
    program.env("PATH", &format!("{}:{}", programs.display(), path.display()))
}

#[test]
fn folder_of_another_user_names_the_remedy() {
    let program = program().committed();
    let head = program.git(&["rev-parse", "HEAD"]);
    let program = give_away(program);
    let home = program.folder().display().to_string();
    let push = json!({ "repository": { "full_name": "octo/demo", "default_branch": "main" } });
    let program = program.in_actions("push", &push).env("GITHUB_SHA", &head).env("HOME", &home);

    let finished = program.run(&["dry-run"]).exits(0);

    assert_eq!(tags(&program), format!("main\nv1\n{head}"));
    let said = finished.stderr + &finished.stdout;
    for part in [
        "the plan names `git`, which is filled from GitHub's variables: git failed: detected dubious ownership in repository at 'DIR'",
        "; `git config --global --add safe.directory DIR` makes git answer",
    ] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
}

#[test]
fn tag_that_a_shallow_clone_lacks_is_explained() {
    let plan = "name: docs
report: none
steps:
  - build: { layers: [{ from: hello, to: /hello }] }
  - tag: 'demo.azurecr.io/docs:${{ git.tag }}'
  - push:
";
    let origin = Program::with_plan(plan).file("hello", "hello\n").committed();
    origin.git(&["tag", "v1"]);
    origin.git(&["commit", "--quiet", "--allow-empty", "--message=two"]);
    let url = format!("file://{}", origin.folder().display());
    let clone = Program::new();
    clone.git(&["clone", "--quiet", "--depth=1", &url, "."]);

    let finished = clone.run(&["dry-run"]).exits(3);
    finished.says_in_order(&[
        "`git.tag` is empty, and a name would be made of it",
        "no tag points to the commit, or it was not fetched: `fetch-depth: 0` of actions/checkout fetches all tags; ",
    ]);
}

/// A higher version may be among the tags that are not there.
#[test]
fn no_name_floats_in_a_clone_that_lacks_tags() {
    let plan = "name: docs\nreport: none\nsteps:\n  \
                - run: 'echo \"$V ($L)\"'\n    \
                env: { V: '${{ git.version }}', L: '${{ git.version-latest }}' }\n";
    let origin = Program::with_plan(plan).committed();
    origin.git(&["tag", "v2.0.0"]);
    origin.git(&["commit", "--quiet", "--allow-empty", "--message=two"]);
    origin.git(&["tag", "v1.1.10"]);
    let url = format!("file://{}", origin.folder().display());
    let warning = "warning  the clone may lack the tag of a higher version, so \
                   `git.version-minor`, `git.version-major` and `git.version-latest` are empty; \
                   give actions/checkout `fetch-depth: 0`";
    for option in ["--depth=1", "--no-tags"] {
        let clone = Program::new();
        clone.git(&["clone", "--quiet", option, &url, "."]);
        // As actions/checkout brings the one tag.
        clone.git(&["fetch", "--quiet", "--no-tags", "origin", "tag", "v1.1.10"]);
        let said = clone.run(&["run"]).exits(0).stderr;
        assert!(said.contains(warning), "{option}: {said}");
        assert!(said.contains("1.1.10 ()"), "{option}: {said}");
        let finished = clone.run(&["eval", "git.version-latest || '-'"]).exits(0);
        assert_eq!(finished.stdout, "-\n", "{option}");
    }
    let whole = Program::new();
    whole.git(&["clone", "--quiet", "--branch=v2.0.0", &url, "."]);
    let said = whole.run(&["run"]).exits(0).stderr;
    assert!(said.contains("2.0.0 (latest)") && !said.contains("may lack"), "{said}");
}

#[test]
fn detached_head_has_no_branch() {
    let program = program().committed();
    program.git(&["checkout", "--quiet", "--detach"]);
    let head = program.git(&["rev-parse", "HEAD"]);
    program.run(&["dry-run"]).exits(0);

    assert_eq!(tags(&program), format!("v1\n{head}"), "an empty tag is left out");
    program.run(&["dry-run", "--event", "push"]).exits(0);
    assert_eq!(tags(&program), format!("v1\n{head}"));
}

#[test]
fn a_name_made_of_the_branch_of_a_detached_head_is_refused() {
    let plan = "name: docs
steps:
  - build: { layers: [{ from: hello, to: /hello }] }
  - tag: 'demo.azurecr.io/docs:${{ git.branch }}'
  - push:
";
    let program = Program::with_plan(plan).file("hello", "hello\n").committed();
    program.git(&["checkout", "--quiet", "--detach"]);
    let finished = program.run(&["dry-run"]).exits(3);
    finished.says_in_order(&[
        "`git.branch` is empty, and a name would be made of it",
        "a commit is checked out, and no branch; `${{ git.branch || 'none' }}` has a name for that case",
    ]);
}

#[test]
fn variables_of_actions_fill_what_git_does_not_tell() {
    let program = program().committed();
    let head = program.git(&["rev-parse", "HEAD"]);
    std::fs::write(program.path(".git/config"), "[core\n").expect("can be written");
    let push = json!({ "repository": { "full_name": "octo/demo", "default_branch": "main" } });
    let program = program.in_actions("push", &push).env("GITHUB_SHA", &head);
    let finished = program.run(&["dry-run"]).exits(0);

    assert_eq!(tags(&program), format!("main\nv1\n{head}"));
    let said = finished.stderr + &finished.stdout;
    let warning = "the plan names `git`, which is filled from GitHub's variables: git failed: bad config line 1";
    assert!(said.contains(warning), "{said}");
}

#[test]
fn without_git_the_reason_is_said() {
    let program = program();
    let finished = program.run(&["dry-run"]).exits(0);
    let note = "the plan names `git`, which is empty: `DIR` is not in a git repository";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
    assert_eq!(tags(&program), "v1");
}

/// What a commit brings in the state folder, such as layers and notes of what they are made
/// from, would be taken for what this machine has built.
#[test]
fn state_folder_that_git_tracks_is_refused() {
    let program = program().file(".shipway/images/notes/layer", "{}").committed();
    program.git(&["add", "--force", ".shipway"]);
    program.git(&["commit", "--quiet", "--message=innocent"]);

    for command in ["run", "dry-run", "plan"] {
        let refused = program.run(&[command]).exits(3).stderr;
        assert_eq!(
            refused,
            "error: cannot use the state folder `DIR/.shipway`\n  because: git tracks \
             `.shipway/images/notes/layer`, and what a commit brings was not built here\n  help: \
             `git rm -r .shipway` removes it; or name another folder with `--state-dir FOLDER`\n"
        );
    }
    program.run(&["dry-run", "--state-dir", "elsewhere"]).exits(0);
    program.git(&["rm", "-r", "--quiet", "--force", ".shipway"]);
    program.git(&["commit", "--quiet", "--message=removed"]);
    program.run(&["dry-run"]).exits(0);
}
