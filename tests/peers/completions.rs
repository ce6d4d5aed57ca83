//! zsh and fish run the scripts of `shipway completions`, and complete names of the plan.

use crate::support::Program;
use crate::support::terminal::Terminal;
use std::path::Path;
use std::process::Command;

const PLAN: &str = "name: shop
environments:
  production: { if: github.ref == 'refs/heads/main', protected: true }
  preview: { vars: { days: 2 } }
services:
  web:
    steps: [{ run: make }, { run: make test }]
  worker:
    steps: [{ id: compile, run: make }]
";

/// A folder with the plan, in which a shell finds `shipway`.
fn program() -> Program {
    let own = Path::new(env!("CARGO_BIN_EXE_shipway")).parent().expect("a folder").display();
    let path = std::env::var("PATH").expect("a PATH");
    let program = Program::with_plan(PLAN).file("web/a", "");
    let home = program.folder().display().to_string();
    program.env("PATH", &format!("{own}:{path}")).env("HOME", &home).env("TERM", "dumb")
}

/// An interactive zsh that has run this, and waits for a line.
fn zsh(program: &Program, setup: &str) -> Terminal {
    let mut terminal = program.other_in_terminal("zsh", &["-f", "-i"]);
    terminal.wait_for("# ");
    // The quotes tell what is shown from what is typed.
    terminal.press(&format!("{setup}; echo rea''dy\r"));
    terminal.wait_for("ready\r\n");
    terminal.wait_for("# ");
    terminal
}

/// Types the beginning of a line and a tab, after which it has this added.
#[track_caller]
fn completes(terminal: &mut Terminal, line: &str, added: &str) {
    terminal.press(&format!("{line}\t"));
    terminal.wait_for(&format!("{line}{added}"));
    // Ctrl-U takes the line away.
    terminal.press("\u{15}");
}

fn complete_in_zsh(program: &Program, setup: &str) {
    let mut terminal = zsh(program, setup);
    completes(&mut terminal, "shipway run --from wor", "ker.compile ");
    // `web.run` is the beginning of `web.run-2`.
    completes(&mut terminal, "shipway run --from web.", "run");
    completes(&mut terminal, "shipway logs wo", "rker ");
    completes(&mut terminal, "shipway run --env pre", "view ");
    completes(&mut terminal, "shipway run --env=pro", "duction ");
    completes(&mut terminal, "shipway dry", "-run ");
    completes(&mut terminal, "shipway check ship", "way.yml ");
    // Several are listed with their meaning.
    terminal.press("shipway logs w\t");
    terminal.wait_for("-- service of the plan");
    terminal.press("\u{15}exit 7\r");
    terminal.exits(7);
}

#[test]
fn zsh_completes_by_the_script_that_it_sources() {
    let setup = "autoload -Uz compinit; compinit -D -u; source <(shipway completions zsh)";
    complete_in_zsh(&program(), setup);
}

#[test]
fn zsh_completes_by_the_script_in_a_folder_of_its_path() {
    let program = program();
    let script = program.run(&["completions", "zsh"]).exits(0).stdout;
    let program = program.file(".zfunc/_shipway", &script);
    complete_in_zsh(&program, "fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit -D -u");
}

/// What fish offers for a line, each with its meaning.
#[track_caller]
fn offered(program: &Program, line: &str) -> Vec<String> {
    let usual = program.command(&[]);
    let output = Command::new("fish")
        .args(["--command", "complete -C \"$argv[1]\"", line])
        .current_dir(program.folder())
        .env_clear()
        .envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .expect("fish is installed");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn fish_completes_by_the_script_in_its_folder() {
    let program = program();
    let script = program.run(&["completions", "fish"]).exits(0).stdout;
    let program = program.file(".config/fish/completions/shipway.fish", &script);
    assert_eq!(
        offered(&program, "shipway run --from "),
        ["web.run\trun step", "web.run-2\trun step", "worker.compile\trun step"]
    );
    assert_eq!(offered(&program, "shipway logs wo"), ["worker\tservice of the plan"]);
    assert_eq!(
        offered(&program, "shipway run --env p"),
        ["preview\tenvironment of the plan", "production\tenvironment of the plan"]
    );
    assert_eq!(
        offered(&program, "shipway run --env=pre"),
        ["--env=preview\tenvironment of the plan"]
    );
    assert_eq!(offered(&program, "shipway check ship"), ["shipway.yml"]);
    assert_eq!(offered(&program, "shipway run --state-dir we"), ["web/\tDirectory"]);
}
