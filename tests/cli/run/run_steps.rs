//! `shipway run` with `run` steps: output, exit codes, secrets.

use crate::support::Program;
use std::fs;
use std::path::Path;

#[test]
fn outputs_pass_from_step_to_step() {
    let program = Program::with_plan(
        "name: outputs
steps:
  - id: first
    run: printf 'greeting=hello\\n' >> \"$SHIPWAY_OUTPUT\"
  - run: [sh, -c, 'echo \"$GREETING\" > said']
    env: { GREETING: '${{ steps.first.outputs.greeting }} you' }
",
    );
    let finished = program.run(&["run"]).exits(0);

    assert_eq!(finished.stdout, "");
    assert_eq!(fs::read_to_string(program.path("said")).expect("it ran"), "hello you\n");
}

#[test]
fn failed_step_exits_with_4_and_skips_later_steps() {
    let program = Program::with_plan(
        "name: failing
steps:
  - run: exit 7
  - run: touch never
  - run: touch always
    if: always()
",
    );
    let finished = program.run(&["run"]).exits(4);

    assert!(finished.stderr.contains("the script ended with exit code 7"), "{}", finished.stderr);
    assert!(!program.path("never").exists());
    assert!(program.path("always").exists());
}

#[test]
fn failed_script_shows_its_last_lines_in_the_order_of_writing() {
    let program = Program::with_plan(
        "name: noisy
steps:
  - run: for i in 1 2 3; do echo out$i; echo err$i >&2; done; exit 1
",
    );
    program.run(&["run"]).exits(4).says_in_order(&[
        "\nrun  failed  (",
        "\n    the script ended with exit code 1\n    \
         | out1\n    | err1\n    | out2\n    | err2\n    | out3\n    | err3\n",
    ]);

    let finished = program.run(&["run", "--output", "json"]).exits(4);
    let end: serde_json::Value =
        serde_json::from_str(finished.stdout.lines().last().expect("the end")).expect("JSON");
    assert_eq!(
        end["services"][0]["failure"]["failure"]["details"],
        serde_json::json!(["out1", "err1", "out2", "err2", "out3", "err3"])
    );
}

#[test]
fn outputs_and_outcome_of_a_failed_step_are_there_for_steps_that_always_run() {
    let told = |tolerant: bool| {
        let program = Program::with_plan(&format!(
            "name: kept
steps:
  - id: test
    run: |
      echo found=7 >> \"$SHIPWAY_OUTPUT\"
      exit 3
    continue-on-error: {tolerant}
  - {{ id: lint, run: 'true', if: 'false' }}
  - run: [sh, -c, 'echo \"$FOUND $TEST $LINT\" > said']
    if: always()
    env:
      FOUND: '${{{{ steps.test.outputs.found }}}}'
      TEST: '${{{{ steps.test.outcome }}}} ${{{{ steps.test.conclusion }}}}'
      LINT: '${{{{ steps.lint.outcome }}}}'
  - run: touch tolerated
    if: steps.test.outcome == 'failure' && steps.test.conclusion == 'success'
"
        ));
        program.run(&["run"]).exits(if tolerant { 0 } else { 4 });
        assert_eq!(program.path("tolerated").exists(), tolerant);
        fs::read_to_string(program.path("said")).expect("it ran")
    };

    assert_eq!(told(false), "7 failure failure skipped\n");
    assert_eq!(told(true), "7 failure success skipped\n");
}

#[test]
fn a_tolerated_timeout_fails_neither_the_run_nor_its_service() {
    let program = Program::with_plan(
        "name: tolerant
steps:
  - run: |
      echo waiting for the database
      echo host=db >> \"$SHIPWAY_OUTPUT\"
      sleep 60
    timeout: 1s
    continue-on-error: true
  - run: touch later
",
    );
    let finished = program.run(&["run", "--output", "json"]).exits(0);

    assert!(program.path("later").exists());
    let events = finished.stdout.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is an event")
    });
    let events: Vec<serde_json::Value> = events.collect();
    let step = events.iter().find(|event| event["event"] == "step-finished").expect("the step");
    let failure = &step["outcome"]["failure"];
    assert_eq!(failure["chain"], serde_json::json!(["it took longer than 1 s"]));
    assert_eq!(failure["details"], serde_json::json!(["waiting for the database"]));
    assert_eq!(step["outcome"]["is"], "timed-out");
    assert_eq!(step["outcome"]["limit"], 1.0);
    assert_eq!(step["outcome"]["tolerated"], true);
    assert_eq!(step["outputs"], serde_json::json!({ "host": "db" }));
    let end = events.last().expect("the end");
    assert_eq!(end["status"], "succeeded");
    assert_eq!(end["services"][0]["status"], "succeeded");
    assert_eq!(end["services"][0]["missing"], "run failed");
    assert_eq!(end["services"][0]["reason"], "it took longer than 1 s");
    assert_eq!(end["services"][0]["failure"], serde_json::Value::Null);
}

#[test]
fn missing_secret_is_found_before_any_effect() {
    let program = Program::with_plan(
        "name: secretive
secrets: { token: { env: NO_SUCH_TOKEN } }
steps:
  - run: touch changed
  - run: 'true'
    env: { TOKEN: '${{ secrets.token }}' }
",
    );
    let finished = program.run(&["run"]).exits(3);

    assert!(finished.stderr.contains("`NO_SUCH_TOKEN` is not set"), "{}", finished.stderr);
    assert!(!program.path("changed").exists());
}

#[test]
fn secret_appears_in_no_output_and_no_file() {
    let secret = "hunter2-and-\"more\"-than-that";
    let program = Program::with_plan(
        "name: leaky
secrets: { token: { env: THE_TOKEN } }
steps:
  - run: |
      echo \"plain: $TOKEN\"
      printf %s \"$TOKEN\" | base64
      printf %s \"x$TOKEN\" | base64
      for n in $(seq 8 20); do
        printf '%s' \"${TOKEN:0:n}\"; printf '%s\\n' \"${TOKEN:n}\"
      done
      printf '\"%s\"\\n' \"${TOKEN//\\\"/\\\\\\\"}\" >&2
      echo \"value=$TOKEN\" >> \"$SHIPWAY_OUTPUT\"
      exit 3
    env: { TOKEN: '${{ secrets.token }}' }
",
    )
    .env("THE_TOKEN", secret);
    let finished = program.run(&["run", "--output", "json"]).exits(4);

    let mut spellings = vec![secret.to_owned(), secret.replace('"', "\\\"")];
    spellings
        .extend(["aHVudGVyMi1hbmQt", "h1bnRlcjItYW5kLS", "odW50ZXIyLWFuZC"].map(str::to_owned));
    let mut texts = vec![finished.stdout.clone(), finished.stderr.clone()];
    gather(&program.path(".shipway"), &mut texts);
    for text in &texts {
        for spelling in &spellings {
            assert!(!text.contains(spelling.as_str()), "{spelling} in:\n{text}");
        }
    }
    assert!(finished.stderr.contains("plain: ***"), "{}", finished.stderr);
}

/// The text of every file under a folder.
fn gather(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            gather(&entry.path(), texts);
        } else {
            let bytes = fs::read(entry.path()).expect("a file");
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

#[test]
fn missing_plan_is_explained() {
    let finished = Program::new().run(&["check"]).exits(2);
    assert_eq!(
        finished.stderr,
        "error: cannot read the plan `shipway.yml`
  because: No such file or directory (os error 2)
  help: name the plan's file, as in `shipway check PLAN`, or write a first one with `shipway init`
"
    );
}

#[test]
fn outputs_that_are_no_file_any_more_are_refused_at_once() {
    for (make, why) in [
        ("mkfifo", "it is no file"),
        ("mkdir", "it is no file"),
        ("ln -s /dev/zero", "it is a symbolic link"),
        ("truncate --size 2M", "it has more than 1048576 bytes"),
    ] {
        let program = Program::with_plan(&format!(
            "name: replaced\nsteps: [{{ run: 'rm $SHIPWAY_OUTPUT; {make} $SHIPWAY_OUTPUT' }}]\n"
        ));
        program.run(&["run"]).exits(4).says_in_order(&[&format!(
            "\n    cannot read the outputs of the step\n      {why}\n    help: write the outputs to \
             the file in `SHIPWAY_OUTPUT`, and do not replace that file\n"
        )]);
    }
}

#[test]
fn a_secret_in_a_named_pipe_is_refused_at_once() {
    let program = Program::with_plan(
        "name: pipe
secrets: { token: { file: pipe } }
steps: [{ run: 'true', env: { TOKEN: '${{ secrets.token }}' } }]
",
    );
    let pipe = program.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let refused = program.run(&["run"]).exits(3);
    assert!(refused.stderr.contains("\n  because: it is no file\n"), "{}", refused.stderr);
}

#[test]
fn value_that_is_too_long_for_a_program_is_named_with_its_size() {
    let program = Program::with_plan(
        "name: long
steps:
  - { id: make, run: 'printf \"big=%0200000d\\n\" 7 >> $SHIPWAY_OUTPUT' }
  - { run: 'true', env: { BIG: '${{ steps.make.outputs.big }}' } }
",
    );
    program.run(&["run"]).exits(4).says_in_order(&[
        "\n    cannot start `bash`\n      the variable `BIG` has 200005 bytes, and Linux takes at \
         most 131072\n    help: write the value to a file, and give the program the path of the \
         file\n",
    ]);
}

#[test]
fn long_line_of_outputs_that_cannot_be_parsed_is_shortened_without_a_part_of_a_secret() {
    let program = Program::with_plan(
        "name: long
secrets: { token: { env: THE_TOKEN } }
steps:
  - run: printf '%070d%s%03000d' 7 \"$TOKEN\" 7 >> $SHIPWAY_OUTPUT
    env: { TOKEN: '${{ secrets.token }}' }
",
    );
    let finished = program.env("THE_TOKEN", "a-t0ken-that-is-long").run(&["run"]).exits(4);
    let zeros = "0".repeat(69);
    finished.says_in_order(&[&format!(
        "\n      line 1 of the outputs is neither `NAME=VALUE` nor `NAME<<DELIMITER`: \
         `{zeros}7***0000000… (3073 bytes)`\n"
    )]);
    assert!(!finished.stderr.contains("a-t0"), "{}", finished.stderr);
}
