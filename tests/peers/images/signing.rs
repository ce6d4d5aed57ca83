//! Signatures that other programs verify, and signatures that other programs made.

use super::pages;
use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::output;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;

const PASSWORD: &str = "correct horse";
const SIGN: &str = "{ sign: { key: '${{ secrets.key }}', password: '${{ secrets.password }}' } }";

/// `tests/peers/cosign.py` in the folder of the program.
fn cosign(program: &Program, arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/cosign.py");
    let python = programs::python("python").display().to_string();
    programs::run_in(program.folder(), &python, &[&[script], arguments].concat())
}

/// A plan that pushes `web:v1`, with secrets of a key.
fn signing(host: &str, push: &str) -> Program {
    let program = pages(host, push).env("KEY_PASSWORD", PASSWORD);
    let plan = fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let secrets = "secrets: { key: { env: SIGNING_KEY }, password: { env: KEY_PASSWORD } }\nsteps:";
    program.file("shipway.yml", &plan.replace("steps:", secrets))
}

/// Runs it with the key in a file.
fn run_with(program: Program, key: &str) -> Program {
    let key = fs::read_to_string(program.path(key)).expect("a key");
    let program = program.env("SIGNING_KEY", &key);
    program.run(&["run"]).exits(0);
    program
}

/// A key in PKCS#8.
fn openssl_key(program: &Program, name: &str) {
    let key = format!("{name}.key");
    let made = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key];
    programs::run_in(program.folder(), "openssl", &made);
    let public = format!("{name}.pub");
    let shown = ["pkey", "-in", &key, "-pubout", "-out", &public];
    programs::run_in(program.folder(), "openssl", &shown);
}

#[test]
fn signatures_are_verified_by_openssl_and_from_the_specification() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let image = format!("{host}/web:v1");
    let program = signing(&host, SIGN);
    openssl_key(&program, "one");
    openssl_key(&program, "two");
    cosign(&program, &["keygen", "three", PASSWORD]);

    // Signed again by the first: it is not added twice.
    let program =
        ["one.key", "two.key", "one.key", "three.key"].into_iter().fold(program, run_with);

    for key in ["one.pub", "two.pub", "three.pub"] {
        assert_eq!(cosign(&program, &["verify", &image, key]), "1\n", "{key}");
    }
    let digest = output(&program, 0, "digest");
    let tag = format!("docker://{host}/web:{}.sig", digest.replace(':', "-"));
    let raw = programs::run("skopeo", &["inspect", "--raw", "--tls-verify=false", &tag]);
    let manifest: Value = serde_json::from_str(&raw).expect("JSON");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(3), "{manifest:#}");
    let layer = &manifest["layers"][0];
    let url = format!("http://{host}/v2/web/blobs/{}", layer["digest"].as_str().expect("text"));
    programs::run_in(program.folder(), "curl", &["-sSf", "-o", "payload", &url]);
    let signature = layer["annotations"]["dev.cosignproject.cosign/signature"].as_str();
    let signature = STANDARD.decode(signature.expect("a signature")).expect("base64");
    fs::write(program.path("signature"), signature).expect("a file");
    let arguments = ["dgst", "-sha256", "-verify", "one.pub", "-signature", "signature", "payload"];
    assert_eq!(programs::run_in(program.folder(), "openssl", &arguments), "Verified OK\n");
}

#[test]
fn signatures_of_others_are_accepted_and_kept() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let image = format!("{host}/web:v1");
    let program = signing(&host, "");
    cosign(&program, &["keygen", "theirs", PASSWORD]);
    cosign(&program, &["keygen", "ours", PASSWORD]);
    let plan = fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let verify =
        |key: &str| format!("  - verify: {{ tcp: '{host}', require: {{ signed-by: {key} }} }}\n");
    let program = program.file("shipway.yml", &(plan.clone() + &verify("theirs.pub")));

    let refused = program.run(&["run"]).exits(4).stderr;
    assert!(refused.contains(" is not signed\n"), "{refused}");
    cosign(&program, &["sign", &image, "theirs.key", PASSWORD]);
    let said = program.run(&["run"]).exits(0).stderr;
    assert!(said.contains(" is signed by `theirs.pub`"), "{said}");

    let program = program.file("shipway.yml", &(plan.clone() + &verify("ours.pub")));
    let refused = program.run(&["run"]).exits(4).stderr;
    assert!(refused.contains("its signature is by another key\n"), "{refused}");
    let program = program.file(
        "shipway.yml",
        &(plan.replace("push: ", &format!("push: {SIGN}")) + &verify("ours.pub")),
    );
    let program = run_with(program, "ours.key");

    for key in ["theirs.pub", "ours.pub"] {
        assert_eq!(cosign(&program, &["verify", &image, key]), "1\n", "{key}");
    }
}

#[test]
fn index_is_signed_and_its_images_are_not() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = signing(&host, SIGN);
    let plan = fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let both = "build:\n      platforms: [linux/amd64, linux/arm64]";
    let program = program.file("shipway.yml", &plan.replace("build:", both));
    openssl_key(&program, "one");

    let program = run_with(program, "one.key");

    let image = format!("{host}/web:v1");
    assert_eq!(cosign(&program, &["verify", &image, "one.pub"]), "1\n");
    let tags = programs::run("curl", &["-sSf", &format!("http://{host}/v2/web/tags/list")]);
    assert_eq!(tags.matches(".sig").count(), 1, "{tags}");
}

#[test]
fn bundle_that_is_attached_is_accepted() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let image = format!("{host}/web:v1");
    let program = signing(&host, "");
    cosign(&program, &["keygen", "theirs", PASSWORD]);
    let plan = fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let verify = "  - verify: { tcp: 'HOST', require: { signed-by: theirs.pub } }\n";
    let program = program.file("shipway.yml", &(plan + &verify.replace("HOST", &host)));
    program.run(&["run"]).exits(4);

    cosign(&program, &["bundle", &image, "theirs.key", PASSWORD]);

    let said = program.run(&["run"]).exits(0).stderr;
    assert!(said.contains(" is signed by `theirs.pub`"), "{said}");
}
