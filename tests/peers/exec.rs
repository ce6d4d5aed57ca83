//! Commands in containers of the local cloud: without a terminal, and in one that a
//! pseudo-terminal drives.

use crate::support::cloud_process::CloudProcess;
use crate::support::terminal::Terminal;
use crate::support::{Finished, Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use rustix::termios::tcsetwinsize;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

const PLAN: &str = "\
name: shop
azure: { resource-group: demo, location: westeurope }
steps:
  - build:
      layers:
        - { from: busybox, to: /bin/busybox, mode: '0755' }
        - { from: bin, to: /bin }
      entrypoint: [/bin/busybox, sleep, '3600']
      env: { PATH: /bin, GREETING: hello }
  - tag: shop.azurecr.io/web:v1
  - push:
  - deploy: { aci: { name: shop } }
";

/// The programs of busybox that the commands use.
const PROGRAMS: [&str; 12] = [
    "sh",
    "stty",
    "tty",
    "sed",
    "base64",
    "cat",
    "echo",
    "printf",
    "sleep",
    "wc",
    "sha256sum",
    "grep",
];

struct Shop {
    program: Program,
    cloud: CloudProcess,
}

impl Shop {
    /// A command without a terminal that has begun, and does not end by itself.
    fn waits(&self) -> Child {
        let own = ["exec", "shop", "--cloud", &self.cloud(), "--"];
        let script = "echo ready; sleep 3000";
        let mut child = self.program.start(&[&own[..], &["sh", "-c", script]].concat());
        let output = child.stdout.as_mut().expect("a pipe");
        let mut byte = [0];
        while byte != *b"\n" {
            std::io::Read::read_exact(output, &mut byte).expect("output");
        }
        child
    }

    /// With the plan deployed.
    fn new() -> Self {
        Self::deployed(CloudProcess::with_registry("shop"), PLAN)
    }

    /// With the plan deployed as an app.
    fn of_app() -> Self {
        let cloud = CloudProcess::start(serde_json::json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": "shop.azurecr.io", "name": "shop", "resource-group": "demo",
                "anonymous-pull": true,
            }],
            "app-environments":
                [{ "name": "shop", "resource-group": "demo", "location": "westeurope" }],
        }));
        let plan = PLAN.replace("aci: { name: shop }", "container-app: { environment: shop }");
        Self::deployed(cloud, &plan)
    }

    fn deployed(cloud: CloudProcess, plan: &str) -> Self {
        let program = Program::with_plan(plan).busybox();
        std::fs::create_dir(program.path("bin")).expect("a folder");
        for name in PROGRAMS {
            symlink("busybox", program.path("bin").join(name)).expect("a link");
        }
        let shop = Self { program, cloud };
        shop.run(&["run"]).exits(0);
        shop
    }

    fn cloud(&self) -> String {
        self.cloud.path.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.program.run(&[arguments, &["--cloud", &self.cloud()]].concat())
    }

    /// Runs a command in the container, with nothing to read.
    fn exec(&self, command: &[&str]) -> Finished {
        let own = ["exec", "shop", "--cloud", &self.cloud(), "--"];
        self.program.run(&[&own[..], command].concat())
    }

    /// Runs a command in the container that reads these bytes.
    fn exec_with(&self, input: &[u8], command: &[&str]) -> Finished {
        let own = ["exec", "shop", "--cloud", &self.cloud(), "--"];
        let mut child = self
            .program
            .command(&[&own[..], command].concat())
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A command that reads less closes the pipe.
        child.stdin.take().expect("a pipe").write_all(input).ok();
        self.program.finish(child)
    }

    /// Starts `exec` in a terminal of 24 lines and 80 columns.
    fn in_terminal(&self, command: &[&str]) -> Terminal {
        let own = ["exec", "shop", "--cloud", &self.cloud(), "--"];
        self.program.in_terminal(&[&own[..], command].concat())
    }
}

#[test]
fn exec_passes_output_input_and_exit_code_on() {
    let shop = Shop::new();

    let said = shop.exec(&["sh", "-c", "echo $GREETING; echo 'it'\\''s'; exit 3"]).exits(3);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("hello\nit's\n", ""));

    let missing = shop.exec(&["psql", "--version"]).exits(127);
    assert_eq!(missing.stdout, "/bin/sh: exec: line 0: psql: not found\n");

    // Bytes of any value, and more than a terminal takes at once.
    let bytes: Vec<u8> = (0..200_000_u64).map(|at| (at * at % 251) as u8).collect();
    let counted = shop.exec_with(&bytes, &["wc", "-c"]).exits(0);
    assert_eq!(counted.stdout, "200000\n");
    let hashed = shop.exec_with(&bytes, &["sha256sum"]).exits(0);
    let own = shipway::testing::oci::Digest::of(&bytes).to_string();
    assert_eq!(hashed.stdout.split_whitespace().next(), own.strip_prefix("sha256:"));
    // A command that does not read its input is not waited for.
    let unread = shop.exec_with(&bytes, &["echo", "done"]).exits(0);
    assert_eq!(unread.stdout, "done\n");
}

#[test]
fn exec_takes_a_command_of_many_kilobytes() {
    let shop = Shop::new();
    let long = "it's 100% of $it!\n".repeat(1_500);
    let script = "printf %s \"$1\" | sha256sum";
    let done = shop.exec(&["sh", "-c", script, "sh", &long]).exits(0);
    let mut hash = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum is there");
    hash.stdin.take().expect("a pipe").write_all(long.as_bytes()).expect("written");
    let expected = hash.wait_with_output().expect("it ends").stdout;
    assert_eq!(done.stdout, String::from_utf8_lossy(&expected));
}

#[test]
fn exec_with_nothing_to_read_gives_the_command_an_empty_input() {
    let shop = Shop::new();
    let said = shop.exec(&["sh", "-c", "tty; cat; echo end"]).exits(0);
    assert_eq!(said.stdout, "not a tty\nend\n");
}

#[test]
fn exec_gives_a_shell_the_terminal_with_its_size_and_ctrl_c() {
    let shop = Shop::new();
    let mut terminal = shop.in_terminal(&[]);
    terminal.wait_for("# ");
    // Keys are not shown twice: this terminal is raw, that of the container shows them.
    terminal.press("echo $((6*7)) $TERM\r");
    terminal.wait_for("echo $((6*7)) $TERM\r\n42 vt100\r\n");

    terminal.press("stty size\r");
    terminal.wait_for("\n24 80\r\n");
    tcsetwinsize(
        &terminal.master,
        rustix::termios::Winsize { ws_row: 50, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 },
    )
    .expect("a size");
    terminal.press("until stty size | grep 132; do :; done\r");
    terminal.wait_for("\n50 132\r\n");

    // Its output says that it has the terminal: before, the key would be the shell's.
    terminal.press("sh -c 'echo rea\"\"dy; sleep 3000'\r");
    terminal.wait_for("\nready\r\n");
    terminal.press("\u{3}");
    terminal.wait_for("^C");
    terminal.press("echo after $?\r");
    terminal.wait_for("\nafter 130\r\n");
    terminal.press("exit 5\r");
    terminal.exits(5);
}

#[test]
fn exec_restores_the_terminal_after_a_signal_and_after_the_escape() {
    let shop = Shop::new();
    let mut terminal = shop.in_terminal(&["sh"]);
    terminal.wait_for("# ");
    kill(terminal.process(), Signal::SIGTERM).expect("a process");
    terminal.exits(143);

    let mut terminal = shop.in_terminal(&["sleep", "3000"]);
    // Raw mode begins with the command.
    while tcgetattr(&terminal.slave).expect("a terminal").local_flags.contains(LocalFlags::ECHO) {
        std::thread::yield_now();
    }
    terminal.press("~.");
    terminal.wait_for("left; the command may still run");
    terminal.exits(125);
}

#[test]
fn exec_without_a_terminal_passes_an_interrupt_on() {
    let shop = Shop::new();
    let child = shop.waits();
    let id = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("a process");
    shop.program.finish(child).exits(130);
}

#[test]
fn exec_does_not_invent_an_exit_code_for_a_lost_connection() {
    let shop = Shop::new();
    let child = shop.waits();
    shop.run(&["down", "--yes"]).exits(0);
    let lost = shop.program.finish(child).exits(125);
    assert_eq!(lost.stderr, "the connection was lost; the exit code of the command is not known\n");
}

#[test]
fn command_is_hung_up_when_its_client_goes() {
    let shop = Shop::new();
    let own = ["exec", "shop", "--cloud", &shop.cloud(), "--"];
    let script = "echo ready; sleep 4242";
    let mut child = shop.program.start(&[&own[..], &["sh", "-c", script]].concat());
    let mut output = child.stdout.take().expect("a pipe");
    let mut byte = [0];
    while byte != *b"\n" {
        std::io::Read::read_exact(&mut output, &mut byte).expect("output");
    }
    let count = || {
        let processes = shop.exec(&["sh", "-c", "cat /proc/[0-9]*/cmdline | grep -c '424[2]'"]);
        processes.stdout.trim().parse::<u32>().expect("a number")
    };
    assert_eq!(count(), 1);
    child.kill().expect("a process");
    child.wait().expect("the program ends");
    eventually("the command ends", || (count() == 0).then_some(()));
}

#[test]
fn group_that_is_deployed_again_while_the_one_before_it_ends_takes_commands() {
    let shop = Shop::new();
    let stubborn = PLAN.replace(
        "[/bin/busybox, sleep, '3600']",
        "[/bin/sh, -c, \"trap '' TERM; while true; do sleep 1; done\"]",
    );
    std::fs::write(shop.program.path("shipway.yml"), stubborn).expect("written");
    shop.run(&["run"]).exits(0);
    assert_eq!(shop.exec(&["echo", "one"]).exits(0).stdout, "one\n");

    // Its program ends only once it is killed, some seconds later.
    shop.run(&["down", "--yes"]).exits(0);
    shop.run(&["run"]).exits(0);

    assert_eq!(shop.exec(&["echo", "two"]).exits(0).stdout, "two\n");
}

#[test]
fn app_takes_commands_and_tells_their_exit_codes() {
    let shop = Shop::of_app();
    assert_eq!(shop.exec(&["echo", "hello world"]).exits(0).stdout, "hello world\n");
    shop.exec(&["sh", "-c", "exit 7"]).exits(7);
    let counted = shop.exec_with(&vec![b'x'; 100_000], &["wc", "-c"]).exits(0);
    assert_eq!(counted.stdout.trim(), "100000");

    let mut terminal = shop.in_terminal(&["sh", "-c", "stty size; read line; echo got $line"]);
    terminal.wait_for("24 80");
    terminal.press("hello\r");
    terminal.wait_for("got hello");
    terminal.exits(0);
}
