//! `action.yml`, and the program as its last step.

use crate::support::Program;
use serde_json::Value;
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
        let expected = match name.as_str() {
            // The step runs there.
            "working-directory" => {
                assert_eq!(last["working-directory"], "${{ inputs.working-directory }}");
                continue;
            }
            name => format!("${{{{ inputs.{name} }}}}"),
        };
        assert_eq!(last["env"][&variable], expected, "{variable}");
    }
    for step in steps {
        let script = step["run"].as_str().expect("a script");
        assert!(!script.contains("${{"), "text of others in a script: {script}");
    }
    assert!(last["run"].as_str().expect("a script").contains("exec "), "signals reach it");
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
        ]
    );
    for (name, output) in outputs {
        assert_eq!(output["value"], format!("${{{{ steps.run.outputs.{name} }}}}"));
    }
}

#[test]
fn commands_of_the_action_exist() {
    let (_, action) = action();
    let described = action["inputs"]["command"]["description"].as_str().expect("text");
    let commands: Vec<&str> = described.split('`').skip(1).step_by(2).collect();
    let program = Program::with_plan("name: nothing\nsteps: [{ run: 'true' }]\n");
    for command in commands {
        let program = program.command(&["action"]).env("INPUT_COMMAND", command).output();
        let output = program.expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
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
}
