//! `strategy: verify-first`: a new version is verified beside the one that runs.

use crate::support::cloud_process::CloudProcess;
use crate::support::servers::Servers;
use crate::support::state::newest;
use crate::support::{Finished, Program, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

const PLAN: &str = "\
name: site
azure: { resource-group: demo, location: westeurope }
vars: { strategy: verify-first }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }, { from: www, to: /www }]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
  - tag: demo.azurecr.io/site:v1
  - push:
  - id: live
    deploy:
      aci:
        dns-label: site-demo
        ports: [80]
        strategy: ${{ vars.strategy }}
  - verify: { http: '${{ steps.live.outputs.url }}/healthy', within: 3s, every: 100ms }
";

const URL: &str = "http://site-demo.westeurope.azurecontainer.io/index.html";

/// A site whose first version runs.
struct Site {
    program: Program,
    cloud: CloudProcess,
}

impl Site {
    fn deployed() -> Self {
        let cloud = CloudProcess::with_registry("demo");
        let program = Program::with_plan(PLAN)
            .applets()
            .file("www/healthy", "yes")
            .file("www/index.html", "one");
        let site = Self { program, cloud };
        let finished = site.run().exits(0);
        assert!(!finished.stderr.contains("site-demo-next"), "nothing runs yet");
        site
    }

    fn arguments(&self) -> [String; 3] {
        ["run".into(), "--cloud".into(), self.cloud.path.display().to_string()]
    }

    fn run(&self) -> Finished {
        self.program.run(&self.arguments().each_ref().map(String::as_str))
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.program.path(file), text).expect("a file");
    }

    /// The names of the container groups that exist.
    fn groups(&self) -> Vec<String> {
        let path = self.cloud.state().join("arm/resources.json");
        let content: Value =
            serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON");
        let groups = content["container-groups"].as_object().expect("an object");
        groups.keys().cloned().collect()
    }

    /// The requests that change container groups, such as `PUT site-demo`.
    fn changes(&self) -> Vec<String> {
        let of_group = |path: &str| {
            let name = path.split_once("/containerGroups/")?.1;
            Some(name.split('?').next().unwrap_or_default().to_owned())
        };
        let all = self.cloud.requests().into_iter().filter(|request| request.method != "GET");
        all.filter_map(|request| Some(format!("{} {}", request.method, of_group(&request.path)?)))
            .collect()
    }

    /// A visitor who asks ten times a second, until the flag is set. What each request was
    /// answered; `None` where it failed.
    fn visitor(&self, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<Option<String>>> {
        let (client, stop) = (self.cloud.client(), Arc::clone(stop));
        spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = runtime.block_on(async {
                    let answer = client.get(URL).send().await.ok()?;
                    if answer.status().is_success() { answer.text().await.ok() } else { None }
                });
                answers.push(answer);
                std::thread::sleep(Duration::from_millis(100));
            }
            answers
        })
    }
}

#[test]
fn plan_names_what_is_verified_first() {
    let site = Site::deployed();
    let plan = |exit: i32| {
        let cloud = site.cloud.path.display().to_string();
        let planned = site.program.run(&["plan", "--exit-code", "--cloud", &cloud]).exits(exit);
        planned.stdout
    };
    let line =
        "verified first as container group `site-demo-next` in westeurope, which is then removed";
    let unchanged = plan(0);
    assert!(!unchanged.contains("verified first"), "{unchanged}");

    site.write("www/index.html", "two");
    let changed = plan(7);
    assert!(changed.contains(&format!("~ update, restarts in place\n    {line}\n")), "{changed}");
}

#[test]
fn a_version_that_never_becomes_healthy_does_not_touch_the_one_that_runs() {
    let site = Site::deployed();
    fs::remove_file(site.program.path("www/healthy")).expect("a file");
    site.write("www/index.html", "two");
    let stop = Arc::new(AtomicBool::new(false));
    let visitor = site.visitor(&stop);

    let finished = site.run().exits(4);

    stop.store(true, Ordering::Relaxed);
    let answers = visitor.join().expect("no panic");
    let all = answers.len();
    assert!(all > 10, "asked all the while: {all}");
    assert_eq!(answers, vec![Some("one".to_owned()); all]);
    finished.says_in_order(&[
        "bringing the new version up first as container group `site-demo-next` in westeurope\n",
        "site-demo-next.westeurope.azurecontainer.io/healthy",
        "the new version was tried as container group `site-demo-next` in westeurope, and what \
         ran before was not changed\n",
    ]);
    assert_eq!(site.groups(), ["demo/site-demo"], "the one beside it was removed");
    assert_eq!(site.changes()[2..], ["PUT site-demo-next", "DELETE site-demo-next"]);
}

#[test]
fn a_version_that_is_healthy_replaces_the_one_that_runs() {
    let site = Site::deployed();
    site.write("www/index.html", "two");
    let stop = Arc::new(AtomicBool::new(false));
    let visitor = site.visitor(&stop);

    let finished = site.run().exits(0);

    stop.store(true, Ordering::Relaxed);
    let answers = visitor.join().expect("no panic");
    let failed = answers.iter().filter(|answer| answer.is_none()).count();
    let counted = format!("{failed} of {} requests failed", answers.len());
    let mut stages = answers;
    stages.dedup();
    stages.retain(Option::is_some);
    // Those that failed did so in one piece, between the last answer of the old version and
    // the first of the new.
    assert_eq!(stages, [Some("one".to_owned()), Some("two".to_owned())], "{counted}");
    finished.says_in_order(&[
        "bringing the new version up first as container group `site-demo-next` in westeurope\n",
        "http://site-demo-next.westeurope.azurecontainer.io/healthy answers 200",
        "the new version passed 1 check and was removed\n",
        "http://site-demo.westeurope.azurecontainer.io/healthy answers 200",
    ]);
    assert_eq!(site.groups(), ["demo/site-demo"]);
    let changes =
        ["PUT site-demo-next", "DELETE site-demo-next", "PUT site-demo", "PATCH site-demo"];
    assert_eq!(site.changes()[2..], changes);
}

#[test]
fn a_run_that_is_stopped_leaves_nothing_beside_the_one_that_runs() {
    let site = Site::deployed();
    fs::remove_file(site.program.path("www/healthy")).expect("a file");
    site.write("www/index.html", "two");
    let plan = PLAN.replace("within: 3s", "within: 5m");
    site.write("shipway.yml", &plan);
    let child: Child = site.program.start(&site.arguments().each_ref().map(String::as_str));
    eventually("the version beside it is up", || (site.groups().len() == 2).then_some(()));

    let pid = nix::unistd::Pid::from_raw(child.id().try_into().expect("a process"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
    site.program.finish(child).exits(143);

    eventually("the one beside it is gone", || (site.groups() == ["demo/site-demo"]).then_some(()));
}

impl Site {
    /// Starts a run whose new version answers after two seconds, and kills it without a
    /// signal that it could handle once that version is up beside the old one.
    fn killed(&self) {
        let late = PLAN.replace(
            "[/bin/busybox, httpd, -f, -p, '80', -h, /www]",
            "[/bin/busybox, sh, -c, 'sleep 2; httpd -f -p 80 -h /www']",
        );
        assert_ne!(late, PLAN);
        self.write("shipway.yml", &late.replace("within: 3s", "within: 1m"));
        self.write("www/index.html", "two");
        let child = self.program.start(&self.arguments().each_ref().map(String::as_str));
        eventually("the version beside it is up", || (self.groups().len() == 2).then_some(()));
        let pid = nix::unistd::Pid::from_raw(child.id().try_into().expect("a process"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("a signal");
        self.program.finish(child).exits(128 + 9);
        assert_eq!(self.groups(), ["demo/site-demo", "demo/site-demo-next"]);
    }
}

#[test]
fn a_run_that_is_killed_is_finished_by_resume_and_leaves_nothing_beside() {
    let site = Site::deployed();
    site.killed();

    let finished = site.program.run(&["resume"]).exits(0);

    finished.says_in_order(&["the new version passed 1 check and was removed\n", "succeeded"]);
    assert_eq!(site.groups(), ["demo/site-demo"]);
}

#[test]
fn what_a_run_that_was_killed_tried_is_removed_once_its_lease_has_ended() {
    let site = Site::deployed();
    site.killed();
    let cloud = site.cloud.path.display().to_string();
    let down = |exit: i32| site.program.run(&["down", "--yes", "--cloud", &cloud]).exits(exit);
    let kept = down(4).stdout;
    let run = newest(&site.program, "runs").expect("a run");
    let run = run.file_name().expect("a name").display().to_string();
    let says = format!(
        "kept site-demo-next: run {run} is deploying it; try again when that run has ended\n"
    );
    assert!(kept.contains(&says), "{kept}");
    assert_eq!(site.groups(), ["demo/site-demo-next"]);

    let servers = Servers::of(&site.cloud);
    let path = format!("{}/site-demo-next", servers.groups_path());
    let tags = &servers.arm(Method::GET, &path, &Value::Null)["tags"];
    let mut ended = tags.clone();
    assert!(tags["shipway-lease"].is_string(), "{tags}");
    ended["shipway-lease"] = format!("{run} until 2026-01-01T00:00:00Z").into();
    servers.arm(Method::PATCH, &path, &json!({ "tags": ended }));
    down(0);

    assert!(site.groups().is_empty(), "{:?}", site.groups());
}

#[test]
fn what_another_run_tries_is_left_alone() {
    let site = Site::deployed();
    let program = &site.program;
    program.git(&["init", "--quiet"]);
    program.git(&["remote", "add", "origin", "https://github.com/octo/site.git"]);
    program.git(&["add", "shipway.yml"]);
    program.git(&["commit", "--quiet", "--message=one"]);
    let servers = Servers::of(&site.cloud);
    let path = servers.groups_path();
    let live = servers.arm(Method::GET, &format!("{path}/site-demo"), &Value::Null);
    let container = &live["properties"]["containers"][0];
    let tried = json!({
        "location": "westeurope",
        "tags": {
            "shipway-plan": "site", "shipway-service": "site (next)",
            "shipway-repository": "octo/site",
            "shipway-run": "01kdt4eyg0000000000000000a",
            "shipway-commit": "f".repeat(40), "shipway-commit-time": "2040-01-01T00:00:00Z",
        },
        "properties": { "osType": "Linux", "containers": [{
            "name": "site",
            "properties": {
                "image": container["properties"]["image"],
                "resources": { "requests": { "cpu": 0.5, "memoryInGB": 0.5 } },
            },
        }] },
    });
    servers.arm(Method::PUT, &format!("{path}/site-demo-next"), &tried);
    site.write("www/index.html", "two");

    let finished = site.run().exits(4);

    finished.says_in_order(&["container group `site-demo` runs commit fffffff of 2040-01-01"]);
    assert_eq!(site.groups(), ["demo/site-demo", "demo/site-demo-next"]);
}

#[test]
fn group_of_another_plan_that_has_the_name_is_not_touched() {
    let site = Site::deployed();
    let other = PLAN.replace("name: site", "name: other").replace("site-demo", "site-demo-next");
    site.write("other.yml", &other);
    let [run, cloud, file] = site.arguments();
    site.program.run(&[&run, "other.yml", &cloud, &file]).exits(0);
    let before = site.changes();
    site.write("www/index.html", "two");

    let finished = site.run().exits(4);

    finished.says_in_order(&[
        "container group `site-demo-next` in westeurope exists, and no run of this plan tried it\n",
        "`strategy: verify-first` needs that name for the new version\n",
        "give the service another `name` or `dns-label`, or remove what has it\n",
    ]);
    assert_eq!(site.changes(), before);
}

#[test]
fn checks_are_made_beside_as_the_plan_says_and_a_rollback_stays_possible() {
    let site = Site::deployed();
    let plan = PLAN.replace("strategy: $", "on-failure: rollback\n        strategy: $")
        + "    if: run.dry-run\n  - { verify: { http: /missing, within: 100ms, every: 50ms }, continue-on-error: true }\n"
        + "  - verify: { http: /index.html, within: 3s, every: 100ms }\n";
    site.write("shipway.yml", &plan);
    site.write("www/index.html", "two");

    let finished = site.run().exits(0);

    finished.says_in_order(&[
        "warning  `verify-2` failed for the new version, and may: ",
        "the new version passed 1 check and was removed\n",
        "succeeded",
    ]);
    assert!(!finished.stderr.contains("-next.westeurope.azurecontainer.io/healthy"), "its `if`");
    assert_eq!(site.groups(), ["demo/site-demo"]);
}

#[test]
fn check_of_the_groups_own_url_is_made_of_the_new_version() {
    let site = Site::deployed();
    let plan = PLAN.replace("'${{ steps.live.outputs.url }}/healthy'", &format!("'{URL}'"));
    site.write("shipway.yml", &plan);
    site.write("www/index.html", "two");
    let finished = site.run().exits(0);
    finished.says_in_order(&["the new version passed 1 check and was removed\n", "succeeded"]);
    assert!(!finished.stderr.contains("asks another address"), "{}", finished.stderr);

    // The old version answers there still, and says nothing of the new one.
    fs::remove_file(site.program.path("www/index.html")).expect("a file");
    let finished = site.run().exits(4);
    finished.says_in_order(&[
        "site-demo-next.westeurope.azurecontainer.io/index.html",
        "what ran before was not changed\n",
    ]);
}
