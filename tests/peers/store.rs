//! An image store that was damaged, and bases that are on this machine.

use crate::peer::programs::run;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::state::output;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

fn plan(host: &str) -> String {
    format!(
        "name: web
vars: {{ name: web }}
steps:
  - build: {{ layers: [{{ from: tree, to: /srv }}] }}
  - tag: '{host}/${{{{ vars.name }}}}:v1'
  - push:
"
    )
}

/// A plan whose files were written long ago, so that their layer is remembered.
fn settled(host: &str) -> Program {
    let program = Program::with_plan(&plan(host)).file("tree/a", "a file\n");
    let file = fs::File::options().write(true).open(program.path("tree/a")).expect("a file");
    file.set_modified(SystemTime::now() - Duration::from_hours(1)).expect("a time");
    let until = SystemTime::now() + Duration::from_millis(150);
    while SystemTime::now() < until {
        std::thread::yield_now();
    }
    program
}

/// The blobs of the store that are JSON, or are not.
fn blobs(program: &Program, documents: bool) -> Vec<PathBuf> {
    let folder = fs::read_dir(program.path(".shipway/images/blobs/sha256")).expect("a store");
    let paths = folder.map(|entry| entry.expect("readable").path());
    let is_document = |path: &PathBuf| fs::read(path).expect("a blob").starts_with(b"{");
    paths.filter(|path| is_document(path) == documents).collect()
}

/// Damages a blob in a way that no time tells.
fn damage(path: &PathBuf) {
    let modified = fs::metadata(path).and_then(|it| it.modified()).expect("a time");
    let mut bytes = fs::read(path).expect("a blob");
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs::write(path, bytes).expect("damaged");
    let file = fs::File::options().write(true).open(path).expect("a blob");
    file.set_modified(modified).expect("a time");
}

#[test]
fn damaged_manifest_or_configuration_is_rebuilt() {
    let registry = PeerRegistry::open();
    let program = settled(&registry.host());
    program.run(&["run"]).exits(0);
    let digest = output(&program, 0, "digest");
    let documents = blobs(&program, true);
    assert_eq!(documents.len(), 2);
    documents.iter().for_each(damage);

    program.run(&["run", "--set", "name=other"]).exits(0);

    assert_eq!(output(&program, 0, "digest"), digest);
}

#[test]
fn damaged_layer_refused_by_the_registry_is_rebuilt() {
    let registry = PeerRegistry::open();
    let program = settled(&registry.host());
    program.run(&["run"]).exits(0);
    let digest = output(&program, 0, "digest");
    let layers = blobs(&program, false);
    assert_eq!(layers.len(), 1);
    damage(&layers[0]);

    let failed = program.run(&["run", "--set", "name=other"]).exits(4);

    let name = layers[0].file_name().expect("a name").display().to_string();
    let said = format!("the copy of sha256:{name} in the image store was damaged");
    assert!(failed.stderr.contains(&said), "{}", failed.stderr);
    let help = "it is removed; run the `build` step again: `--from` it, or a new run";
    assert!(failed.stderr.contains(help), "{}", failed.stderr);
    program.run(&["run", "--set", "name=other"]).exits(0);
    assert_eq!(output(&program, 0, "digest"), digest);
}

#[test]
fn base_may_be_a_local_layout() {
    let registry = PeerRegistry::open();
    let below = settled(&registry.host());
    below.run(&["run"]).exits(0);
    let from = format!("docker://{}/web:v1", registry.host());
    let layout = below.path("layout").display().to_string();
    run("skopeo", &["copy", "--src-tls-verify=false", &from, &format!("oci:{layout}:v1")]);
    let program = Program::with_plan(&format!(
        "name: above
steps:
  - build:
      base: 'oci:{layout}:v1'
      layers: [{{ from: b, to: /srv/b }}]
  - tag: {}/above:v1
  - push:
",
        registry.host()
    ))
    .file("b", "another\n");

    program.run(&["run"]).exits(0);

    let unpacked = program.path("unpacked").display().to_string();
    let above = format!("docker://{}/above:v1", registry.host());
    let to = program.path("pulled").display().to_string();
    run("skopeo", &["copy", "--src-tls-verify=false", &above, &format!("oci:{to}:v1")]);
    run("umoci", &["unpack", "--image", &format!("{to}:v1"), &unpacked]);
    for (name, text) in [("a", "a file\n"), ("b", "another\n")] {
        let path = format!("{unpacked}/rootfs/srv/{name}");
        assert_eq!(fs::read_to_string(path).expect("a file"), text);
    }
}
