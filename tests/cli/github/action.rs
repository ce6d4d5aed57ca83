//! `action.yml`, and the program as its last step.

use crate::support::Program;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `action.yml`, text and tree.
fn action() -> (String, Value) {
    let text = fs::read_to_string(repository().join("action.yml")).expect("action.yml");
    let tree = serde_yaml::from_str(&text).expect("YAML");
    (text, tree)
}

#[test]
fn inputs_reach_the_program_as_variables_and_never_in_a_script() {
    let (_, action) = action();
    let steps = action["runs"]["steps"].as_array().expect("steps");
    let last = steps.last().expect("a step");
    for name in action["inputs"].as_object().expect("inputs").keys() {
        let variable = format!("INPUT_{}", name.replace('-', "_").to_uppercase());
        let expected = format!("${{{{ inputs.{name} }}}}");
        match name.as_str() {
            "working-directory" => assert_eq!(last["working-directory"], expected),
            "install" => assert_eq!(steps[0]["env"]["SHIPWAY_INSTALL"], expected),
            _ => assert_eq!(last["env"][&variable], expected, "{variable}"),
        }
    }
    for step in steps {
        let script = step["run"].as_str().expect("a script");
        assert!(!script.contains("${{"), "text of others in a script: {script}");
        // GitHub signals the process of the step alone.
        let end = script.lines().last().expect("a line");
        assert!(end.starts_with("exec "), "signals do not reach it: {script}");
    }
}

#[test]
fn outputs_come_from_the_program() {
    let (_, action) = action();
    let outputs = action["outputs"].as_object().expect("outputs");
    assert_eq!(
        outputs.keys().collect::<Vec<_>>(),
        [
            "status",
            "url",
            "urls",
            "fqdn",
            "image",
            "digest",
            "tags",
            "comment-id",
            "deployment-id",
            "services",
            "result",
            "matrix",
            "any",
            "program",
        ]
    );
    for (name, output) in outputs {
        let step = if name == "program" { "install" } else { "run" };
        assert_eq!(output["value"], format!("${{{{ steps.{step}.outputs.{name} }}}}"));
    }
}

#[test]
fn commands_of_the_action_exist() {
    let (_, action) = action();
    let described = action["inputs"]["command"]["description"].as_str().expect("text");
    let commands: Vec<&str> = described.split('`').skip(1).step_by(2).collect();
    let program = Program::with_plan("name: nothing\nsteps: [{ run: 'true' }]\n");
    let said = program.env("INPUT_COMMAND", "nothing").run(&["action"]).exits(2).stderr;
    let known = said.lines().find(|line| line.starts_with("  help")).expect("a remedy");
    assert_eq!(commands, known.split('`').skip(1).step_by(2).collect::<Vec<_>>());
}

/// A table of the page, made of `action.yml`.
fn table(heading: &str, section: &Value) -> String {
    let with_default = heading == "input";
    let mut text = if with_default {
        "| input | is | default |\n|---|---|---|\n".to_owned()
    } else {
        "| output | is |\n|---|---|\n".to_owned()
    };
    for (name, one) in section.as_object().expect("a mapping") {
        let description = one["description"].as_str().expect("a description");
        let description = description.trim_end_matches('.').replace('|', "\\|");
        let default = match one["default"].as_str() {
            Some("") => " |".to_owned(),
            Some(default) => format!(" `{default}` |"),
            None => String::new(),
        };
        writeln!(text, "| `{name}` | {description} |{default}").expect("text");
    }
    text
}

/// `UPDATE_DOCS=1` rewrites the tables of the page.
#[test]
fn page_has_the_inputs_and_outputs_of_the_action() {
    let (_, action) = action();
    let path = repository().join("docs/github-actions.md");
    let mut page = fs::read_to_string(&path).expect("the page");
    for (heading, section) in [("input", "inputs"), ("output", "outputs")] {
        let begin = page.find(&format!("| {heading} | is |")).expect("the table");
        let end = page[begin..].find("\n\n").map_or(page.len(), |length| begin + length + 1);
        let expected = table(heading, &action[section]);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            page.replace_range(begin..end, &expected);
        } else {
            assert_eq!(&page[begin..end], expected, "`UPDATE_DOCS=1` updates the page");
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, page).expect("written");
    }
}

/// The text of the outputs that the action has written.
fn outputs(plan: &str, inputs: &[(&str, &str)], code: i32) -> String {
    let program = Program::with_plan(plan).file("output", "").env("GITHUB_OUTPUT", "output");
    let program = inputs.iter().fold(program, |program, (name, value)| program.env(name, value));
    program.run(&["action"]).exits(code);
    fs::read_to_string(program.path("output")).expect("outputs")
}

#[test]
fn mistakes_are_shown_in_the_file_as_the_repository_names_it() {
    let program = Program::new().file("services/web/shipway.yml", "name: a\nsteps: [{ rum: x }]\n");
    let root = program.folder().display().to_string();
    let program = program.env("GITHUB_WORKSPACE", &root).env("INPUT_COMMAND", "check");
    let mut command = program.command(&["action"]);
    let ran = command.current_dir(program.path("services/web")).output().expect("it starts");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(stdout.starts_with("::error file=services/web/shipway.yml,line=2,"), "{stdout}");
}

#[test]
fn every_command_and_every_refusal_sets_the_status() {
    let good = "name: a\nsteps: [{ run: 'true' }]\n";
    let bad = "name: a\nsteps: [{ rum: 'true' }]\n";
    let has = |text: &str, status: &str| {
        let mut lines = text.lines();
        lines.find(|line| line.starts_with("status<<")).expect("a status");
        assert_eq!(lines.next(), Some(status), "{text}");
    };
    has(&outputs(good, &[("INPUT_COMMAND", "check")], 0), "succeeded");
    has(&outputs(bad, &[("INPUT_COMMAND", "check")], 2), "failed");
    has(&outputs(bad, &[], 2), "failed");
    has(&outputs(good, &[("INPUT_PR", "seven")], 2), "failed");
    has(&outputs(good, &[("INPUT_COMMAND", "deploy")], 2), "failed");
    has(&outputs(good, &[("INPUT_COMMAND", "check"), ("INPUT_PR", "seven")], 2), "failed");
    has(&outputs(good, &[("INPUT_SAVED_PLAN", "gone.json")], 2), "failed");
    has(&outputs(good, &[("INPUT_COMMAND", "report")], 2), "failed");
}
