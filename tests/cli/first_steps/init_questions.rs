//! What `init` asks for in a terminal.

use crate::support::Program;
use crate::support::terminal::Terminal;
use std::fs;

/// A folder whose Dockerfile names no port, without settings of `az`.
fn folder() -> Program {
    Program::new()
        .env("AZURE_CONFIG_DIR", "nowhere")
        .env("NO_COLOR", "1")
        .file("shop/Dockerfile", "FROM scratch\nCOPY shop /shop\nENTRYPOINT [\"/shop\"]\n")
        .file("shop/shop", "")
}

/// Shows a question, which is all that was shown since the answer before.
#[track_caller]
fn asks(terminal: &mut Terminal, question: &str) {
    let before = terminal.wait_for(question);
    assert_eq!(before.trim(), "");
}

/// Types a line, which the terminal shows.
#[track_caller]
fn answer(terminal: &mut Terminal, text: &str) {
    terminal.press(&format!("{text}\r"));
    terminal.wait_for(&format!("{text}\r\n"));
}

/// The files of the folder.
fn files(program: &Program) -> Vec<String> {
    let entries = fs::read_dir(program.path("shop")).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn plan(program: &Program) -> String {
    program.run(&["check", "shop/shipway.yml"]).exits(0);
    fs::read_to_string(program.path("shop/shipway.yml")).expect("a plan")
}

#[test]
fn answers_are_in_the_plan() {
    let program = folder();
    let mut terminal = program.in_terminal(&["init", "shop"]);

    asks(&mut terminal, "Registry to push to [shopregistry.azurecr.io]: ");
    answer(&mut terminal, "mall.azurecr.io");
    asks(&mut terminal, "Resource group to deploy to [shop]: ");
    answer(&mut terminal, "mall");
    asks(&mut terminal, "Region to deploy to [westeurope]: ");
    answer(&mut terminal, "northeurope");
    asks(&mut terminal, "Port that `shop` listens on [8080]: ");
    answer(&mut terminal, "http");
    asks(&mut terminal, "`http` is not a port: a number from 1 to 65535\r\n");
    asks(&mut terminal, "Port that `shop` listens on [8080]: ");
    answer(&mut terminal, "3000");
    let rest = terminal.rest(0);

    assert!(rest.starts_with("wrote shipway.yml: the plan\r\n"), "{rest}");
    // All was asked for.
    assert!(!rest.contains("these were not asked for"), "{rest}");
    let plan = plan(&program);
    for part in [
        "  resource-group: mall\n  location: northeurope\n",
        "  mall.azurecr.io:\n",
        "      image: mall.azurecr.io/shop\n",
        "        ports: [3000]\n",
    ] {
        assert!(plan.contains(part), "no `{part}` in\n{plan}");
    }
}

#[test]
fn empty_answers_are_the_defaults() {
    let program = folder();
    let mut terminal = program.in_terminal(&["init", "shop", "--location", "northeurope"]);
    // What an option says is not asked for.
    for question in ["Registry to push", "Resource group to deploy to", "Port that"] {
        terminal.wait_for(question);
        terminal.wait_for("]: ");
        terminal.press("\r");
    }
    let rest = terminal.rest(0);
    assert!(!rest.contains("Region"), "{rest}");

    let asked = plan(&program);
    let silent = folder();
    silent.run(&["init", "shop", "--location", "northeurope", "--yes"]).exits(0);
    assert_eq!(asked, plan(&silent));
}

#[test]
fn end_of_input_takes_the_defaults_that_it_names() {
    let program = folder();
    let mut terminal = program.in_terminal(&["init", "shop"]);
    terminal.wait_for("Registry to push to [shopregistry.azurecr.io]: ");
    answer(&mut terminal, "mall.azurecr.io");
    terminal.wait_for("Resource group to deploy to [shop]: ");
    terminal.press("\u{4}");
    let rest = terminal.rest(0).replace("\r\n", "\n");
    assert!(rest.starts_with("\nwrote shipway.yml: the plan\n"), "{rest}");
    let note = "note: these were not asked for, and can be changed in the plan: --resource-group shop \
                --location westeurope --port 8080\n";
    assert!(rest.contains(note), "{rest}");
}

#[test]
fn interrupt_leaves_nothing() {
    let program = folder();
    for questions in 1..=4 {
        let mut terminal = program.in_terminal(&["init", "shop"]);
        for _ in 1..questions {
            terminal.wait_for("]: ");
            terminal.press("\r");
        }
        terminal.wait_for("]: ");
        terminal.press("\u{3}");
        terminal.wait_for("^C");
        terminal.exits(130);
        assert_eq!(files(&program), ["Dockerfile", "shop"], "at question {questions}");
    }
    program.run(&["init", "shop"]).exits(0);
}

#[test]
fn name_that_cannot_be_is_refused_before_anything_is_written() {
    let program = folder();
    let mut terminal = program.in_terminal(&["init", "shop"]);
    terminal.wait_for("Registry to push to [shopregistry.azurecr.io]: ");
    terminal.press("\r");
    terminal.wait_for("Resource group to deploy to [shop]: ");
    answer(&mut terminal, "Not/A Group");
    for _ in 0..2 {
        terminal.wait_for("]: ");
        terminal.press("\r");
    }
    let rest = terminal.rest(2).replace("\r\n", "\n");
    assert!(rest.contains("error[bad-value]: "), "{rest}");
    assert!(
        rest.ends_with(
            "error: cannot write the plan: it would have the mistakes above\n  help: change what was \
             given: `--name`, `--registry`, `--resource-group`, `--location`\n"
        ),
        "{rest}"
    );
    assert_eq!(files(&program), ["Dockerfile", "shop"]);
}

#[test]
fn registry_that_cannot_be_is_asked_for_again() {
    let program = folder();
    let mut terminal = program.in_terminal(&["init", "shop"]);
    terminal.wait_for("Registry to push to [shopregistry.azurecr.io]: ");
    answer(&mut terminal, "Not A Registry");
    terminal.wait_for(
        "`Not A Registry` is not the host of a registry: such as `shopregistry.azurecr.io` or \
         `ghcr.io`\r\nRegistry to push to [shopregistry.azurecr.io]: ",
    );
    for _ in 0..4 {
        terminal.press("\r");
        terminal.wait_for("");
    }
    terminal.exits(0);
}
