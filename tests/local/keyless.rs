//! Signatures without a key: made with the Fulcio and the Rekor that the local cloud puts in
//! the place of others, and required by an identity before anything is changed.

use super::preflight::transient_faults;
use crate::support::cloud_process::CloudProcess;
use crate::support::state::output;
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use std::fs;

const WORKFLOW: &str = "https://github.com/octo/shop/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SIGN: &str = "{ sign: { keyless: { fulcio: \"https://fulcio.example.com\", rekor: \"https://rekor.example.com:8443/log\" } } }";
const AS_ANOTHER: &str = "help: a real run signs as its own job; a dry run does as the workflow that runs it, elsewhere as one identity that the plan requires: try it outside of GitHub Actions, or require the same identity in each step";
/// Those of another Fulcio and another Rekor.
const ROOTS: &str = include_str!("../fixtures/signing/fulcio.pem");
const LOG_KEY: &str = include_str!("../fixtures/signing/own.pub");

struct Scene {
    cloud: CloudProcess,
    program: Program,
}

impl Scene {
    fn new() -> Self {
        Self::with_faults(&[])
    }

    fn with_faults(faults: &[Value]) -> Self {
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo",
                "admin-user": true,
            }],
            "sigstore": {
                "fulcio": ["fulcio.example.com"],
                "rekor": ["rekor.example.com:8443/log"],
                "identity": WORKFLOW,
            },
            "faults": faults,
        }));
        let program = Program::new().applets().file("fulcio.pem", ROOTS);
        Self { cloud, program: program.file("rekor.pub", LOG_KEY) }
    }

    fn run(&self, steps: &str) -> Finished {
        fs::write(self.program.path("shipway.yml"), plan(steps)).expect("written");
        self.program.run(&["run", "--cloud", &self.cloud.path.display().to_string()])
    }

    /// How often a host was asked for a path with this method.
    fn asked(&self, method: &str, host: &str, path: &str) -> usize {
        let requests = self.cloud.requests();
        let is = |request: &&shipway::testing::local::LoggedRequest| {
            request.method == method && request.host == host && request.path.contains(path)
        };
        requests.iter().filter(is).count()
    }

    #[track_caller]
    fn assert_nothing_deployed(&self) {
        for method in ["PUT", "PATCH", "DELETE"] {
            assert_eq!(self.asked(method, "management.azure.com", ""), 0);
        }
    }
}

fn plan(steps: &str) -> String {
    format!(
        "name: keyless\nazure: {{ resource-group: demo, location: westeurope }}\nsteps:\n{steps}"
    )
}

fn push(how: &str) -> String {
    format!(
        "  - build: {{ layers: [{{ from: busybox, to: /busybox }}], entrypoint: [/busybox, httpd, -f, -p, \"8080\"] }}\n  - tag: demo.azurecr.io/web:v1\n  - push: {how}\n"
    )
}

fn deploy(identity: &str, issuer: &str) -> String {
    format!(
        "  - deploy:\n      require:\n        signed-by: {{ identity: \"{identity}\", issuer: \"{issuer}\", roots: fulcio.pem, log-key: rekor.pub }}\n      aci: {{ name: web, ports: [8080] }}\n"
    )
}

#[track_caller]
fn assert_says(finished: &Finished, lines: &[String]) {
    for line in lines {
        assert!(finished.stderr.contains(line), "no `{line}` in\n{}", finished.stderr);
    }
}

#[test]
fn image_is_signed_by_the_identity_of_the_job_and_deployed_by_it() {
    let scene = Scene::new();
    let steps = push(SIGN) + &deploy(WORKFLOW, ISSUER);

    let finished = scene.run(&steps).exits(0);
    let again = scene.run(&steps).exits(0);

    let digest = output(&scene.program, 0, "digest");
    let signature = output(&scene.program, 0, "signature");
    let (_, signed) = signature.split_once('@').expect("a digest");
    let by = format!("signature by `{WORKFLOW}`, entry 0 of the log,");
    assert_says(
        &finished,
        &[
            format!("{by} attached to `demo.azurecr.io/web`: {signed}"),
            format!(
                "`demo.azurecr.io/web@{digest}` is signed by `{WORKFLOW}` (issuer `{ISSUER}`), log \
                 entry 0 of the local cloud: whose job signs in a real run is not shown by this"
            ),
        ],
    );
    assert_says(&again, &[format!("{by} was attached to `demo.azurecr.io/web`: {signed}")]);
    assert_eq!(scene.asked("POST", "rekor.example.com", "/log/api/v1/log/entries"), 1);
    assert_eq!(scene.asked("POST", "fulcio.example.com", "/api/v2/signingCert"), 2);
    let said = format!("{}{}", finished.stderr, finished.stdout);
    assert!(!said.contains("eyJ"), "a token is shown:\n{said}");
}

#[test]
fn another_identity_or_issuer_is_refused_before_the_deploy() {
    let scene = Scene::new();
    let other = WORKFLOW.replace("release.yml", "pull.yml");
    let refused = scene.run(&(push(SIGN) + &deploy(&other, ISSUER))).exits(4);
    assert_says(
        &refused,
        &[
            format!("is not signed by `{other}`\n"),
            format!(
                "its signature is by `{WORKFLOW}`, as which the local cloud signs, another identity\n"
            ),
            format!("{AS_ANOTHER}\n"),
        ],
    );
    let accounts = "https://accounts.example.com";
    let refused = scene.run(&(push(SIGN) + &deploy(WORKFLOW, accounts))).exits(4);
    let by = format!("`{WORKFLOW}` of `{ISSUER}`, as which the local cloud signs");
    let why = format!("its signature is by {by}, another issuer\n");
    assert_says(&refused, &[why, format!("{AS_ANOTHER}\n")]);
    scene.assert_nothing_deployed();

    // The same content under another tag has the same digest, and its signature.
    scene.run(&(push("") + &deploy(WORKFLOW, ISSUER)).replace(":v1", ":v2")).exits(0);
}

#[test]
fn services_answer_where_the_plan_names_them_alone() {
    let scene = Scene::new();
    let client = scene.cloud.client();
    let get = |url: &str| {
        let (client, url) = (client.clone(), url.to_owned());
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let answer = client.get(url).send().await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("text"))
        })
    };
    let signing = scene.cloud.file.signing.clone().expect("it signs");

    let (_, roots) = get("https://fulcio.example.com/api/v1/rootCert");
    let (_, bundle) = get("https://fulcio.example.com/api/v2/trustBundle");
    let (_, log_key) = get("https://rekor.example.com:8443/log/api/v1/log/publicKey");

    assert_eq!((&roots, &log_key), (&signing.roots, &signing.log_key));
    let bundle: Value = serde_json::from_str(&bundle).expect("JSON");
    let all = bundle["chains"][0]["certificates"].as_array().expect("a chain");
    assert_eq!(all.iter().filter_map(Value::as_str).collect::<String>(), roots);
    for url in [
        "https://rekor.example.com:8443/log/api/v1/rootCert",
        "https://fulcio.example.com/api/v1/log/publicKey",
        // Not below the path at which the service is.
        "https://rekor.example.com:8443/api/v1/log/publicKey",
        "https://rekor.example.com:8443/log/api/api/v1/log/publicKey",
        "https://fulcio.example.com/log/api/v1/rootCert",
    ] {
        assert_eq!(get(url).0, 404, "{url}");
    }
    assert_eq!(get(&signing.token_url).0, 401);
}

#[test]
fn transient_faults_of_both_services_are_retried() {
    for [host, path] in [
        ["pipelines.actions.githubusercontent.com", "idtoken"],
        ["fulcio.example.com", "signingCert"],
        ["rekor.example.com", "publicKey"],
        ["rekor.example.com", "entries"],
    ] {
        let faults = transient_faults().map(|mut fault| {
            fault["host"] = host.into();
            fault["path-contains"] = path.into();
            fault
        });
        // A step is tried four times.
        let scene = Scene::with_faults(&faults[4..]);
        scene.run(&push(SIGN)).exits(0);
    }
}

#[test]
fn job_without_the_permission_is_refused_before_the_first_step() {
    let program = Program::with_plan(&plan(
        &("  - run: touch begun\n".to_owned()
            + &push(SIGN).replace("demo.azurecr.io", "127.0.0.1:9")),
    ));
    let refused = program.applets().committed().in_actions("push", &json!({})).run(&["run"]);
    let refused = refused.exits(3).stderr;
    for line in [
        "error: cannot get a token that says who signs\n",
        "because: the job has no `permissions: id-token: write`\n",
        "help: give the job `permissions: id-token: write`; a pull request from a fork does not \
         get it\n",
    ] {
        assert!(refused.contains(line), "no `{line}` in\n{refused}");
    }
}

#[test]
fn dry_run_signs_as_the_identity_that_the_plan_requires() {
    let identity = "https://gitlab.example.com/octo/shop//.gitlab-ci.yml@refs/heads/main";
    let steps = push(SIGN) + &deploy(identity, "https://gitlab.example.com");
    let program = Program::with_plan(&plan(&steps)).applets();
    let program = program.file("fulcio.pem", ROOTS).file("rekor.pub", LOG_KEY);

    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    let issuer = "https://gitlab.example.com";
    let how = "log entry 0 of the local cloud: whose job signs in a real run is not shown by this";
    assert_says(&finished, &[format!("is signed by `{identity}` (issuer `{issuer}`), {how}")]);
}

#[test]
fn dry_run_signs_as_an_identity_that_the_pattern_of_the_plan_matches() {
    let pattern = "https://github\\.com/octo/shop/\\.github/workflows/release\\.yml@refs/tags/v.*";
    let require = deploy(&pattern.replace('\\', "\\\\"), ISSUER);
    let steps = push(SIGN) + &require.replace("identity:", "identity-matches:");
    let program = Program::with_plan(&plan(&steps)).applets();
    let program = program.file("fulcio.pem", ROOTS).file("rekor.pub", LOG_KEY);

    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(0);

    let identity = "https://github.com/octo/shop/.github/workflows/release.yml@refs/tags/v";
    let how = "log entry 0 of the local cloud: whose job signs in a real run is not shown by this";
    assert_says(&finished, &[format!("is signed by `{identity}` (issuer `{ISSUER}`), {how}")]);
}

#[test]
fn dry_run_refuses_a_url_that_the_real_service_has_nothing_below() {
    for (from, to, lines) in [
        (
            "https://rekor.example.com:8443/log",
            "https://rekor.sigstore.dev/api",
            [
                "    cannot read the public key of Rekor at https://rekor.sigstore.dev/api\n",
                "      GET https://rekor.sigstore.dev/api/api/v1/log/publicKey: 404",
                "    help: is `rekor` the URL of a Rekor of version 1, without `/api`?\n",
            ],
        ),
        (
            "https://fulcio.example.com",
            "https://fulcio.example.com/ca/api/v2",
            [
                "    cannot get a certificate from Fulcio at https://fulcio.example.com/ca/api/v2\n",
                "      POST https://fulcio.example.com/ca/api/v2/api/v2/signingCert: 404",
                "    help: is `fulcio` the URL of a Fulcio, without `/api`?\n",
            ],
        ),
    ] {
        let program = Program::with_plan(&plan(&push(&SIGN.replace(from, to)))).applets();
        let refused = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);
        assert_says(&refused, &lines.map(str::to_owned));
    }
}

#[test]
fn dry_run_of_a_workflow_signs_as_that() {
    let steps = push(SIGN) + &deploy(WORKFLOW, ISSUER);
    let program = Program::with_plan(&plan(&steps)).applets();
    let program = program.file("fulcio.pem", ROOTS).file("rekor.pub", LOG_KEY);
    let program = program.committed().in_actions("push", &json!({}));
    let own = "octo/shop/.github/workflows/deploy.yml@refs/heads/main";
    let program = program.env("GITHUB_WORKFLOW_REF", own);

    let refused = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);

    let by = format!("`https://github.com/{own}`, as which the local cloud signs");
    assert_says(
        &refused,
        &[format!("its signature is by {by}, another identity\n"), format!("{AS_ANOTHER}\n")],
    );
}

#[test]
fn token_of_another_issuer_is_not_sent_to_the_local_cloud() {
    let scene = Scene::new();
    let with_token = SIGN.replace("rekor: ", "identity-token: \"${{ secrets.token }}\", rekor: ");
    let steps = push(&with_token).replace("steps:", "");
    let text = plan(&steps).replace("steps:", "secrets: { token: { env: TOKEN } }\nsteps:");
    fs::write(scene.program.path("shipway.yml"), text).expect("written");
    let program = scene.program.env("TOKEN", "token-of-another-issuer");
    let finished = program.run(&["run", "--cloud", &scene.cloud.path.display().to_string()]);

    assert_says(&finished.exits(0), &[format!("signature by `{WORKFLOW}`")]);
}

#[test]
fn plan_shows_who_has_to_have_signed() {
    let steps = push(SIGN) + &deploy(WORKFLOW, ISSUER);
    let program = Program::with_plan(&plan(&steps)).applets();
    let program = program.file("fulcio.pem", ROOTS).file("rekor.pub", LOG_KEY);

    let shown = program.run(&["plan", "--offline"]).exits(0).stdout;

    // `openssl x509 -in fulcio.pem -outform DER | sha256sum` shows the first,
    // `openssl pkey -pubin -in rekor.pub -outform DER | sha256sum` the second.
    for line in [
        "    signed with `https://fulcio.example.com`\n".to_owned(),
        format!(
            "    requires a signature by `{WORKFLOW}` of `{ISSUER}` (roots 6b78efb57a1d, log key \
             da596cf8c83f)\n"
        ),
    ] {
        assert!(shown.contains(&line), "no `{line}` in\n{shown}");
    }
}
