//! Keyless signatures that other programs verify, and those that other programs made.

use super::pages;
use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use serde_json::json;
use std::fs;

const WORKFLOW: &str = "https://github.com/octo/shop/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SIGN: &str = "{ sign: { keyless: { fulcio: 'https://fulcio.example.com', rekor: 'https://rekor.example.com' } } }";

/// `tests/peers/keyless.py` in the folder of the program.
fn keyless(program: &Program, arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/keyless.py");
    let python = programs::python("python").display().to_string();
    programs::run_in(program.folder(), &python, &[&[script], arguments].concat())
}

#[test]
fn keyless_signatures_are_verified_by_openssl_and_from_the_specifications() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let cloud = CloudProcess::start(json!({
        "loopback": true,
        "sigstore": {
            "fulcio": ["fulcio.example.com"],
            "rekor": ["rekor.example.com"],
            "identity": WORKFLOW,
        },
    }));
    let program = pages(&host, SIGN);
    let cloud_file = cloud.path.display().to_string();

    // Signed twice: it is not added again.
    for _ in 0..2 {
        program.run(&["run", "--cloud", &cloud_file]).exits(0);
    }

    let signing = cloud.file.signing.clone().expect("it signs");
    let program = program.file("fulcio.pem", &signing.roots).file("rekor.pub", &signing.log_key);
    let image = format!("{host}/web:v1");
    let arguments = ["verify", &image, "fulcio.pem", "rekor.pub", WORKFLOW, ISSUER];
    assert_eq!(keyless(&program, &arguments), "1\n");
    let root = signing.roots.rfind("-----BEGIN").expect("a root");
    let program = program.file("root.pem", &signing.roots[root..]);
    let program = program.file("between.pem", &signing.roots[..root]);
    let chain = ["-CAfile", "root.pem", "-untrusted", "between.pem", "leaf.pem"];
    let verified =
        programs::run_in(program.folder(), "openssl", &[&["verify"][..], &chain].concat());
    assert_eq!(verified, "leaf.pem: OK\n");
}

#[test]
fn keyless_signatures_of_others_are_accepted() {
    for (command, identity) in
        [("sign", WORKFLOW), ("bundle", WORKFLOW), ("sign", "ann@example.com")]
    {
        let registry = PeerRegistry::open();
        let host = registry.host();
        let image = format!("{host}/web:v1");
        let program = pages(&host, "");
        keyless(&program, &["authority"]);
        let plan = fs::read_to_string(program.path("shipway.yml")).expect("a plan");
        let verify = format!(
            "  - verify:\n      tcp: '{host}'\n      require:\n        signed-by:\n          identity: {identity}\n          issuer: {ISSUER}\n          roots: fulcio.pem\n          log-key: rekor.pub\n"
        );
        let program = program.file("shipway.yml", &(plan + &verify));

        let refused = program.run(&["run"]).exits(4).stderr;
        assert!(refused.contains(" is not signed\n"), "{refused}");
        keyless(&program, &[command, &image, "bob@example.com", ISSUER]);
        let refused = program.run(&["run"]).exits(4).stderr;
        let why = "its signature is by `bob@example.com`, another identity\n";
        assert!(refused.contains(why), "{refused}");

        keyless(&program, &[command, &image, identity, ISSUER]);
        let said = program.run(&["run"]).exits(0).stderr;
        let by = format!(" is signed by `{identity}` (issuer `{ISSUER}`), log entry 1234567\n");
        assert!(said.contains(&by), "{said}");
    }
}
