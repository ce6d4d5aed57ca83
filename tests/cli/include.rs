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
