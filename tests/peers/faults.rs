//! A container that fails ends the run with exit code 4 and says why.

use crate::support::{Finished, Program};

/// A plan that runs busybox with these arguments, and its dry run.
fn deployed(arguments: &str, more: &str) -> Finished {
    let plan = format!(
        "name: faulty
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      layers: [{{ from: busybox, to: /bin/busybox, mode: '0755' }}]
      entrypoint: [/bin/busybox, {arguments}]
  - tag: demo.azurecr.io/web:v1
  - push:
  - deploy: {{ aci: {{ dns-label: faulty, ports: [80], {more} }} }}
  - verify: {{ http: /, within: 2s, every: 100ms }}
"
    );
    Program::with_plan(&plan).busybox().run(&["dry-run", "--runtime", "built-in"]).exits(4)
}

#[test]
fn failed_container_shows_its_last_lines() {
    let finished = deployed("sh, -c, 'echo no database; exit 3'", "restart-policy: never");
    finished.says_in_order(&[
        // Seen by the deploy or, where the machine is slow, by what verifies it.
        "  failed  (",
        "\n    | ",
        "\n    |   no database\n",
        "\nfailed  (",
        "\n    faulty  failed at ",
    ]);
    assert_eq!(finished.stdout, "");
}

#[test]
fn crash_loop_fails_the_deploy() {
    let finished = deployed("sh, -c, 'echo no database; exit 3'", "restart-policy: always");
    finished.says_in_order(&[
        "container `faulty` does not run: ",
        "\n    | now: Waiting, CrashLoopBackOff: Back-off ",
        "\n    | before: Terminated, exit code 3, Error\n    | restarts: ",
        "\n    | its last lines:\n    |   no database\n",
        "\n    help: ",
    ]);
}

#[test]
fn container_that_does_not_listen_fails_verify() {
    let finished = deployed("sleep, '600'", "restart-policy: always");
    finished.says_in_order(&[
        "deploy  ok",
        "verify  failed",
        "nothing listens on port 80 of faulty.westeurope.azurecontainer.io, asked ",
        "\n    | > GET /\n",
        "\n    | container group `faulty`: Running\n",
        "\n    | container `faulty`:\n    |   now: Running\n    |   it wrote nothing\n",
    ]);
}

#[test]
fn taken_dns_label_is_named() {
    let service = |name: &str, needs: &str| {
        format!(
            "  {name}:
    needs: [{needs}]
    steps:
      - build:
          layers: [{{ from: busybox, to: /bin/busybox, mode: '0755' }}]
          entrypoint: [/bin/busybox, httpd, -f, -p, '80']
      - tag: demo.azurecr.io/{name}:v1
      - push:
      - deploy: {{ aci: {{ name: {name}, dns-label: '${{{{ vars.{name} }}}}', ports: [80] }} }}
"
        )
    };
    let plan = format!(
        "name: taken
vars: {{ one: the-same, two: the-same }}
azure: {{ resource-group: demo, location: westeurope }}
services:
{}{}",
        service("one", ""),
        service("two", "one")
    );
    let program = Program::with_plan(&plan).busybox();
    let finished = program.run(&["dry-run", "--runtime", "built-in"]).exits(4);

    finished.says_in_order(&["one.deploy  ok", "two.deploy  failed", "the-same", "\n    help: "]);
    assert_eq!(finished.stdout, "http://the-same.westeurope.azurecontainer.io\n");
}
