//! Previews that are revisions of an app: each has a label and a name of its own, and the app
//! goes on as before.

use crate::cli::apps::{PLAN, ShopCloud, TOKEN, shop};
use crate::support::{Finished, Program};
use serde_json::{Value, json};

const ENVIRONMENTS: &str = "\
environments:
  preview: { if: pr.number, ttl: 1h }
  production: {}
";

/// The shop's plan, with previews.
fn plan() -> String {
    let plan =
        PLAN.replace("        on-failure:", "        preview: revision\n        on-failure:");
    plan.replace("steps:\n", &format!("{ENVIRONMENTS}steps:\n"))
        .replace("within: 20s", "within: 3s")
}

/// What makes a run one for pull request 7.
const PULL_REQUEST: [&str; 4] = ["--event", "pull_request", "--pr", "7"];

/// The shop in a clone of its repository, and a cloud whose GitHub has its pull request.
fn cloned(plan: &str) -> (ShopCloud, Program) {
    let program = shop(plan).file(".gitignore", ".shipway\n").committed();
    program.git(&["remote", "add", "origin", "https://github.com/octo/shop.git"]);
    let head = program.git(&["rev-parse", "HEAD"]);
    let pull_request =
        json!({ "number": 7, "head-sha": head, "head-ref": "topic", "base-ref": "main" });
    let github = json!({ "repository": "octo/shop", "pull-request": pull_request });
    (ShopCloud::with_github(&github), program)
}

struct Shop {
    program: Program,
    cloud: ShopCloud,
    url: String,
}

impl Shop {
    /// A shop whose first version runs, without a preview.
    fn deployed(plan: &str) -> Self {
        let (cloud, program) = cloned(plan);
        let url = cloud.run(&program, &["run"]).exits(0).stdout.trim().to_owned();
        Self { program, cloud, url }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.cloud.run(&self.program, arguments)
    }

    /// A command for pull request 7.
    fn for_pull_request(&self, command: &str, mode: &str) -> Finished {
        let set = format!("mode={mode}");
        self.run(&[&[command, "--set", &set], &PULL_REQUEST[..]].concat())
    }

    /// Deploys a preview of pull request 7, and returns its URL.
    fn preview(&self, mode: &str) -> String {
        let url = self.for_pull_request("run", mode).exits(0).stdout.trim().to_owned();
        assert!(url.starts_with("https://shop---pr-7.local-"), "{url}");
        url
    }

    fn answers(&self, url: &str, mode: &str) {
        assert_eq!(self.cloud.get(url), (200, format!("{mode} token {TOKEN}\n")));
    }

    fn configuration(&self) -> Value {
        self.cloud.app("shop")["body"]["properties"]["configuration"].clone()
    }

    fn secrets(&self) -> Vec<String> {
        let all = self.configuration()["secrets"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            all.iter().map(|it| it["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names.retain(|name| !name.starts_with("registry-"));
        names
    }

    /// The names of the tags that are about labels.
    fn label_tags(&self) -> Vec<String> {
        let app = self.cloud.app("shop");
        let tags = app["body"]["tags"].as_object().expect("tags").keys();
        let of_labels =
            tags.filter(|it| it.starts_with("shipway-label") || it.starts_with("shipway-lease-"));
        of_labels.cloned().collect()
    }

    /// The place of each active revision, in the order in which they were made.
    fn active(&self) -> Vec<usize> {
        let app = self.cloud.app("shop");
        let all = app["revisions"].as_array().expect("revisions").iter().enumerate();
        all.filter(|(_, it)| it["active"] == true).map(|(place, _)| place).collect()
    }
}

#[test]
fn preview_is_a_revision_that_gets_no_request_of_the_app() {
    let shop = Shop::deployed(&plan());
    let planned = shop.for_pull_request("plan", "next").exits(0);
    assert!(planned.stdout.contains("label `pr-7` of app `shop`  + create"), "{}", planned.stdout);

    let preview = shop.preview("next");

    shop.answers(&preview, "next");
    shop.answers(&shop.url, "good");
    assert_eq!(shop.active(), [0, 1]);
    assert_eq!(shop.secrets(), ["token", "token-pr-7"]);
    assert_eq!(shop.label_tags(), ["shipway-label-pr-7"], "its lease was given up");
    let status = shop.run(&["status", "--pr", "7"]).exits(0);
    assert!(status.stdout.contains("running"), "{}", status.stdout);
    assert!(status.stdout.contains(&format!("{preview} (200)")), "{}", status.stdout);
    assert_eq!(shop.run(&["logs", "--pr", "7"]).exits(0).stdout, "starting as next\n");
    assert_eq!(shop.run(&["logs", "--env", "production"]).exits(0).stdout, "starting as good\n");

    // A newer commit of the pull request.
    assert_eq!(shop.preview("third"), preview);
    shop.answers(&preview, "third");
    shop.answers(&shop.url, "good");
    assert_eq!(shop.active(), [0, 2], "the preview before has ended");

    // The app is deployed beside it.
    shop.run(&["run", "--set", "mode=fourth"]).exits(0);
    shop.answers(&shop.url, "fourth");
    shop.answers(&preview, "third");
    assert_eq!(shop.active(), [2, 3]);
    assert_eq!(shop.secrets(), ["token", "token-pr-7"]);
    shop.run(&["status", "--exit-code", "--env", "production"]).exits(0);

    let down = shop.run(&["down", "--pr", "7", "--yes"]).exits(0);
    assert!(down.stderr.contains("shop---pr-7") || down.stdout.contains("shop---pr-7"));
    assert_eq!(shop.cloud.get(&preview).0, 404);
    shop.answers(&shop.url, "fourth");
    assert_eq!(shop.active(), [3]);
    assert_eq!(shop.secrets(), ["token"]);
    assert_eq!(shop.label_tags(), Vec::<String>::new());
    let again = shop.run(&["run", "--set", "mode=fourth"]).exits(0);
    assert!(!again.stderr.contains("cannot"), "{}", again.stderr);
    shop.answers(&shop.url, "fourth");
}

#[test]
fn preview_is_rehearsed_beside_an_app_that_was_deployed_before() {
    let (_cloud, program) = cloned(&plan());
    let dry_run = ["dry-run", "--secret-env", "token=THE_TOKEN", "--set", "mode=next"];
    let finished = program.run(&[&dry_run[..], &PULL_REQUEST[..]].concat()).exits(0);
    let url = finished.stdout.trim();
    assert!(url.starts_with("https://shop---pr-7.local-"), "{url}");
    finished.says_in_order(&["label `pr-7` of app `shop`\n", &format!("{url}/ answers 200")]);
}

#[test]
fn sweep_takes_the_label_of_a_preview_off() {
    let plan = plan().replace("ttl: 1h", "ttl: 1s");
    let shop = Shop::deployed(&plan);
    let preview = shop.preview("next");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    shop.run(&["sweep", "--yes"]).exits(0);
    assert_eq!(shop.cloud.get(&preview).0, 404);
    shop.answers(&shop.url, "good");
    assert_eq!((shop.active(), shop.label_tags()), (vec![0], Vec::new()));
    // The newest revision needed its secret until now.
    shop.run(&["run"]).exits(0);
    shop.answers(&shop.url, "good");
    assert_eq!(shop.secrets(), ["token"]);
}

#[test]
fn preview_of_an_app_that_does_not_exist_is_refused_before_a_change() {
    let (cloud, program) = cloned(&plan());
    let refused = cloud.run(&program, &[&["run"], &PULL_REQUEST[..]].concat()).exits(3);
    for part in [
        "there is no app `shop`, of which the preview would be a revision\n",
        "deploy it outside of a pull request first, or let the preview be an app of its own with \
         `preview: app`\n",
    ] {
        assert!(refused.stderr.contains(part), "no `{part}` in\n{}", refused.stderr);
    }
    assert_eq!(cloud.app("shop"), Value::Null);
}

#[test]
fn preview_that_fails_leaves_the_one_before_or_none() {
    let shop = Shop::deployed(&plan());
    shop.for_pull_request("run", "bad").exits(4);
    assert_eq!(shop.label_tags(), Vec::<String>::new(), "a new preview is removed");
    assert_eq!(shop.active(), [0]);

    let preview = shop.preview("next");
    let failed = shop.for_pull_request("run", "bad").exits(5);
    failed.says_in_order(&["rolling back to ", "rolled back"]);
    shop.answers(&preview, "next");
    shop.answers(&shop.url, "good");
    assert_eq!(shop.active(), [0, 2], "the app and the preview that works");
}

#[test]
fn app_with_a_preview_is_verified_first_and_rolled_back() {
    let plan = plan().replace("        on-failure: rollback\n", "        strategy: verify-first\n");
    let shop = Shop::deployed(&plan);
    let preview = shop.preview("next");
    shop.run(&["run", "--set", "mode=bad"]).exits(4);
    shop.answers(&shop.url, "good");
    shop.answers(&preview, "next");
    assert_eq!(shop.active(), [0, 1]);

    shop.run(&["run", "--set", "mode=third"]).exits(0);
    shop.answers(&shop.url, "third");
    shop.answers(&preview, "next");
    assert_eq!(shop.active(), [1, 3]);

    shop.run(&["rollback", "--env", "production", "--yes"]).exits(0);
    shop.answers(&shop.url, "good");
    shop.answers(&preview, "next");
    assert_eq!(shop.active(), [0, 1]);
    let traffic = shop.configuration()["ingress"]["traffic"].clone();
    let weights: Vec<Value> =
        traffic.as_array().expect("traffic").iter().map(|it| it["weight"].clone()).collect();
    assert_eq!(weights, [json!(100), json!(0)]);
}
