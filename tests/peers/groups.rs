//! The plans of `docs/container-groups.md` and `docs/container-apps.md`, each run against the
//! local cloud.

use crate::peer::busybox;
use crate::support::{Finished, Program};
use regex::Regex;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The plans of `docs/container-groups.md` by name.
fn plans() -> Vec<(String, String)> {
    plans_of("container-groups.md")
}

/// The plans of a page by name.
fn plans_of(page: &str) -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let page = fs::read_to_string(page).expect("the page");
    let block = Regex::new(r"(?ms)^```yaml\n(.*?)^```$").expect("a pattern");
    let name = Regex::new(r"(?m)^name: (\S+)$").expect("a pattern");
    let plans = block.captures_iter(&page).map(|found| found[1].to_owned());
    plans.map(|plan| (name.captures(&plan).expect("a name")[1].to_owned(), plan)).collect()
}

/// A plan of the page, in which every image is busybox that serves /srv at `PORT`.
fn dry_run(plan: &str) -> (Program, Finished) {
    let mut program = Program::with_plan(plan);
    let serve = "mkdir -p /srv; [ -e /srv/index.html ] || echo hello > /srv/index.html; \
                 exec httpd -f -p ${PORT:-80} -h /srv";
    busybox::layout(
        &program.path("seed"),
        &json!({ "Entrypoint": ["/bin/busybox", "sh", "-c", serve] }),
    );
    for name in
        ["WORKSPACE_KEY", "CERTIFICATE", "PRIVATE_KEY", "SHOP_TOKEN", "SETTINGS", "STORAGE_KEY"]
    {
        program = program.env(name, "c29tZSBzZWNyZXQ=");
    }
    let image = Regex::new(r"ghcr\.io/example/[a-z]+:v1").expect("a pattern");
    let images: BTreeSet<String> =
        image.find_iter(plan).map(|found| format!("{}=oci:seed", found.as_str())).collect();
    let mut arguments = vec!["dry-run", "--runtime", "built-in"];
    for image in &images {
        arguments.extend(["--seed-image", image]);
    }
    let finished = program.run(&arguments);
    (program, finished)
}

#[test]
fn every_plan_of_the_page_runs_or_is_refused_by_name() {
    let plans = plans();
    assert_eq!(plans.len(), 14, "one for each form");
    for (name, plan) in plans {
        let (_, finished) = dry_run(&plan);
        let refusal = plan.lines().next().and_then(|line| line.strip_prefix("# "));
        match refusal {
            Some(refusal) => {
                assert_eq!(finished.code, 4, "{name}: {}", finished.stderr);
                assert!(finished.stderr.contains(refusal), "{name}: {}", finished.stderr);
            }
            None => assert_eq!(finished.code, 0, "{name}: {}", finished.stderr),
        }
    }
}

#[test]
fn every_plan_of_the_page_on_apps_runs() {
    let plans = plans_of("container-apps.md");
    // The last is a preview, at the address of its label.
    let addresses = ["https://shop.local-", "https://shop.local-", "https://shop---pr-1.local-"];
    assert_eq!(plans.len(), addresses.len());
    for ((name, plan), address) in plans.into_iter().zip(addresses) {
        let (_, finished) = dry_run(&plan);
        assert_eq!(finished.code, 0, "{name}: {}", finished.stderr);
        let url = finished.stdout.trim();
        assert!(url.starts_with(address), "{url}");
    }
}

/// The plan of this name, one text of it replaced.
#[track_caller]
fn changed(name: &str, from: &str, to: &str) -> String {
    let plans = plans();
    let (_, plan) = plans.iter().find(|(known, _)| known == name).expect("a plan");
    assert!(plan.contains(from), "{plan}");
    plan.replace(from, to)
}

#[test]
fn job_that_ends_with_another_code_fails_with_its_log() {
    let plan = changed("nightly", "echo, \"42 rows\"", "sh, -c, 'echo no rows; sleep 4; exit 3'");
    let (_, finished) = dry_run(&plan);
    assert_eq!(finished.code, 4, "{}", finished.stderr);
    finished
        .says_in_order(&["no rows\n", "container `nightly-job` has ended with exit code 3, not 0"]);
}

#[test]
fn log_of_a_job_is_shown() {
    let plan = changed("nightly", "42 rows", "41 rows");
    let (_, finished) = dry_run(&plan);
    finished
        .exits(0)
        .says_in_order(&["41 rows\n", "container group `nightly-job` has ended with exit code 0"]);
}

#[test]
fn container_whose_liveness_probe_fails_is_started_again() {
    let plan = changed(
        "probed",
        "liveness: { http: /index.html, period: 5s, failure-threshold: 3 }",
        "liveness: { http: /missing, initial-delay: 1s, period: 1s, failure-threshold: 1 }",
    );
    let plan = plan.replace("verify: /", "verify: { http: /missing, within: 8s }");
    let (_, finished) = dry_run(&plan);
    assert_eq!(finished.code, 4, "{}", finished.stderr);
    finished.says_in_order(&["Liveness probe failed: HTTP probe failed with statuscode: 404"]);
}

#[test]
fn container_gets_no_request_before_its_readiness_probe_passes() {
    let plan = changed(
        "probed",
        "readiness: { exec: [/bin/busybox, \"true\"]",
        "readiness: { exec: [/bin/busybox, \"false\"]",
    );
    let plan = plan.replace("verify: /", "verify: { http: /, within: 4s }");
    let (_, finished) = dry_run(&plan);
    assert_eq!(finished.code, 4, "{}", finished.stderr);
    finished.says_in_order(&[
        "nothing listens on port 80 of probed-demo.westeurope.azurecontainer.io",
        "Readiness probe failed: command terminated with non-zero exit code: 1",
    ]);
}
