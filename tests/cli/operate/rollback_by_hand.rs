//! `shipway rollback` and `status --history`: from one version of a service to an
//! earlier one, by the tags of the container group alone.

use crate::support::cloud_process::CloudProcess;
use crate::support::state::{journaled, newest, result};
use crate::support::{Finished, Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use regex::Regex;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const PLAN: &str = "\
name: site
azure: { resource-group: demo, location: westeurope }
vars: { cpu: 1 }
secrets: { token: { env: THE_TOKEN } }
steps:
  - build:
      layers: [{ from: busybox, to: /bin/busybox, mode: '0755' }, { from: www, to: /www }]
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
  - tag: { image: demo.azurecr.io/site, tags: ['${{ git.short-sha }}'] }
  - push:
  - deploy:
      aci:
        dns-label: site-demo
        ports: [80]
        cpu: ${{ vars.cpu }}
        replace: never
        env: { TOKEN: '${{ secrets.token }}', COMMIT: '${{ git.short-sha }}' }
        on-failure: rollback
  - verify: { http: /, within: 5s, every: 100ms }
";

const URL: &str = "http://site-demo.westeurope.azurecontainer.io";

/// A site of which version `one`, then version `two` was deployed, each of its commit.
struct Site {
    program: Program,
    cloud: CloudProcess,
    commits: Vec<String>,
}

impl Site {
    fn deployed() -> Self {
        Self::of(PLAN)
    }

    /// The same with another plan, in which the site is a service.
    fn of(plan: &str) -> Self {
        let cloud = CloudProcess::with_registry("demo");
        let program = Program::with_plan(plan)
            .file(".gitignore", "busybox\n.shipway\n")
            .applets()
            .env("THE_TOKEN", "a-t0ken-of-the-site");
        let mut site = Self { program, cloud, commits: Vec::new() };
        site.git(&["init", "--quiet", "--initial-branch=main"], "");
        site.git(&["remote", "add", "origin", "https://github.com/octo/site.git"], "");
        site.deploy("one", "2026-11-20T10:00:00Z");
        site.deploy("two", "2026-11-20T11:00:00Z");
        site
    }

    /// Commits another content at this time, and deploys it.
    fn deploy(&mut self, content: &str, time: &str) {
        fs::create_dir_all(self.program.path("www")).expect("a folder");
        fs::write(self.program.path("www/index.html"), content).expect("a file");
        fs::write(self.program.path(format!("www/{content}").as_str()), content).expect("a file");
        self.git(&["add", "."], "");
        self.git(&["commit", "--quiet", "--message", content], time);
        self.commits.push(self.git(&["rev-parse", "HEAD"], ""));
        self.shipway(&["run"]).exits(0);
        assert_eq!(self.answer(), content);
    }

    fn git(&self, arguments: &[&str], date: &str) -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(self.program.folder());
        if !date.is_empty() {
            command.envs([("GIT_COMMITTER_DATE", date), ("GIT_AUTHOR_DATE", date)]);
        }
        let output = command.output().expect("git is installed");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn shipway(&self, arguments: &[&str]) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        self.program.run(&[arguments, &["--cloud", &cloud]].concat())
    }

    /// What the site shows.
    fn answer(&self) -> String {
        let client = self.cloud.client();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            client.get(URL).send().await.expect("an answer").text().await.expect("text")
        })
    }

    /// The state and the tags of the container group.
    fn group(&self) -> Value {
        let path = self.cloud.state().join("arm/resources.json");
        let content: Value =
            serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON");
        content["container-groups"]["demo/site-demo"].clone()
    }

    /// The history in JSON: what runs, then what ran before.
    fn history(&self) -> Vec<Value> {
        let shown = self.shipway(&["status", "--history", "--output", "json"]).exits(0);
        let document: Value = serde_json::from_str(&shown.stdout).expect("JSON");
        document["services"][0]["revisions"].as_array().expect("revisions").clone()
    }

    /// A text without what differs from run to run. Columns are two blanks apart.
    fn same_each_time(&self, text: &str) -> String {
        let mut text = text.replace(&self.cloud.path.display().to_string(), "CLOUD");
        for (commit, name) in self.commits.iter().zip(["COMMIT1", "COMMIT2"]) {
            text = text.replace(&commit[..7], name);
        }
        for (pattern, replacement) in [
            (r"sha256:[0-9a-f]{12}…", "sha256:DIGEST…"),
            (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
            (r"\b\d+s\b", "Ns"),
            (r"(\S) {2,}", "$1  "),
        ] {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into();
        }
        text
    }
}

#[test]
fn rollback_puts_the_verified_version_before_back_and_never_the_one_it_took_back() {
    let site = Site::deployed();
    let shown = site.shipway(&["status", "--history"]).exits(0);
    assert_eq!(
        site.same_each_time(&shown.stdout),
        "\
SERVICE  REVISION  COMMIT  IMAGE  AGE  STATE
site  runs now  COMMIT2 two  site:COMMIT2 sha256:DIGEST…  Ns  verified
site  1  COMMIT1 one  site:COMMIT1 sha256:DIGEST…  Ns  verified
"
    );
    // Another machine without a state, whose checkout is newer and has changes.
    fs::remove_dir_all(site.program.path(".shipway")).expect("a state");
    fs::write(site.program.path("www/index.html"), "three").expect("a file");

    let finished = site.shipway(&["rollback", "--yes"]).exits(0);

    assert_eq!(site.answer(), "one");
    assert_eq!(finished.stdout, format!("{URL}\n"));
    let said = site.same_each_time(&finished.stderr);
    assert!(
        said.starts_with(
            "\
`site` runs commit COMMIT2 (digest sha256:DIGEST…), deployed Ns ago, verified
it goes back to commit COMMIT1 (digest sha256:DIGEST…), deployed Ns ago, verified
site
  deploy  container group `site-demo`  ~ update, restarts in place
"
        ),
        "{said}"
    );
    finished.says_in_order(&[
        "\nother services and data are not rolled back\n",
        "\ndeploy  ok  ",
        "\nverify  ok  ",
    ]);
    assert!(!finished.stderr.contains("build"), "{}", finished.stderr);
    let group = site.group();
    let member = |name: &str| group["body"]["tags"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(member("shipway-commit"), site.commits[0]);
    assert_eq!(member("shipway-commit-time"), "2026-11-20T10:00:00Z");
    assert_eq!(
        (member("shipway-verified"), member("shipway-dirty")),
        ("true".into(), String::new())
    );

    let history = site.history();
    assert_eq!(history.len(), 2, "{history:#?}");
    assert_eq!(
        (&history[0]["runs"], &history[0]["commit"]),
        (&json!(true), &json!(site.commits[0]))
    );
    assert_eq!((&history[1]["revision"], &history[1]["taken-back"]), (&json!(1), &json!(true)));
    assert_eq!(history[1]["in-registry"], true);
    assert_eq!(history[1]["secure-variables"], json!(["TOKEN"]));
    let again = site.shipway(&["rollback", "--yes"]).exits(3);
    assert_eq!(
        site.same_each_time(&again.stderr),
        "error: there is no version of `site` to go back to\n  because: every earlier one that is \
         known was taken back\n  help: `shipway status --history site --cloud CLOUD` lists them, and \
         `--to REVISION` names one\n"
    );

    // Forward again by its commit, and back.
    let commit = site.commits[1][..7].to_owned();
    site.shipway(&["rollback", "site", "--to", &commit, "--yes"]).exits(0);
    assert_eq!(site.answer(), "two");
    site.shipway(&["rollback", "--yes"]).exits(0);
    assert_eq!(site.answer(), "one");

    // A run of the newer commit replaces it, as any other.
    site.git(&["checkout", "--quiet", "."], "");
    site.shipway(&["run"]).exits(0);
    assert_eq!(site.answer(), "two");
}

#[test]
fn rollback_is_asked_for_and_a_dry_run_changes_nothing() {
    let site = Site::deployed();
    let (before, requests) = (site.group(), site.cloud.requests().len());

    let shown = site.shipway(&["rollback", "--dry-run"]).exits(0);

    let commit = format!("(commit {} -> {})", &site.commits[1][..7], &site.commits[0][..7]);
    assert!(shown.stdout.contains(&commit), "{}", shown.stdout);
    assert!(shown.stdout.ends_with("\nPlan: 1 to update.\n"), "{}", shown.stdout);
    let refused = site.shipway(&["rollback"]).exits(2);
    assert!(
        refused.stderr.ends_with(
            "error: cannot roll `site` back without a confirmation\n  because: there is no \
             terminal to ask in\n  help: add `--yes`\n"
        ),
        "{}",
        refused.stderr
    );
    let changed = site.cloud.requests()[requests..]
        .iter()
        .any(|request| request.host == "management.azure.com" && request.method != "GET");
    assert!(!changed);
    assert_eq!(site.group(), before);
}

#[test]
fn rollback_that_could_not_be_complete_is_refused_with_all_that_is_missing() {
    let site = Site::deployed();
    let before = site.group();
    let history = site.history();
    let digest = history[1]["digest"].as_str().expect("a digest");
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let manifests = "registry/hosts/demo.azurecr.io/site/_manifests/sha256";
    fs::remove_file(site.cloud.state().join(manifests).join(hex)).expect("a manifest");
    let plan = PLAN
        .replace("TOKEN: '${{ secrets.token }}', ", "")
        .replace("secrets: { token: { env: THE_TOKEN } }\n", "");
    fs::write(site.program.path("shipway.yml"), plan).expect("a plan");

    let refused = site.shipway(&["rollback", "--yes"]).exits(3);

    assert_eq!(
        site.same_each_time(&refused.stderr),
        "\
error: cannot roll `site` back to commit COMMIT1 (digest sha256:DIGEST…)
  because: its image `demo.azurecr.io/site@sha256:DIGEST` is no longer in the registry
  because: it had the secure variable `TOKEN`, which the plan no longer has
  help: nothing was changed; `shipway status --history site --cloud CLOUD` lists other versions
"
    );
    let shown = site.shipway(&["status", "--history"]).exits(0);
    assert!(shown.stdout.ends_with("verified, image is gone\n"), "{}", shown.stdout);
    assert_eq!(site.group(), before);
}

#[test]
fn rollback_that_would_have_to_replace_is_refused_where_the_plan_forbids_it() {
    let site = Site::deployed();
    let before = site.group();

    let refused = site.shipway(&["rollback", "--yes", "--set", "cpu=2"]).exits(3);

    assert_eq!(
        site.same_each_time(&refused.stderr),
        "\
error: cannot roll `site` back to commit COMMIT1 (digest sha256:DIGEST…)
  because: it changes `cpu` from 1 to 2, for which container group `site-demo` has to be deleted, and `replace: never` forbids that
  help: nothing was changed; `shipway status --history site --set cpu=2 --cloud CLOUD` lists other versions
"
    );
    assert_eq!(site.group(), before);
}

#[test]
fn rollback_that_cannot_be_verified_gives_way_to_what_ran_before() {
    let site = Site::deployed();
    // Version `one` does not have that page.
    let plan = PLAN.replace("http: /,", "http: /two,").replace("within: 5s", "within: 1s");
    fs::write(site.program.path("shipway.yml"), plan).expect("a plan");

    let finished = site.shipway(&["rollback", "--yes"]).exits(5);

    assert_eq!(site.answer(), "two");
    finished.says_in_order(&["\ndeploy  ok  ", "\nverify  failed  (", "\ndeploy  rolled back to "]);
    assert_eq!(result(&site.program)["exit-code"], 5);
    let history = site.history();
    assert_eq!(
        (&history[0]["commit"], &history[0]["verified"]),
        (&json!(site.commits[1]), &json!(true))
    );
    assert_eq!(
        (&history[1]["commit"], &history[1]["verified"]),
        (&json!(site.commits[0]), &json!(true))
    );
}

#[test]
fn rollback_that_is_killed_is_finished_by_resume() {
    let site = Site::deployed();
    let cloud = site.cloud.path.display().to_string();
    let before = newest(&site.program, "runs");
    let child = site.program.start(&["rollback", "--yes", "--cloud", &cloud]);
    eventually("the deploy", || {
        let is_another = newest(&site.program, "runs") != before;
        (is_another && journaled(&site.program, "step-started", "deploy") == 1).then_some(())
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).expect("it is there");
    site.program.finish(child).exits(128 + 9);

    let finished = site.program.run(&["resume"]).exits(0);

    finished.says_in_order(&["\ndeploy  ok  ", "\nverify  ok  "]);
    assert_eq!(site.answer(), "one");
    assert_eq!(site.history()[0]["commit"], site.commits[0]);
}

#[test]
fn version_that_failed_its_checks_is_not_gone_back_to_unless_that_is_allowed() {
    let mut site = Site::deployed();
    let plan = PLAN
        .replace("http: /,", "http: /missing,")
        .replace("within: 5s", "within: 1s")
        .replace("on-failure: rollback", "on-failure: keep");
    fs::write(site.program.path("shipway.yml"), plan).expect("a plan");
    fs::write(site.program.path("www/index.html"), "bad").expect("a file");
    site.shipway(&["run"]).exits(4);
    fs::write(site.program.path("shipway.yml"), PLAN).expect("a plan");
    site.deploy("four", "2026-11-20T13:00:00Z");

    let states: Vec<Value> = site.history().iter().map(|one| one["verified"].clone()).collect();
    assert_eq!(states, [json!(true), json!(false), json!(true), json!(true)]);
    let refused = site.shipway(&["rollback", "--to", "1", "--yes"]).exits(3);
    assert!(
        refused.stderr.ends_with(
            "\n  because: it was never verified\n  help: add `--allow-unverified` to put it back \
             all the same\n"
        ),
        "{}",
        refused.stderr
    );

    site.shipway(&["rollback", "--yes"]).exits(0);

    assert_eq!(site.answer(), "two", "the newest that was verified");
    site.shipway(&["rollback", "--to", "2", "--allow-unverified", "--yes"]).exits(0);
    assert_eq!(site.answer(), "bad");
}

#[test]
fn revision_that_is_not_there_is_refused_with_those_that_are() {
    let site = Site::deployed();
    let known = "`1`, commit COMMIT1 (digest sha256:DIGEST…)";
    let refused = |to: &str, expected: &str| {
        let finished = site.shipway(&["rollback", "--to", to, "--yes"]).exits(2);
        assert_eq!(site.same_each_time(&finished.stderr), expected, "{to}");
    };
    refused("9", &format!("error: there is no version `9` of `site`\n  help: it has {known}\n"));
    refused(
        "beef",
        &format!("error: there is no version `beef` of `site`\n  help: it has {known}\n"),
    );
    refused(
        &site.commits[1],
        &format!(
            "error: `--to {}` is what `site` runs\n",
            site.commits[1].replace(&site.commits[1][..7], "COMMIT2")
        ),
    );
}

#[test]
fn rollback_gives_a_service_the_outputs_of_what_it_needs_as_that_is_deployed() {
    let (head, steps) = PLAN.split_once("steps:\n").expect("steps");
    let steps = steps.replace("COMMIT:", "API: '${{ services.api.outputs.url }}', COMMIT:");
    let steps: String = steps.lines().flat_map(|line| ["    ", line, "\n"]).collect();
    let api = "\
services:
  api:
    steps:
      - build:
          layers: [{ from: busybox, to: /busybox, mode: '0755' }]
          entrypoint: [/busybox, httpd, -f, -p, '80', -h, /]
      - tag: demo.azurecr.io/api:v1
      - push:
      - deploy: { aci: { dns-label: api-demo, ports: [80] } }
  site:
    needs: [api]
    steps:
";
    let site = Site::of(&format!("{head}{api}{steps}"));
    // No journal of this machine is needed.
    fs::remove_dir_all(site.program.path(".shipway")).expect("the state");

    site.shipway(&["rollback", "site", "--yes"]).exits(0);

    assert_eq!(site.answer(), "one");
    let group = site.group();
    let variables = &group["body"]["properties"]["containers"][0]["properties"];
    let variables = variables["environmentVariables"].as_array().expect("variables");
    let api = variables.iter().find(|one| one["name"] == "API").expect("the variable");
    assert_eq!(api["value"], "http://api-demo.westeurope.azurecontainer.io");
}
