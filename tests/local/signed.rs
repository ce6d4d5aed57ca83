//! `sign` and `require`: what is signed where it is pushed, and what is refused before
//! anything is changed.

use crate::support::cloud_process::CloudProcess;
use crate::support::state::output;
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use shipway::testing::local::LoggedRequest;
use std::fs;
use std::path::Path;

const OWN_KEY: &str = include_str!("../fixtures/signing/own.key");
const OWN_PUB: &str = include_str!("../fixtures/signing/own.pub");
const OTHER_PUB: &str = include_str!("../fixtures/signing/other.pub");
/// The start of the SHA-256 of both keys.
const KEYS: [&str; 2] = ["da596cf8c83f", "4a5fbbaf7ad3"];
const SIGN: &str = "{ sign: { key: \"${{ secrets.signing-key }}\" } }";

/// A cloud with one registry, and a program in a folder with busybox and public keys.
struct Scene {
    cloud: CloudProcess,
    program: Program,
}

impl Scene {
    fn new() -> Self {
        let cloud = CloudProcess::with_private_registry();
        let program = Program::new().applets().env("SIGNING_KEY", OWN_KEY);
        Self { cloud, program: program.file("own.pub", OWN_PUB).file("other.pub", OTHER_PUB) }
    }

    fn write(&self, steps: &str) {
        let plan = format!(
            "name: signed\nsecrets: {{ signing-key: {{ env: SIGNING_KEY }} }}\n\
             azure: {{ resource-group: demo, location: westeurope }}\nsteps:\n{steps}"
        );
        fs::write(self.program.path("shipway.yml"), plan).expect("a file can be written");
    }

    /// Runs a plan with these steps.
    fn run(&self, steps: &str) -> Finished {
        self.write(steps);
        self.program.run(&["run", "--cloud", &self.cloud.path.display().to_string()])
    }

    /// The digest of an image that is pushed under a tag.
    fn push(&self, tag: &str, how: &str) -> String {
        self.run(&push(tag, how)).exits(0);
        output(&self.program, 0, "digest")
    }

    /// Fails where the cloud was asked for a change of anything but a registry.
    #[track_caller]
    fn assert_nothing_changed(&self) {
        let is_change = |request: &&LoggedRequest| {
            request.host == "management.azure.com"
                && ["PUT", "PATCH", "DELETE"].contains(&&*request.method)
        };
        let requests = self.cloud.requests();
        let changes: Vec<&LoggedRequest> = requests.iter().filter(is_change).collect();
        assert!(changes.is_empty(), "{changes:?}");
    }
}

/// The steps that push an image whose content depends on the tag.
fn push(tag: &str, how: &str) -> String {
    format!(
        "  - build: {{ layers: [{{ from: busybox, to: /busybox }}], entrypoint: [/busybox, httpd, -f, -p, \"8080\"], labels: {{ for: \"{tag}\" }} }}\n  - tag: demo.azurecr.io/web:{tag}\n  - push: {how}\n"
    )
}

fn deploy(image: &str, require: &str) -> String {
    format!("  - deploy: {{ {image} require: {require}, aci: {{ name: web, ports: [8080] }} }}\n")
}

/// Whether a file below the folder contains a text.
fn is_in_a_file(folder: &Path, text: &str) -> bool {
    let mut entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_in_a_file(&path, text);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    })
}

#[test]
fn signed_image_is_deployed_and_the_key_stays_secret() {
    let scene = Scene::new();
    let require = "{ signed-by: own.pub, provenance: true }";
    let how = SIGN.replace("sign:", "provenance: true, sign:");
    let steps = push("v1", &how)
        + &deploy("", require)
        + &format!("  - verify: {{ tcp: 8080, require: {require} }}\n");

    let finished = scene.run(&steps).exits(0);
    let again = scene.run(&steps).exits(0);

    let digest = output(&scene.program, 0, "digest");
    let signature = output(&scene.program, 0, "signature");
    let (place, signed) = signature.split_once('@').expect("a digest");
    assert_eq!(place, "demo.azurecr.io/web");
    for (said, line) in [
        (&finished, format!("signature attached to `demo.azurecr.io/web`: {signed}")),
        (&again, format!("signature was attached to `demo.azurecr.io/web`: {signed}")),
        (&finished, format!("`demo.azurecr.io/web@{digest}` is signed by `own.pub`")),
        (
            &finished,
            format!(
                "`demo.azurecr.io/web@{digest}` has a provenance, `https://slsa.dev/provenance/v1`"
            ),
        ),
    ] {
        assert!(said.stderr.contains(&line), "no `{line}` in\n{}", said.stderr);
    }
    assert_eq!(finished.stderr.matches("is signed by `own.pub`").count(), 2, "{finished:?}");
    let body = OWN_KEY.lines().nth(1).expect("a line of the key");
    assert!(!finished.stderr.contains(body) && !finished.stdout.contains(body));
    assert!(!is_in_a_file(&scene.program.path(".shipway"), body));
}

#[test]
fn pushed_image_without_what_is_required_is_refused_before_the_deploy() {
    let scene = Scene::new();
    for (how, require, wanted) in [
        ("", "{ signed-by: own.pub }", "is not signed\n"),
        (SIGN, "{ signed-by: other.pub }", "is not signed by `other.pub`\n"),
        (SIGN, "{ signed-by: own.pub, provenance: true }", "has no provenance\n"),
    ] {
        let refused = scene.run(&(push("v1", how) + &deploy("", require))).exits(4);
        assert!(refused.stderr.contains(wanted), "no `{wanted}` in\n{}", refused.stderr);
    }
    scene.assert_nothing_changed();
}

#[test]
fn named_image_without_what_is_required_is_refused_before_the_first_step() {
    let scene = Scene::new();
    let signed = scene.push("signed", SIGN);
    let unsigned = scene.push("unsigned", "");
    let refused = |tag: &str, require: &str| {
        let image = format!("image: \"demo.azurecr.io/web:{tag}\",");
        let steps = "  - run: touch begun\n".to_owned() + &deploy(&image, require);
        let refused = scene.run(&steps).exits(3).stderr;
        assert!(!scene.program.path("begun").exists(), "{refused}");
        refused
    };
    // A program before it could write a file, and then the step itself checks.
    let refused = |tag: &str, require: &str| {
        let key = OWN_PUB.replace('\n', "\\n");
        refused(tag, &require.replace("own.pub", &format!("\"{key}\"")))
    };

    let said = refused("unsigned", "{ signed-by: own.pub }");
    let wanted = format!("error: `demo.azurecr.io/web@{unsigned}` is not signed\n");
    assert!(said.contains(&wanted), "no `{wanted}` in\n{said}");

    // The signature of one image, copied to the tag of another.
    let tag = |digest: &str| format!("demo.azurecr.io/web:{}.sig", digest.replace(':', "-"));
    scene
        .run(&format!(
            "  - build: {{ image: \"{}\" }}\n  - tag: \"{}\"\n  - push:\n",
            tag(&signed),
            tag(&unsigned)
        ))
        .exits(0);
    let said = refused("unsigned", "{ signed-by: own.pub }");
    for wanted in [
        format!("`demo.azurecr.io/web@{unsigned}` is not signed by `key "),
        format!("its signature is for another digest, {signed}\n"),
        "sign this image: a signature of another one proves nothing of it\n".to_owned(),
    ] {
        assert!(said.contains(&wanted), "no `{wanted}` in\n{said}");
    }
    scene.assert_nothing_changed();
}

#[test]
fn key_that_cannot_sign_is_refused_before_the_push() {
    let scene = Scene::new();
    let scene = Scene { program: scene.program.env("SIGNING_KEY", OWN_PUB), ..scene };

    let refused = scene.run(&push("v1", SIGN)).exits(3).stderr;

    for wanted in [
        "error: cannot sign with `secrets.signing-key`\n",
        "because: it is a public key\n",
        "help: make a key: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out signing.key`",
    ] {
        assert!(refused.contains(wanted), "no `{wanted}` in\n{refused}");
    }
    let pushed = scene.cloud.requests().into_iter().any(|request| request.method == "PUT");
    assert!(!pushed);
}

#[test]
fn plan_shows_what_is_signed_and_required() {
    let scene = Scene::new();
    let require = "{ signed-by: [own.pub, other.pub], provenance: true }";
    scene.write(
        &(push("v1", SIGN)
            + &deploy("", require)
            + "  - verify: { tcp: 8080, require: { provenance: true } }\n"),
    );

    let shown = scene.program.run(&["plan", "--offline"]).exits(0).stdout;
    let json = scene.program.run(&["plan", "--offline", "--output", "json"]).exits(0).stdout;

    let json: Value = serde_json::from_str(&json).expect("JSON");
    let digest = json["steps"][0]["digest"].as_str().expect("a digest");
    // `openssl pkey -pubin -in FILE -outform DER | sha256sum` shows these.
    let keys = KEYS.map(|key| format!(" (key {key})"));
    assert!(keys.iter().all(|key| shown.contains(key)), "{shown}");
    let without = |text: &str| keys.iter().fold(text.to_owned(), |text, key| text.replace(key, ""));
    assert_eq!(
        without(&shown).replace(digest, "DIGEST"),
        "\
signed
  build   DIGEST, built from layers
  tag     demo.azurecr.io/web:v1
  push    demo.azurecr.io/web:v1  not compared
    signed with `secrets.signing-key`
  deploy  container group `web`  not compared
    requires a signature by `own.pub` or `other.pub`
    requires a provenance
  verify  (known after deploy)
    requires a provenance
Plan: 1 not compared.
"
    );
    let steps = &json["steps"];
    assert_eq!(steps[2]["signed-with"], "secrets.signing-key");
    let required = json!(["a signature by `own.pub` or `other.pub`", "a provenance"]);
    let shown = steps[3]["requires"].to_string();
    assert_eq!(without(&shown), required.to_string());
    assert_eq!(steps[4]["requires"], json!(["a provenance"]));
}
