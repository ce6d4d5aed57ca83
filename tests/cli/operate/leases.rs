//! Runs that deploy to one container group at the same time.

use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use crate::support::{Finished, Program};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Child, Command};

const PLAN: &str = "\
name: site
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /]
  - tag: { image: demo.azurecr.io/site, tags: [v1] }
  - push:
  - deploy:
      aci: { dns-label: site-demo, ports: [80], env: { COMMIT: '${{ git.sha }}' } }
  - run: test ! -e broken
  - verify: { http: /bin/busybox, within: 20s, every: 100ms }
";

/// How many runs deploy at once, unless `SHIPWAY_TEST_RUNS` says another number.
const RUNS: usize = 6;

/// A cloud, and checkouts of a repository, each at a commit that is a minute newer than
/// that of the one before.
struct Site {
    cloud: CloudProcess,
    checkouts: Vec<Program>,
}

impl Site {
    fn with_checkouts(count: usize) -> Self {
        let cloud = CloudProcess::with_registry("demo");
        let first = Program::with_plan(PLAN)
            .file(".gitignore", "busybox\n.shipway\nbroken\n")
            .applets()
            .committed();
        first.git(&["remote", "add", "origin", "https://github.com/octo/site.git"]);
        let mut checkouts = vec![first];
        for number in 1..count {
            let clone = Program::new().applets();
            let from = checkouts[0].folder().display().to_string();
            clone.git(&["init", "--quiet", "--initial-branch=main"]);
            clone.git(&["pull", "--quiet", &from, "main"]);
            clone.git(&["remote", "add", "origin", "https://github.com/octo/site.git"]);
            commit(clone.folder(), &format!("2030-11-20T10:{number:02}:00Z"));
            checkouts.push(clone);
        }
        Self { cloud, checkouts }
    }

    fn start(&self, checkout: usize) -> Child {
        let cloud = self.cloud.path.display().to_string();
        self.checkouts[checkout].start(&["run", "--cloud", &cloud])
    }

    fn run(&self, checkout: usize, command: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.checkouts[checkout].run(&[command, &["--cloud", &cloud]].concat())
    }

    fn sha(&self, checkout: usize) -> String {
        self.checkouts[checkout].git(&["rev-parse", "HEAD"])
    }

    /// The tags of the container group.
    fn tags(&self) -> Value {
        let path = self.cloud.state().join("arm/resources.json");
        let text = fs::read_to_string(path).unwrap_or_else(|_| "null".to_owned());
        let content: Value = serde_json::from_str(&text).expect("JSON");
        content["container-groups"]["demo/site-demo"]["body"]["tags"].clone()
    }

    /// Writes the lease of a run that ends after this many seconds.
    fn lease_to(&self, run: &str, seconds: i64) {
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        let mut tags = self.tags();
        tags["shipway-lease"] = format!("{run} until {until}").into();
        let servers = Servers::of(&self.cloud);
        let path = format!("{}/site-demo", servers.groups_path());
        servers.arm(Method::PATCH, &path, &json!({ "tags": tags }));
    }
}

fn commit(folder: &Path, time: &str) {
    let status = Command::new("git")
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "--quiet"])
        .args(["--allow-empty", "--message", time])
        .current_dir(folder)
        .envs([("GIT_COMMITTER_DATE", time), ("GIT_AUTHOR_DATE", time)])
        .status();
    assert!(status.expect("git is installed").success());
}

/// The id of a run that began at 2025-12-31T12:00:00Z.
const OTHER: &str = "01kdt4eyg0000000000000000a";

#[test]
fn a_run_waits_for_the_lease_of_another_one() {
    let site = Site::with_checkouts(2);
    site.run(0, &["run"]).exits(0);
    let tags = site.tags();
    assert_eq!(tags["shipway-verified"], "true");
    assert_eq!(tags["shipway-lease"], Value::Null, "given up with the record that it works");
    site.lease_to(OTHER, 3);

    let finished = site.run(1, &["run"]).exits(0);

    let waiting =
        format!("waiting for run {OTHER} to end its deploy of container group `site-demo`\n");
    assert_eq!(finished.stderr.matches(&waiting).count(), 1, "{}", finished.stderr);
    let tags = site.tags();
    assert_eq!(tags["shipway-commit"], site.sha(1));
    assert_eq!(tags["shipway-lease"], Value::Null);
}

#[test]
fn what_a_run_deploys_at_the_moment_is_not_removed() {
    let site = Site::with_checkouts(1);
    site.run(0, &["run"]).exits(0);
    site.lease_to(OTHER, 100);

    let kept = site.run(0, &["down", "--yes"]).exits(4);

    let why = format!("run {OTHER} is deploying it; try again when that run has ended");
    assert!(kept.stdout.contains(&why), "{}\n{}", kept.stdout, kept.stderr);
    site.lease_to(OTHER, 0);
    site.run(0, &["down", "--yes"]).exits(0);
    assert_eq!(site.tags(), Value::Null);
}

#[test]
fn a_run_that_fails_keeps_no_other_waiting() {
    let site = Site::with_checkouts(1);
    let program = &site.checkouts[0];
    fs::write(program.path("broken"), "").expect("a file");

    site.run(0, &["run"]).exits(4);

    let tags = site.tags();
    assert_eq!(tags["shipway-commit"], site.sha(0), "it was deployed");
    assert_eq!((&tags["shipway-lease"], &tags["shipway-verified"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_version_whose_checks_were_left_out_is_neither_held_nor_verified() {
    let site = Site::with_checkouts(1);
    let program = &site.checkouts[0];
    let (lease, verified) = ("shipway-lease", "shipway-verified");

    site.run(0, &["run", "--until", "deploy"]).exits(0);

    let tags = site.tags();
    assert_eq!((&tags[lease], &tags[verified]), (&Value::Null, &Value::Null), "{tags:#}");

    let condition = "    if: github.event_name == 'push'\n";
    fs::write(program.path("shipway.yml"), format!("{PLAN}{condition}")).expect("a plan");
    site.run(0, &["run"]).exits(0);
    let tags = site.tags();
    assert_eq!((&tags[lease], &tags[verified]), (&Value::Null, &Value::Null), "{tags:#}");

    let plan = format!("{PLAN}  - verify: {{ tcp: '80' }}\n{condition}");
    fs::write(program.path("shipway.yml"), plan.replace("COMMIT: '", "COMMIT: 'c"))
        .expect("a plan");
    site.run(0, &["run"]).exits(0);
    let tags = site.tags();
    assert_eq!((&tags[lease], &tags[verified]), (&Value::Null, &Value::Null), "{tags:#}");
}

#[test]
fn of_runs_at_the_same_time_the_newest_commit_stays_up() {
    let runs = std::env::var("SHIPWAY_TEST_RUNS").ok();
    let runs = runs.map_or(RUNS, |runs| runs.parse().expect("a number of runs"));
    let site = Site::with_checkouts(runs);
    let newest = site.sha(runs - 1);
    let running: Vec<Child> = (0..runs).map(|checkout| site.start(checkout)).collect();

    let finished: Vec<Finished> = running
        .into_iter()
        .zip(&site.checkouts)
        .map(|(child, checkout)| checkout.finish(child))
        .collect();

    let [older @ .., last] = &finished[..] else { panic!("no run") };
    assert_eq!(last.code, 0, "{}", last.stderr);
    for finished in older {
        let is_newer = finished.stderr.contains("which is newer than");
        assert!(
            finished.code == 0 || (finished.code == 4 && is_newer),
            "{}: {}",
            finished.code,
            finished.stderr
        );
    }
    let tags = site.tags();
    assert_eq!(tags["shipway-commit"], newest);
    assert_eq!(tags["shipway-verified"], "true");
    assert_eq!(tags["shipway-lease"], Value::Null);
    let group = fs::read_to_string(site.cloud.state().join("arm/resources.json"));
    assert!(group.expect("a file").contains(&format!("\"{newest}\"")), "its variable COMMIT");
}
