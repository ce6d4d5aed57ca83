//! `shipway local stop`.

use crate::support::Program;
use crate::support::state::newest;

#[test]
fn stopping_a_cloud_says_what_it_stopped() {
    let program = Program::with_plan(
        "name: kept
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, sleep, '600']
  - tag: demo.azurecr.io/kept:v1
  - push:
  - deploy: { aci: { name: kept-web } }
",
    )
    .busybox();
    program.run(&["dry-run", "--detach", "--runtime", "built-in"]).exits(0);
    let folder = newest(&program, "local").expect("a cloud");
    let run = folder.file_name().expect("a name").to_string_lossy().into_owned();

    let stopped = program.run(&["local", "stop"]).exits(0);

    let start = format!("stopped the local cloud in `DIR/.shipway/local/{run}`, process ");
    let rest = stopped.stderr.strip_prefix(&start).unwrap_or_else(|| panic!("{}", stopped.stderr));
    let end = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    assert_eq!(end, ", with 1 container group: kept-web\n");
    assert!(!folder.join("cloud.json").exists());
}
