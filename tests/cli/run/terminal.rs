//! What a run shows in a terminal of 24 rows and 80 columns.

use crate::support::Program;
use crate::support::state::newest;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::unistd::read;
use std::fs;
use std::process::Stdio;

/// What was written to the terminal, less the sequences that move the cursor.
fn in_terminal(program: &Program, arguments: &[&str], code: i32) -> String {
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(&size, None).expect("a terminal");
    // What the program leaves running has no end of the terminal.
    fcntl(&slave, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a flag");
    let end = || Stdio::from(slave.try_clone().expect("a descriptor"));
    let mut command = program.command(arguments);
    command.env("TERM", "xterm").env("NO_COLOR", "1").stdout(end()).stderr(end());
    let mut child = command.spawn().expect("the program starts");
    // The terminal ends with the last process that has it.
    drop((command, slave));
    let (mut written, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = read(&master, &mut buffer) {
        written.extend(&buffer[..length]);
    }
    let written = String::from_utf8(written).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(code), "{written}");
    let moves = regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a pattern");
    moves.replace_all(&written, "").into_owned()
}

const PLAN: &str = "\
name: shop
report: none
services:
  web:
    steps:
      - { id: test, run: 'echo first; echo second; sleep 0.6' }
  api:
    steps:
      - { run: 'sleep 0.4; echo third' }
";

#[test]
fn run_is_one_picture_and_names_how_its_output_is_seen() {
    let program = Program::with_plan(PLAN);

    let shown = in_terminal(&program, &["run"], 0);

    assert!(shown.contains(" 0 of 2 steps done, 0s "), "{shown}");
    assert!(shown.contains("  web: running test │ second "), "{shown}");
    assert!(shown.contains("  api: running  "), "{shown}");
    assert!(!shown.contains("web.test │"), "{shown}");
    assert!(!shown.contains("last time") && !shown.contains("about"), "{shown}");
    let run = newest(&program, "runs").expect("a run");
    let run = run.file_name().expect("a name").to_string_lossy().into_owned();
    let seen = format!("    note: `shipway report {run}` shows what the steps wrote");
    assert!(shown.contains(&seen), "{shown}");
    // The run, and each of its services.
    assert_eq!(shown.matches("succeeded  (").count(), 3, "{shown}");
    let report = program.run(&["report", &run]).exits(0).stdout;
    assert!(report.contains("web.test │ first\n"), "{report}");

    let again = in_terminal(&program, &["run", "--logs", "test"], 0);

    assert!(again.contains("about 1s left") || again.contains(" last time"), "{again}");
    assert!(again.contains("web.test │ first"), "{again}");
    assert!(!again.contains("api.run  │ third"), "{again}");
}

#[test]
fn open_shows_the_app_of_a_dry_run_that_is_left_up() {
    let program = Program::with_plan(
        "name: shop
azure: { resource-group: demo, location: westeurope }
report: none
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: demo.azurecr.io/shop:v1
  - push:
  - deploy: { aci: { dns-label: shop-demo, ports: [80] } }
",
    );
    let program = program.applets().file("browser", "echo \"$1\" >> opened\n");
    let browser = format!("sh {}", program.path("browser").display());
    let program = program.env("BROWSER", &browser);
    let dry_run = ["dry-run", "--runtime", "built-in", "--detach", "--open"];

    let shown = in_terminal(&program, &dry_run, 0);

    let opened = fs::read_to_string(program.path("opened")).expect("it was opened");
    assert!(opened.starts_with("http://127.0.0.1:"), "{opened}");
    let named = format!("app       {} is http://shop-demo.westeurope.", opened.trim_end());
    assert!(shown.contains(&named), "{opened}\n{shown}");
    program.run(&["local", "stop"]).exits(0);

    let refused = program.run(&["dry-run", "--offline", "--open"]).exits(2);
    assert!(refused.stderr.contains("the cloud of a dry run ends with it"), "{}", refused.stderr);
}

#[test]
fn start_of_the_local_cloud_is_said_before_it_is_up() {
    let program = Program::with_plan(PLAN);
    let shown = in_terminal(&program, &["dry-run", "--skip-run"], 0);
    assert!(shown.contains("starting the local cloud\r\n"), "{shown}");
}

#[test]
fn variables_of_a_local_cloud_are_not_shown_on_a_screen() {
    let program = Program::new();
    let shown = in_terminal(&program, &["local", "--detach"], 0);
    program.run(&["local", "stop"]).exits(0);
    let said = "its variables are for a shell: the same command in `eval \"$(…)\"` sets them\r\n";
    assert!(shown.ends_with(said), "{shown}");
    assert!(!shown.contains("AZURE_CLIENT_SECRET"), "{shown}");
}
