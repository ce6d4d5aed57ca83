//! Revisions of an app: a new version that is verified before it gets a request, and an
//! earlier one that gets the requests again.

use crate::cli::apps::{PLAN, ShopCloud, TOKEN, shop};
use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// A shop whose first version runs.
struct Shop {
    program: Program,
    cloud: ShopCloud,
    url: String,
}

/// What a version answers.
fn of(mode: &str) -> (u16, String) {
    (200, format!("{mode} token {TOKEN}\n"))
}

fn verify_first() -> String {
    PLAN.replace("        on-failure: rollback\n", "        strategy: verify-first\n")
        .replace("        ingress: {", "        ingress: { transport: '${{ vars.transport }}',")
        .replace("vars: {", "vars: { transport: auto,")
}

impl Shop {
    fn deployed(plan: &str) -> Self {
        let (cloud, program) = (ShopCloud::start(), shop(plan));
        let url = cloud.run(&program, &["run"]).exits(0).stdout.trim().to_owned();
        let shop = Self { program, cloud, url };
        assert_eq!(shop.answer(), of("good"));
        shop
    }

    fn run(&self, arguments: &[&str]) -> crate::support::Finished {
        self.cloud.run(&self.program, arguments)
    }

    /// What the app answers at its own name.
    fn answer(&self) -> (u16, String) {
        self.cloud.get(&self.url)
    }

    fn revisions(&self) -> Vec<Value> {
        self.cloud.app("shop")["revisions"].as_array().cloned().unwrap_or_default()
    }

    /// The place of each active revision, in the order in which they were made.
    fn active(&self) -> Vec<usize> {
        let all = self.revisions();
        let all = all.iter().enumerate().filter(|(_, it)| it["active"] == true);
        all.map(|(place, _)| place).collect()
    }

    fn name(&self, place: usize) -> String {
        self.revisions()[place]["name"].as_str().expect("a name").to_owned()
    }

    fn mode(&self) -> Value {
        self.cloud.app("shop")["body"]["properties"]["configuration"]["activeRevisionsMode"].clone()
    }

    fn traffic(&self) -> Value {
        self.cloud.app("shop")["body"]["properties"]["configuration"]["ingress"]["traffic"].clone()
    }

    /// A visitor who asks ten times a second, until the flag is set. Each answer that is
    /// not the one before.
    fn visitor(&self, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<(u16, String)>> {
        let (client, url, stop) = (self.cloud.process.client(), self.url.clone(), Arc::clone(stop));
        spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = runtime.block_on(async {
                    let answer = client.get(&url).send().await.expect("an answer");
                    (answer.status().as_u16(), answer.text().await.expect("text"))
                });
                answers.push(answer);
                answers.dedup();
                std::thread::sleep(Duration::from_millis(100));
            }
            answers
        })
    }

    /// Starts a run whose new version is not well yet, and returns once it is up.
    fn start(&self, mode: &str) -> std::process::Child {
        let set = format!("mode={mode}");
        let cloud = self.cloud.process.path.display().to_string();
        let child = self.program.start(&["run", "--set", &set, "--cloud", &cloud]);
        eventually("the new version is up", || {
            let is_ready = |it: &Value| it["active"] == true && it["ready"] == true;
            (self.revisions().iter().filter(|it| is_ready(it)).count() == 2).then_some(())
        });
        child
    }
}

fn signal(child: &std::process::Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("the program is there");
}

#[test]
fn version_that_fails_its_checks_never_gets_a_request_of_the_app() {
    let shop = Shop::deployed(&verify_first().replace("within: 20s", "within: 2s"));
    let stop = Arc::new(AtomicBool::new(false));
    let visitor = shop.visitor(&stop);

    let failed = shop.run(&["run", "--set", "mode=bad"]).exits(4);

    stop.store(true, Ordering::Relaxed);
    assert_eq!(visitor.join().expect("no panic"), [of("good")]);
    let tried = shop.name(1);
    failed.says_in_order(&[
        "bringing the new version up first as a revision of app `shop` without requests\n",
        &format!("https://{tried}.local-"),
        "it was tried as a revision of app `shop` without requests, and what ran before gets all \
         requests\n",
    ]);
    assert_eq!(shop.active(), [0], "the new one was ended");
    assert_eq!(shop.traffic(), json!([{ "revisionName": shop.name(0), "weight": 100 }]));
    assert_eq!(shop.cloud.app("shop-next"), Value::Null);
    let tags = &shop.cloud.app("shop")["body"]["tags"];
    assert_eq!(tags["shipway-lease"], Value::Null);

    // Nothing differs from the version that runs, which is another than the newest.
    let status = shop.run(&["status", "--exit-code"]).exits(0);
    assert!(status.stdout.contains("none"), "{}", status.stdout);
    assert_eq!(shop.run(&["logs"]).exits(0).stdout, "starting as good\n");

    shop.run(&["run", "--set", "mode=next"]).exits(0);
    assert_eq!(shop.answer(), of("next"));
    assert_eq!((shop.active(), shop.mode()), (vec![2], "Single".into()));
}

#[test]
fn version_that_never_becomes_ready_is_explained_by_its_own_revision() {
    let plan = verify_first()
        .replace("  - deploy:\n", "  - timeout: ${{ vars.patience }}\n    deploy:\n")
        .replace("vars: {", "vars: { patience: 5m,");
    let shop = Shop::deployed(&plan);

    let set = ["--set", "mode=elsewhere", "--set", "patience=8s"];
    let failed = shop.run(&[&["run"], &set[..]].concat()).exits(4);

    failed.says_in_order(&[
        "The TargetPort 8080 does not match the listening port 8081.\n",
        "\n    | app `shop`: Succeeded, newest revision `",
        " starting as elsewhere\n",
        "\n    help: set `target-port: 8081` under `ingress`, or make the program listen on \
         0.0.0.0:8080\n",
        "`shop` was not changed: digest sha256:",
        " still runs\n",
    ]);
    assert_eq!(shop.active(), [0], "the new one was ended");
    assert_eq!(shop.answer(), of("good"));
}

#[test]
fn version_that_passes_its_checks_gets_the_requests_at_once() {
    let shop = Shop::deployed(&verify_first());
    let planned = shop.run(&["plan", "--set", "mode=next"]).exits(0);
    let line = "verified first as a revision of app `shop` without requests, which then gets them";
    assert!(planned.stdout.contains(line), "{}", planned.stdout);
    let stop = Arc::new(AtomicBool::new(false));
    let visitor = shop.visitor(&stop);
    let seen = shop.cloud.process.requests().len();

    let finished = shop.run(&["run", "--set", "mode=next"]).exits(0);

    stop.store(true, Ordering::Relaxed);
    let answers = visitor.join().expect("no panic");
    assert!(!answers.iter().any(|(status, _)| *status != 200), "{answers:?}");
    let changes: Vec<String> =
        shop.cloud.asked(seen).into_iter().filter(|method| method != "GET").collect();
    assert_eq!(changes, ["PUT", "PATCH", "PATCH"], "held, moved, recorded as verified");
    let new = shop.name(1);
    finished.says_in_order(&[
        "bringing the new version up first as a revision of app `shop` without requests\n",
        &format!("https://{new}.local-"),
        "the new version passed 1 check and gets the requests now\n",
        &format!("giving the requests to revision `{new}`\n"),
        "https://shop.local-",
    ]);
    assert_eq!(shop.answer(), of("next"));
    assert_eq!((shop.active(), shop.mode()), (vec![1], "Single".into()));
}

#[test]
fn run_that_is_stopped_leaves_one_version() {
    let shop = Shop::deployed(&verify_first());
    let child = shop.start("bad");
    signal(&child, Signal::SIGTERM);
    shop.program.finish(child).exits(143);
    assert_eq!(shop.active(), [0]);
    assert_eq!(shop.cloud.app("shop")["body"]["tags"]["shipway-lease"], Value::Null);
    assert_eq!(shop.answer(), of("good"));
}

#[test]
fn run_that_was_killed_is_resumed_to_the_same_end() {
    let shop = Shop::deployed(&verify_first());
    let child = shop.start("slow");
    signal(&child, Signal::SIGKILL);
    shop.program.finish(child);
    assert_eq!(shop.answer(), of("good"));

    shop.program.run(&["resume"]).exits(0);
    assert_eq!(shop.answer(), of("slow"));
    assert_eq!((shop.active(), shop.mode()), (vec![1], "Single".into()));

    let child = shop.start("bad");
    signal(&child, Signal::SIGKILL);
    shop.program.finish(child);
    shop.program.run(&["resume"]).exits(4);
    assert_eq!(shop.answer(), of("slow"));
    assert_eq!(shop.active(), [1]);
    assert_eq!(shop.cloud.app("shop")["body"]["tags"]["shipway-lease"], Value::Null);
}

#[test]
fn version_with_other_ingress_is_verified_as_an_app_of_its_own() {
    let shop = Shop::deployed(&verify_first());
    let set = ["--set", "mode=next", "--set", "transport=http"];
    let planned = shop.run(&[&["plan"], &set[..]].concat()).exits(0);
    let line = "verified first as app `shop-next` in the environment `shop`, which is then removed";
    assert!(planned.stdout.contains(line), "{}", planned.stdout);
    let finished = shop.run(&[&["run"], &set[..]].concat()).exits(0);
    finished.says_in_order(&[
        "bringing the new version up first as app `shop-next` in the environment `shop`\n",
        "https://shop-next.local-",
        "the new version passed 1 check and was removed\n",
    ]);
    assert_eq!(shop.cloud.app("shop-next"), Value::Null);
    assert_eq!(shop.answer(), of("next"));
}

#[test]
fn failed_version_gives_the_requests_back_to_the_revision_before() {
    let shop = Shop::deployed(&PLAN.replace("within: 20s", "within: 2s"));

    // It never gets a request.
    let failed = shop.run(&["run", "--set", "mode=crash"]).exits(5);
    for part in ["cannot start app `shop`: revision `shop--", "starting as crash", "no database"] {
        assert!(failed.stderr.contains(part), "no `{part}` in\n{}", failed.stderr);
    }
    assert_eq!((shop.answer(), shop.active()), (of("good"), vec![0]));

    // It comes up and gets them, and its checks fail.
    let failed = shop.run(&["run", "--set", "mode=bad"]).exits(5);
    failed.says_in_order(&[
        "rolling back to ",
        &format!("giving the requests to revision `{}`\n", shop.name(0)),
        "rolled back",
    ]);
    assert_eq!((shop.answer(), shop.active()), (of("good"), vec![0]));
    assert_eq!(shop.revisions().len(), 3, "no revision was made to go back");
    shop.run(&["status", "--exit-code"]).exits(0);
    let again = shop.run(&["run"]).exits(0);
    assert_eq!((shop.answer(), shop.active().len()), (of("good"), 1));
    assert!(!again.stderr.contains("giving the requests"), "{}", again.stderr);

    shop.run(&["down", "--yes"]).exits(0);
    assert_eq!(shop.cloud.app("shop"), Value::Null);
}

#[test]
fn rollback_gives_the_requests_to_the_revision_that_ran_the_version() {
    for plan in [PLAN.to_owned(), verify_first()] {
        let shop = Shop::deployed(&plan);
        shop.run(&["run", "--set", "mode=next"]).exits(0);
        let old = format!("revision `{}` of app `shop`", shop.name(0));
        let planned = shop.run(&["rollback", "--dry-run"]).exits(0);
        let line = format!("{old} runs it, and gets the requests again\n");
        assert!(planned.stdout.contains(&line), "{}", planned.stdout);

        let finished = shop.run(&["rollback", "--yes"]).exits(0);

        finished.says_in_order(&[
            &format!("{old} runs this version: no new one is made\n"),
            &format!("giving the requests to revision `{}`\n", shop.name(0)),
        ]);
        assert_eq!((shop.answer(), shop.active()), (of("good"), vec![0]));
        assert_eq!(shop.revisions().len(), 2, "no new revision");
        let status = shop.run(&["status", "--exit-code"]).exits(0);
        assert!(status.stdout.contains("good sha256:"), "{}", status.stdout);
        assert_eq!(shop.run(&["logs"]).exits(0).stdout, "starting as good\n");

        // The next version gets the requests as any other.
        shop.run(&["run", "--set", "mode=third"]).exits(0);
        assert_eq!((shop.answer(), shop.active()), (of("third"), vec![2]));
    }
}

#[test]
fn rollback_with_other_settings_makes_a_new_revision() {
    let shop = Shop::deployed(PLAN);
    shop.run(&["run", "--set", "mode=next"]).exits(0);
    shop.run(&["rollback", "--yes", "--set", "cpu=1"]).exits(0);
    assert_eq!((shop.answer(), shop.active()), (of("good"), vec![2]));
}
