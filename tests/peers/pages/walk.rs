//! Runs the commands of a page in one shell.

use super::comparison::difference;
use super::page::{DocumentedCommand, Page};
use crate::peer::busybox;
use crate::peer::programs::python;
use crate::support::Program;
use crate::support::path::without_engines;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

/// What is done before a command of the page, which the page does not show.
pub struct Before {
    pub command: &'static str,
    pub script: &'static str,
}

/// A page, and what it needs beside its own commands.
#[derive(Default)]
pub struct Walk {
    pub page: &'static str,
    /// `shipway.yml`; the first plan of the page unless given.
    pub plan: Option<String>,
    /// The options of `shipway local`, whose variables the commands then have.
    pub cloud: Option<&'static str>,
    /// What is done first, in the folder `shop`.
    pub setup: &'static str,
    pub before: &'static [Before],
}

/// The plan where any does.
pub const SMALL_PLAN: &str = "name: shop
azure: { resource-group: shop, location: westeurope }
steps:
  - build: web
  - tag: demo.azurecr.io/web:v1
  - push:
  - deploy: { aci: { dns-label: shop-live, ports: [80] } }
";

/// The image of the pages: a folder with a Dockerfile of a web server, and a git repository.
/// Beside the folder are the layout of an image, `seed`, and the plans of the page.
const SETUP: &str = r#"
exec 2>&1
image() {
  mkdir -p "$1/bin" "$1/www"
  cp /bin/busybox "$1/bin/busybox"
  for name in sh ls cat stty sed base64 echo printf sleep; do ln -sf busybox "$1/bin/$name"; done
  printf '#!/bin/sh\ncat\n' >"$1/bin/psql"
  chmod 755 "$1/bin/psql"
  echo hello >"$1/www/index.html"
  printf '%s\n' 'FROM scratch' 'ENV PATH=/bin' 'COPY bin /bin' 'COPY www /www' "EXPOSE ${2:-80}" \
    "CMD [\"/bin/busybox\", \"httpd\", \"-f\", \"-v\", \"-p\", \"${2:-80}\", \"-h\", \"/www\"]" \
    >"$1/Dockerfile"
}
commit() { git add . && git commit --quiet --allow-empty --message "$1"; }
"#;

/// Separates the output of one command from that of the next.
const MARK: char = '\u{1e}';

/// Longer than any page takes on a machine that does other work too.
const MAX_SECONDS: &str = "300";

impl Walk {
    /// Runs the page, and fails with everything that differs from it.
    #[track_caller]
    pub fn succeeds(&self) {
        let page = Page::read(self.page);
        let program = self.prepared(&page);
        let mut command = Command::new("timeout");
        // The environment of the program, in its folder.
        let prepared = program.command(&[]);
        let variables = prepared.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.args([MAX_SECONDS, "bash", "-c", &self.script(&page)]);
        command.env_clear().envs(variables).current_dir(program.path("shop"));
        let output = command.stdin(std::process::Stdio::null()).output().expect("a shell");
        // It is up where the page has failed.
        program.run_in("shop", &["local", "stop"]);

        let folder = program.path("shop").display().to_string();
        let printed = String::from_utf8_lossy(&output.stdout).replace(&folder, "/home/ada/shop");
        let mut wrong = Vec::new();
        for (number, command) in page.commands.iter().enumerate() {
            wrong.extend(mistake(number, command, &printed));
        }
        let first = printed.split(MARK).next().unwrap_or_default();
        assert!(wrong.is_empty(), "{}\nbefore that:\n{first}", wrong.join("\n\n"));
        assert!(!page.commands.is_empty(), "{} has no command", self.page);
    }

    fn prepared(&self, page: &Page) -> Program {
        let bin = "bin";
        let program = Program::new();
        for folder in [bin, "shop"] {
            fs::create_dir(program.path(folder)).expect("a folder");
        }
        without_engines(&program.path(bin));
        let own = program.path(bin).join("shipway");
        symlink(env!("CARGO_BIN_EXE_shipway"), own).expect("a link");
        busybox::layout(&program.path("seed"), &json!({ "Cmd": ["/bin/sh"] }));
        for (number, plan) in page.plans.iter().enumerate() {
            fs::write(program.path(&format!("plan-{}.yml", number + 1)), plan).expect("a plan");
        }
        let first = self.plan.as_ref().or(page.plans.first()).expect("a plan");
        let az = python("az");
        let az = az.parent().expect("a folder").display();
        let path = format!("{}:{az}", program.path(bin).display());
        let program = program.file("shop/shipway.yml", first).env("PATH", &path);
        ["AUTHOR", "COMMITTER"].iter().fold(program, |program, role| {
            program
                .env(&format!("GIT_{role}_NAME"), "ada")
                .env(&format!("GIT_{role}_EMAIL"), "ada@example.com")
        })
    }

    fn script(&self, page: &Page) -> String {
        let mut script = format!("{SETUP}\n{}\n", self.setup);
        if let Some(options) = self.cloud {
            writeln!(script, "eval \"$(shipway local --detach {options})\" || exit 9")
                .expect("a text");
        }
        let mut before: Vec<&Before> = self.before.iter().collect();
        for (number, command) in page.commands.iter().enumerate() {
            if let Some(at) = before.iter().position(|one| one.command == command.typed) {
                writeln!(script, "{} || exit 8", braced(before.remove(at).script)).expect("a text");
            }
            let typed = &command.typed;
            writeln!(script, "printf '{MARK}{number}\\n'\n{typed}\nprintf '{MARK}= %s\\n' $?")
                .expect("a text");
        }
        let rest: Vec<&str> = before.iter().map(|one| one.command).collect();
        assert!(rest.is_empty(), "{} lacks the commands {rest:?}", self.page);
        script
    }
}

/// In the shell itself, so that variables and functions stay.
fn braced(script: &str) -> String {
    format!("{{\n{script}\n}}")
}

/// What is wrong with a command: its exit code, or what it printed.
fn mistake(number: usize, command: &DocumentedCommand, printed: &str) -> Option<String> {
    let typed = &command.typed;
    let after = printed.split_once(&format!("{MARK}{number}\n")).map(|(_, after)| after);
    let done = after.and_then(|after| after.split_once(&format!("{MARK}= ")));
    let Some((said, rest)) = done.filter(|(said, _)| !said.contains(MARK)) else {
        let said = after.unwrap_or_default();
        return Some(format!("`{typed}` was not run to its end:\n{said}"));
    };
    let code = rest.lines().next().unwrap_or_default();
    let is_refused = command.shown.iter().any(|line| line.starts_with("error: "));
    if (code == "0") == is_refused {
        return Some(format!("`{typed}` has the exit code {code}:\n{said}"));
    }
    difference(command, said).map(|difference| format!("`{typed}`: {difference}"))
}
