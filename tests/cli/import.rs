//! `import` makes plans of files that deploy in another way.

use crate::support::Program;
use crate::support::path::without_engines;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import")
}

fn fixture(name: &str) -> String {
    fs::read_to_string(fixtures().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A folder with what the imported builds take, and the plan of this file as
/// `shipway.yml`, which has no mistakes.
#[track_caller]
fn imported(name: &str, text: &str) -> (Program, String) {
    let folders = ["", "api/", "back/", "front/", "site/", "src/", "app/", "web/"];
    let more = ["services/orders/", "services/billing/", "build/", "docker/", "db/"];
    let start = Program::new().file(&format!("in/{name}"), text).env("AZURE_CONFIG_DIR", "none");
    let program = folders.iter().chain(&more).fold(start, |program, folder| {
        program.file(&format!("{folder}Dockerfile"), "FROM scratch\n")
    });
    let path = format!("in/{name}");
    let finished = program.run(&["import", &path]).exits(0);
    let program = program.file("shipway.yml", &finished.stdout);
    let checked = program.run(&["check"]);
    assert_eq!(
        (checked.code, checked.stderr.as_str()),
        (0, "shipway.yml: no mistakes\n"),
        "{}",
        finished.stdout
    );
    (program, format!("{}---\n{}", finished.stdout, finished.stderr))
}

#[test]
fn each_file_becomes_a_plan_without_mistakes() {
    let names = fs::read_dir(fixtures())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let workflows =
        names.iter().filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "yml"));
    let workflows = workflows.count();
    assert!(workflows >= 20, "only {workflows} workflows");
    for name in names {
        let (_, shown) = imported(&name, &fixture(&name));
        insta::assert_snapshot!(name.replace('.', "_"), shown);
    }
}

/// An image that serves its `www` on this port, without an engine.
fn serving(port: u16) -> String {
    format!(
        "FROM scratch AS release\nCOPY busybox /busybox\nCOPY www /www\nEXPOSE {port}\n\
         ENTRYPOINT [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"{port}\", \"-h\", \"/www\"]\n"
    )
}

/// Runs the plan of a file here, with such an image in each of the folders; the URLs.
#[track_caller]
fn dry_run(name: &str, folders: &[(&str, u16)]) -> String {
    let (program, _) = imported(name, &fixture(name));
    let mut program = program.applets();
    for (folder, port) in folders {
        program = program
            .file(&format!("{folder}/Dockerfile"), &serving(*port))
            .file(&format!("{folder}/www/index.html"), "hello")
            .file(&format!("{folder}/www/ready"), "yes")
            .file(&format!("{folder}/www/health"), "yes");
        fs::copy(program.path("busybox"), program.path(&format!("{folder}/busybox")))
            .expect("copied");
    }
    let bin = tempfile::tempdir().expect("a folder");
    without_engines(bin.path());
    let program = program.committed().env("PATH", &bin.path().display().to_string());
    program.run(&["dry-run", "--runtime", "built-in"]).exits(0).stdout
}

#[test]
fn loop_of_requests_in_a_workflow_is_verified_in_a_dry_run() {
    assert_eq!(
        dry_run("curl-loop.yml", &[("site", 8080)]),
        "http://site-pr-1.westeurope.azurecontainer.io:8080\n"
    );
}

#[test]
fn action_that_deploys_is_run_in_a_dry_run() {
    let program = dry_run("aci-deploy-with-variables.yml", &[("api", 8000)]);
    assert_eq!(program, "http://notes-api.northeurope.azurecontainer.io:8000\n");
}

#[test]
fn jobs_of_a_matrix_are_services_in_a_dry_run() {
    let folders = [("services/orders", 8001), ("services/billing", 8002)];
    assert_eq!(
        dry_run("matrix-of-services.yml", &folders),
        "http://mall-orders.westeurope.azurecontainer.io:8001\n\
         http://mall-billing.westeurope.azurecontainer.io:8002\n"
    );
}

#[test]
fn registry_that_a_script_creates_is_created_in_a_dry_run() {
    dry_run("az-acr-build-and-group-create.yml", &[("src", 80)]);
}

#[test]
fn existing_plan_is_not_overwritten() {
    let program = Program::with_plan("mine").file("up.sh", &fixture("command-line.txt"));
    assert_eq!(
        program.run(&["import", "up.sh", "--output", "shipway.yml"]).exits(2).stderr,
        "error: cannot write `shipway.yml`: it exists\n  help: name another file, or leave `--output` \
         out to see the plan\n"
    );
    let written = program.run(&["import", "up.sh", "--output", "new.yml"]).exits(0);
    assert_eq!(written.stdout, "");
    assert_eq!(
        written.stderr,
        "0 changed, 0 kept as `run`, 0 to do\nwrote new.yml\n\nnext:\n  shipway check new.yml\n  \
         shipway dry-run new.yml\n"
    );
    program.run(&["check", "new.yml"]).exits(0);
}

#[test]
fn file_that_deploys_nothing_is_refused() {
    let program = Program::new()
        .file("a.yml", "a: 1\n")
        .file("b.yml", "jobs: { a: { steps: [{ uses: actions/checkout@v4 }] } }\n")
        .file("c.yml", "jobs: [\n");
    let said = |name: &str| program.run(&["import", name]).exits(2).stderr;
    assert_eq!(
        said("a.yml"),
        "error: cannot import `a.yml`\n  because: it is no workflow, compose file, container group or \
         template, and has no command of `az` or docker\n  help: a bicep file becomes a template with \
         `az bicep build --file FILE`\n"
    );
    assert_eq!(
        said("b.yml"),
        "error: cannot import `b.yml`\n  because: nothing in it builds, pushes or deploys an image\n"
    );
    assert!(said("c.yml").starts_with("error: cannot import `c.yml`\n  because: "));
    assert!(said("none.yml").contains("because: No such file or directory"));
}
