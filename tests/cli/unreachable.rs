//! Services that do not answer, in a dry run: what the report says of the reason.

use crate::support::{Finished, Program};

/// A plan whose container runs `program` and asks for `ports`. The image exposes 80.
fn plan(program: &str, ports: &str, after: &str) -> Program {
    Program::with_plan(&format!(
        "name: opt
azure: {{ resource-group: demo, location: westeurope }}
steps:
  - build:
      layers: [{{ from: busybox, to: /bin/busybox, mode: '0755' }}]
      entrypoint: [/bin/busybox, sh, -c]
      cmd: ['{program}']
      expose: [80]
  - tag: demo.azurecr.io/opt:v1
  - push:
  - deploy:
      aci: {{ ports: [{ports}] }}
{after}"
    ))
    .applets()
}

const HTTPD: &str = "/bin/busybox httpd -f -h / -p";

fn dry_run(program: &Program, code: i32) -> Finished {
    program.run(&["dry-run", "--runtime", "built-in"]).exits(code)
}

#[test]
fn a_program_on_another_port_is_told_with_the_port_to_write() {
    let verify = "  - verify: { http: /, within: 1s }\n    timeout: 20s\n";
    let finished = dry_run(&plan(&format!("{HTTPD} 80"), "8080", verify), 4);
    finished.says_in_order(&[
        "\n    nothing listens on port 8080 of ",
        "\n      the program listens on port 80\n        the image exposes port 80\n",
        "\n    help: write `ports: [80]`, or make the program listen on 0.0.0.0:8080\n",
    ]);
    assert!(!finished.stderr.contains("502"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("curl"), "{}", finished.stderr);
}

#[test]
fn a_program_on_127_0_0_1_is_told() {
    let verify = "  - verify: { tcp: '80', within: 1s }\n";
    dry_run(&plan(&format!("{HTTPD} 127.0.0.1:80"), "80", verify), 4).says_in_order(&[
        "\n    nothing listens on port 80 of ",
        "\n      the program listens on 127.0.0.1:80 only, where nothing outside of its container \
         reaches it\n",
        "\n    help: make the program listen on 0.0.0.0:80\n",
    ]);
}

#[test]
fn a_crash_without_a_word_says_so() {
    let finished = dry_run(&plan("exit 3", "80", ""), 4);
    finished.says_in_order(&[
        "| it wrote nothing\n",
        "help: it ended without writing anything; run the image on this machine with the same \
         `command` and `env`, and let the program log its errors to stderr\n",
    ]);
}

#[test]
fn all_urls_are_printed_and_in_the_result() {
    let program = plan(&format!("{HTTPD} 80"), "80, 8080", "");
    let finished = dry_run(&program, 0);
    let urls: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(urls.len(), 2, "{urls:?}");
    assert!(urls[0].starts_with("http://") && !urls[0].ends_with(":8080"), "{urls:?}");
    assert_eq!(urls[1], format!("{}:8080", urls[0]));
}
