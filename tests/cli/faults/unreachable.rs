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
    assert!(!finished.stderr.contains("< 502"), "{}", finished.stderr);
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

#[test]
fn a_host_outside_of_a_dry_run_is_named_at_once_with_the_way_to_leave_it_out() {
    let verify = |what: &str, shown: &str| {
        let plan = format!("name: opt\nreport: none\nsteps: [{{ verify: {{ {what} }} }}]\n");
        dry_run(&Program::with_plan(&plan), 4).says_in_order(&[
            &format!("\n    cannot ask {shown}\n"),
            "\n      `example.com` is not part of the local cloud\n",
            "\n    help: a local cloud reaches nothing outside of it (`--allow-host` is for images \
             alone): leave this check out of a dry run with `if: \"!run.dry-run\"`\n",
        ]);
    };
    // The default time of three minutes is not waited for.
    verify("http: https://example.com/health", "https://example.com/health");
    verify("http: http://example.com/health", "http://example.com/health");
    verify("tcp: example.com:5432", "example.com:5432");

    let plan = "name: opt
steps:
  - run: 'true'
  - { verify: https://example.com/health, if: \"!run.dry-run\" }
";
    dry_run(&Program::with_plan(plan), 0).says_in_order(&[
        "\nverify  skipped: its `if` is false\n",
        "\n    opt  succeeded, not verified: its `if` is false  (",
    ]);
}

#[test]
fn a_url_of_a_group_that_has_ended_is_a_warning() {
    let plan = "name: opt
azure: { resource-group: demo, location: westeurope }
report: none
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, 'true']
  - tag: demo.azurecr.io/opt:v1
  - push:
  - deploy: { aci: { ports: [80], restart-policy: Never } }
";
    let finished = dry_run(&Program::with_plan(plan).applets(), 0);
    assert_eq!(finished.stdout, "", "no URL is left");
    assert!(!finished.stderr.contains("was up while"), "{}", finished.stderr);
    finished.says_in_order(&[
        "\ndeploy  warning  container group `opt` has ended, so nothing answers at \
         http://203.0.113.1; a job needs no `ports`\n",
    ]);
}
