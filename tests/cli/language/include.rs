//! Plans that include others.

use crate::support::Program;

const PLAN: &str = "\
name: shop
include: [web/shipway.yml, jobs/shipway.yml]
azure: { resource-group: shop, location: westeurope }
vars: { tag: v1 }
";

const WEB: &str = "\
name: web
azure: { resource-group: shop }
secrets: { token: { file: token.txt } }
steps:
  - build: { layers: [{ from: page.txt, to: /www/index.html }], entrypoint: [/bin/true] }
  - tag: shop.azurecr.io/web:${{ vars.tag }}
  - push:
";

const JOBS: &str = "\
services:
  report:
    needs: [web]
    paths: [report.sh]
    steps:
      - run: ./report.sh
        env: { IMAGE: '${{ services.web.outputs.image }}', TOKEN: '${{ secrets.token }}' }
      - run: cat here.txt
        working-directory: data
";

fn program() -> Program {
    Program::with_plan(PLAN)
        .file("web/shipway.yml", WEB)
        .file("web/page.txt", "hello")
        .file("web/token.txt", "token-of-a-file")
        .file("jobs/shipway.yml", JOBS)
        .file("jobs/report.sh", "echo \"of ${IMAGE%%@*}\"\n")
        .file("jobs/data/here.txt", "in jobs/data\n")
}

#[test]
fn services_of_other_files_run_in_their_folders() {
    let program = program();
    program.run(&["check", "--deny", "warnings"]).exits(0);
    let script = program.path("jobs/report.sh");
    let mut mode = std::fs::metadata(&script).expect("there").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&script, mode).expect("can be changed");

    let finished = program.run(&["dry-run"]).exits(0);
    for said in ["of shop.azurecr.io/web\n", "in jobs/data\n"] {
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
}

#[test]
fn mistakes_are_shown_in_their_file() {
    let program = program().file("jobs/shipway.yml", &JOBS.replace("[web]", "[wbe]"));
    let refused = program.run(&["check"]).exits(2);
    let words = "error[unknown-service]: no service is called `wbe`\n --> jobs/shipway.yml:3:13\n";
    assert!(refused.stderr.starts_with(words), "{}", refused.stderr);
    let json = program.run(&["check", "--format", "json"]).exits(2);
    assert!(
        json.stdout.contains("\"file\": \"jobs/shipway.yml\",\n    \"line\": 3"),
        "{}",
        json.stdout
    );
    let github = program.run(&["check", "--format", "github"]).exits(2);
    assert!(
        github.stdout.starts_with("::error file=jobs/shipway.yml,line=3,"),
        "{}",
        github.stdout
    );
}

#[test]
fn missing_paths_are_looked_for_beside_the_included_file() {
    let program = Program::with_plan(PLAN)
        .file("web/shipway.yml", &WEB.replace("page.txt", "none.txt"))
        .file("jobs/shipway.yml", JOBS);
    let warned = program.run(&["check"]).exits(0);
    let words = "warning[missing-path]: `none.txt` does not exist\n --> web/shipway.yml:5:31\n";
    assert!(warned.stderr.starts_with(words), "{}", warned.stderr);
}

#[test]
fn change_of_an_included_file_is_a_change_of_the_plan() {
    let program = Program::with_plan("name: shop\ninclude: [job.yml]\n")
        .file("job.yml", "name: job\nsteps: [{ run: exit 3 }]\n");
    program.run(&["run"]).exits(4);
    let program = program.file("job.yml", "name: job\nsteps: [{ run: exit 4 }]\n");
    let refused = program.run(&["resume"]).exits(2);
    let words = "error: the plan has changed since run ";
    assert!(refused.stderr.starts_with(words), "{}", refused.stderr);
}

/// A plan that a stranger wrote shows no file of this machine: the text of a file is shown with
/// the mistakes that are in it.
#[test]
fn files_outside_of_the_repository_are_not_read() {
    let program = Program::with_plan("name: shop\ninclude: [web/plan.yml]\nsteps: []\n");
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(outside.path(), "password of another\n").expect("written");
    program.git(&["init", "--quiet"]);
    std::fs::create_dir(program.path("web")).expect("a folder");
    let refused = |path: &str| {
        let plan = format!("name: shop\ninclude: [{path}]\nsteps: []\n");
        std::fs::write(program.path("shipway.yml"), plan).expect("written");
        let stderr = program.run(&["check"]).exits(2).stderr;
        stderr.lines().next().unwrap_or_default().to_owned()
    };
    let begin = "error[cannot-include]: cannot include";
    assert_eq!(
        refused("../outside.yml"),
        format!("{begin} `../outside.yml`: No such file or directory (os error 2)")
    );
    assert_eq!(
        refused("../../../../../../../../etc/passwd"),
        format!("{begin} `../../../../../../../../etc/passwd`: it is outside of the repository")
    );
    assert_eq!(
        refused(".git/config"),
        format!("{begin} `.git/config`: it is outside of the repository")
    );
    std::os::unix::fs::symlink(outside.path(), program.path("web/link.yml")).expect("a link");
    assert_eq!(
        refused("web/link.yml"),
        format!("{begin} `web/link.yml`: it is outside of the repository")
    );
    assert_eq!(refused("web"), format!("{begin} `web`: it is no file"));
    std::fs::remove_dir_all(program.path(".git")).expect("removed");
    assert_eq!(
        refused("../../../../../../../../etc/passwd"),
        format!(
            "{begin} `../../../../../../../../etc/passwd`: it is outside of the folder of the plan"
        )
    );
}

#[test]
fn a_plan_that_is_a_link_out_of_its_repository_is_not_read() {
    let program = Program::new();
    program.git(&["init", "--quiet"]);
    std::os::unix::fs::symlink("/etc/passwd", program.path("shipway.yml")).expect("a link");
    assert_eq!(
        program.run(&["check"]).exits(2).stderr,
        "error: cannot read the plan `shipway.yml`\n  because: it is a link that leads out of the repository\n"
    );
}

/// `##[` begins a command anywhere in a line of a log.
#[test]
fn lines_of_a_plan_are_no_commands_of_a_workflow() {
    let program =
        Program::with_plan("name: shop\nnam: 'a ##[set-output name=url]evil'\nsteps: []\n")
            .env("GITHUB_ACTIONS", "true");
    for command in ["check", "plan", "run", "dry-run"] {
        let finished = program.run(&[command]).exits(2);
        let shown = finished.stderr + &finished.stdout;
        assert!(shown.contains("## [set-output name=url]evil"), "{command}: {shown}");
        assert!(!shown.contains("##["), "{command}: {shown}");
    }
}

#[test]
fn a_credential_in_a_line_of_the_plan_is_masked() {
    let program = Program::with_plan("name: shop\ntoken: ghs_hunter22\nsteps: [{ run: make }]\n")
        .env("GITHUB_TOKEN", "ghs_hunter22");
    for arguments in [&["check"][..], &["check", "--format", "sarif"], &["run"], &["dry-run"]] {
        let finished = program.run(arguments).exits(2);
        let shown = finished.stderr + &finished.stdout;
        assert!(!shown.contains("hunter22"), "{arguments:?}: {shown}");
        assert!(shown.contains("token"), "{arguments:?}: {shown}");
    }
}
