//! A run in a terminal, whose person signs in with a device code.

use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use nix::pty::{OpenptyResult, openpty};
use nix::unistd::read;
use serde_json::json;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Stdio};

const PLAN: &str = "\
name: shop
azure: { sign-in: device-code }
steps:
  - build: { layers: [{ from: shipway.yml, to: /shipway.yml }] }
  - tag: demo.azurecr.io/shop:v1
  - push:
";

/// The program, with its standard input and standard error in a terminal.
struct Terminal {
    master: OwnedFd,
    child: Child,
    shown: String,
}

impl Terminal {
    fn start(program: &Program, arguments: &[&str]) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).expect("a terminal");
        let end = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let mut command = program.command(arguments);
        let child = command.stdin(end()).stderr(end()).stdout(Stdio::null()).spawn();
        Self { master, child: child.expect("the program starts"), shown: String::new() }
    }

    /// Reads until this is shown; what came after it on its line.
    #[track_caller]
    fn rest_of_line(&mut self, start: &str) -> String {
        loop {
            let found = self.shown.split_once(start).and_then(|(_, rest)| rest.split_once("\r\n"));
            if let Some((rest, _)) = found {
                return rest.to_owned();
            }
            assert!(self.read(), "`{start}` was not shown in: {}", self.shown);
        }
    }

    /// Reads some of what is shown; `false` once the program has ended.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        // A terminal that no process has open answers with an error.
        let length = read(&self.master, &mut buffer).unwrap_or(0);
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }

    /// All that was shown, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        while self.read() {}
        (self.shown, self.child.wait().expect("the program ends").code())
    }
}

/// A cloud with a registry, and a program that knows of it what the environment says of the
/// network alone.
fn scene(folder: &Path) -> (LocalCloud, Program) {
    let world = json!({
        "resource-groups": [{ "name": "demo", "location": "westeurope" }],
        "registries": [{ "host": "demo.azurecr.io", "name": "demo", "resource-group": "demo" }],
    });
    let cloud = LocalCloud::start(folder, world);
    let mut program = Program::with_plan(PLAN).committed();
    for (name, value) in cloud.file.variables() {
        if !name.starts_with("AZURE_CLIENT") {
            program = program.env(name, value);
        }
    }
    (cloud, program)
}

/// Enters the code in the page that the terminal names.
fn enter(cloud: &LocalCloud, page: &str, code: &str, answer: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let form = [("otc", code), ("answer", answer)];
        let answer = cloud.client().post(page).form(&form).send().await.expect("sent");
        assert_eq!(answer.status().as_u16(), 200);
        answer.text().await.expect("a page")
    })
}

const PAGE: &str = "https://login.microsoftonline.com/common/oauth2/deviceauth";

fn code(terminal: &mut Terminal) -> String {
    let start = format!("to sign in to Azure, open {PAGE} and enter the code ");
    let rest = terminal.rest_of_line(&start);
    rest.strip_suffix(" within 15 minutes").expect("how long it lasts").to_owned()
}

#[test]
fn run_in_a_terminal_signs_in_with_the_code_it_shows() {
    let folder = state();
    let (cloud, program) = scene(folder.path());
    let mut terminal = Terminal::start(&program, &["run"]);
    let code = code(&mut terminal);

    let page = enter(&cloud, PAGE, &code, "confirm");

    assert!(page.contains("You are signed in, and may close this page."), "{page}");
    let (shown, exit) = terminal.end();
    assert_eq!(exit, Some(0), "{shown}");
    let told = "signed in to Azure with a device code, for this command alone\r\n";
    assert_eq!(shown.matches(told).count(), 1, "{shown}");
    assert_eq!(shown.matches("enter the code").count(), 1, "{shown}");
    let asked = cloud.requests();
    let codes = asked.iter().filter(|request| request.path.ends_with("/devicecode"));
    assert_eq!(codes.count(), 1);
    // Neither the refresh token nor an access token is on the disk: both are JWTs.
    assert!(!holds(&program.path(".shipway"), "eyJ0eXAi"));
}

/// Whether a file below a folder has this text.
fn holds(folder: &Path, text: &str) -> bool {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return holds(&path, text);
        }
        let content = fs::read(&path).unwrap_or_default();
        content.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn sign_in_that_is_declined_ends_the_run_before_anything_is_done() {
    let folder = state();
    let (cloud, program) = scene(folder.path());
    let mut terminal = Terminal::start(&program, &["run"]);
    let code = code(&mut terminal);

    enter(&cloud, PAGE, &code, "decline");

    let (shown, exit) = terminal.end();
    assert_eq!(exit, Some(3), "{shown}");
    for line in [
        "cannot sign in to Azure with a device code",
        "the sign-in was declined in the browser",
        "help: run the command again and agree in the browser, or sign in with `az login`",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}
