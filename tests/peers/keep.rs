//! `--keep` and `--detach`: the deployed app stays up for other programs.

use crate::peer::programs;
use crate::peer::talking::{Talking, descendants};
use crate::support::state::{newest, output};
use crate::support::{Program, eventually, is_alive};
use nix::sys::signal::Signal;
use serde_json::Value;
use shipway::testing::local::CloudFile;
use std::fs;

const URL: &str = "http://shipway-hello-pr-1.westeurope.azurecontainer.io/";
const REPOSITORY: &str = "shipwayhello.azurecr.io/hello";

/// The word after `word` at the start of a printed line.
#[track_caller]
fn after<'a>(said: &'a str, word: &str) -> &'a str {
    let line = said.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("no `{word}` in\n{said}")).split_whitespace().next().expect("it")
}

#[test]
fn kept_cloud_serves_curl_and_skopeo_until_interrupted() {
    let program = Program::with_workflow("hello");
    let child = program.start(&["dry-run", "--keep", "--runtime", "built-in"]);
    let mut talking = Talking::new(child);
    let said = talking.until("kept up until Ctrl-C");
    let (proxy, authority) = (after(&said, "proxy "), after(&said, "authority "));

    let through = ["-sS", "--proxy", proxy, "--cacert", authority, URL];
    assert_eq!(programs::run("curl", &through), "hello from shipway\n");
    assert_eq!(programs::run("curl", &["-sS", after(&said, "app ")]), "hello from shipway\n");

    let pasted = said.lines().find_map(|line| line.strip_prefix("as in ")).expect("a command");
    assert_eq!(programs::run("sh", &["-c", pasted]), "hello from shipway\n");
    assert!(said.find("\napp ") < said.find("\nproxy "), "{said}");

    let registry = after(&said, "registry ").strip_prefix("http://").expect("a URL");
    let source = format!("docker://{registry}/{REPOSITORY}:v1");
    let digest = output(&program, 0, "digest");
    let inspected = programs::run("skopeo", &["inspect", "--tls-verify=false", &source]);
    let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
    assert_eq!(inspected["Digest"], digest);

    let layout = program.path("copied").display().to_string();
    let to = format!("oci:{layout}:v1");
    programs::run("skopeo", &["copy", "--src-tls-verify=false", &source, &to]);
    let index = fs::read_to_string(program.path("copied/index.json")).expect("a layout");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    assert_eq!(index["manifests"][0]["digest"], digest);

    let children = descendants(talking.id());
    assert!(children.len() >= 2, "the cloud and the server: {children:?}");
    talking.signal(Signal::SIGINT);
    assert_eq!(talking.wait().code(), Some(0));
    eventually("every child has ended", || {
        children.iter().all(|&pid| !is_alive(pid)).then_some(())
    });
}

#[test]
fn detached_cloud_runs_until_stopped() {
    let program = Program::with_workflow("hello");
    let finished = program.run(&["dry-run", "--detach", "--runtime", "built-in"]).exits(0);
    let file = newest(&program, "local").expect("a cloud").join("cloud.json");
    let cloud = CloudFile::read(&file).expect("it is up");
    let said = finished.stderr;
    let stop = "left up; `shipway local stop DIR/.shipway/local/";
    assert!(said.contains(stop), "{said}");
    let look = "\nshown by  `shipway status --all --cloud DIR/.shipway/local/";
    assert!(said.contains(look), "{said}");
    let shown = program.run(&["status", "--all", "--cloud", &file.display().to_string()]).exits(0);
    assert!(shown.stdout.contains("  hello    running  "), "{}", shown.stdout);

    assert_eq!(programs::run("curl", &["-sS", after(&said, "app ")]), "hello from shipway\n");
    let mut all = descendants(cloud.pid);
    assert!(!all.is_empty(), "the server runs");
    all.push(cloud.pid);

    program.run(&["local", "stop"]).exits(0);
    eventually("the cloud has ended", || all.iter().all(|&pid| !is_alive(pid)).then_some(()));
    assert!(!file.exists());
}
