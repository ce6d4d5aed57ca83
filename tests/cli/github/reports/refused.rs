//! A run that is refused replaces the check mark of an earlier one.

use super::{PLAN, Workflow, annotations};
use serde_json::{Value, json};
use std::fs;

#[test]
fn missing_secret_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new(PLAN);
    let set = Workflow { program: workflow.program.env("THE_TOKEN", "hunter22"), ..workflow };
    set.run(&[]).exits(0);
    assert!(set.comment().contains("### shop: ✅ succeeded\n"), "{}", set.comment());
    assert_eq!(set.status(), "shipway/shop success: shop succeeded");

    let unset = Workflow { program: set.program.env("THE_TOKEN", ""), ..set };
    let finished = unset.run(&[]).exits(3);
    assert_eq!(
        unset.comment(),
        "<!-- shipway key=shop// -->
### shop: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

```text
cannot find the secret `token`: `THE_TOKEN` is empty
```

**What to do:** a local cloud has placeholders for the secrets of vaults alone: set this one with `export THE_TOKEN=placeholder`
"
    );
    assert_eq!(
        unset.status(),
        "shipway/shop failure: nothing was changed: cannot find the secret `token`: `THE_TOKEN` is empty"
    );
    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run::cannot find the secret `token`: `THE_TOKEN` is empty%0Ahelp: a local cloud has placeholders for the secrets of vaults alone: set this one with `export THE_TOKEN=placeholder`"
        ]
    );
    let summary = fs::read_to_string(unset.program.path("summary")).expect("a summary");
    assert!(summary.starts_with("### shop: ❌ failed, nothing was changed\n"), "{summary}");
    assert_eq!(unset.output("status"), "failed");
    let result = fs::read_to_string(unset.output("result")).expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!((&result["status"], &result["exit-code"]), (&json!("failed"), &json!(3)));
    assert_eq!(
        result["refusals"][0]["chain"][0],
        "cannot find the secret `token`: `THE_TOKEN` is empty"
    );
}

#[test]
fn mistake_in_the_plan_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new(&PLAN.replace("THE_TOKEN", "HOME"));
    workflow.run(&[]).exits(0);
    let wrong = PLAN.replace("run:", "rum:");
    let finished = workflow.plan(&wrong).run(&[]).exits(2);

    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run,file=shipway.yml,line=5,col=5::a step has no key `rum`%0Ahelp: did you mean `run`?",
        ]
    );
    assert_eq!(
        workflow.comment(),
        "<!-- shipway key=shop// -->
### shop: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

**`shipway.yml:5:5`**

```text
a step has no key `rum`
```

<details><summary>Details</summary>

```text
error[unknown-key]: a step has no key `rum`
 --> shipway.yml:5:5
  |
5 |   - rum: 'true'
  |     ^^^
  |
  = help: did you mean `run`?
```

</details>

**What to do:** did you mean `run`?
"
    );
    assert_eq!(
        workflow.status(),
        "shipway/shop failure: nothing was changed: a step has no key `rum`"
    );
    assert_eq!(workflow.output("status"), "failed");
    let result = fs::read_to_string(workflow.output("result")).expect("a result");
    let result: Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!(result["refusals"][0]["place"]["line"], 5);
}

#[test]
fn comment_that_cannot_be_found_without_plan_or_environment_is_named() {
    let workflow = Workflow::new("name: ${{ shop\nsteps: [\n");
    let finished = workflow.run(&[]).exits(2);
    assert_eq!(
        annotations(&finished),
        [
            "::warning::the comment was not made: the plan cannot be read, so it is not known which comment is its own",
            "::error title=shipway.yml was not run,file=shipway.yml,line=2,col=8::`[` is not closed%0Ahelp: put `]` where the list ends",
        ]
    );
    assert_eq!(workflow.output("status"), "failed");

    let broken = "name: shop\nenvironments: { live: { iff: 'true' } }\nsteps: [{ run: 'true' }]\n";
    let finished = workflow.plan(broken).run(&[]).exits(2);
    let warning = "::warning::the comment was not made: no environment could be chosen, so it is not known which comment is its own";
    assert_eq!(annotations(&finished)[0], warning);

    workflow.plan("name: shop\nenvironments: { live: { if: 'true' } }\nsteps: [{ run: 'true' }]\n");
    let finished = workflow.run(&["--env", "life"]).exits(2);
    assert_eq!(
        annotations(&finished),
        [
            "::warning::the comment was not made: no environment could be chosen, so it is not known which comment is its own",
            "::error title=shop was not run::there is no environment `life`%0Ahelp: did you mean `live`?",
        ]
    );
}

#[test]
fn comment_of_a_plan_with_an_error_of_syntax_is_found_by_the_name_in_its_text() {
    let plan = "name: 'shop' # sells\nsteps: [{ run: 'true' }]\n";
    let workflow = Workflow::new(plan);
    workflow.run(&[]).exits(0);
    assert!(workflow.comment().contains("### shop: ✅ succeeded\n"), "{}", workflow.comment());

    let finished = workflow.plan(&format!("{plan}more: [\n")).run(&[]).exits(2);

    let comment = workflow.comment();
    let heading = "<!-- shipway key=shop// -->\n### shop: ❌ failed, nothing was changed\n";
    assert!(comment.starts_with(heading), "{comment}");
    assert_eq!(
        annotations(&finished),
        [
            "::error title=shop was not run,file=shipway.yml,line=3,col=7::`[` is not closed%0Ahelp: put `]` where the list ends",
        ]
    );
}

#[test]
fn wrong_command_line_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new("name: shop\nsteps: [{ run: 'true' }]\n");
    workflow.run(&[]).exits(0);
    let finished = workflow.run(&["--form", "run"]).exits(2);
    assert_eq!(
        annotations(&finished),
        ["::error title=shop was not run::unexpected argument '--form' found"]
    );
    assert_eq!(
        workflow.comment(),
        "<!-- shipway key=shop// -->
### shop: ❌ failed, nothing was changed

What an earlier run deployed is as it was.

```text
unexpected argument '--form' found
```
"
    );
    assert_eq!(workflow.output("status"), "failed");
}

#[test]
fn secret_that_was_not_read_yet_is_masked_in_the_report_of_a_refused_run() {
    let workflow = Workflow::new(PLAN);
    let program = workflow.program.env("THE_TOKEN", "hunter22");
    let workflow = Workflow { program, ..workflow };
    let finished = workflow.run(&["--until", "hunter22"]).exits(2);
    assert!(
        workflow.comment().contains("`--until ***`: there is no such step"),
        "{}",
        workflow.comment()
    );
    assert!(!annotations(&finished).concat().contains("hunter22"), "{finished:?}");
    let summary = fs::read_to_string(workflow.program.path("summary")).expect("a summary");
    assert!(!summary.contains("hunter22"), "{summary}");
}

#[test]
fn refused_run_reports_to_the_repository_of_the_local_cloud_wherever_it_is_checked_out() {
    let workflow = Workflow::new(&PLAN.replace("THE_TOKEN", "HOME"));
    let elsewhere = Workflow { program: workflow.program.env("GITHUB_REPOSITORY", ""), ..workflow };
    let finished = elsewhere.plan(&PLAN.replace("run:", "rum:")).run(&[]).exits(2);

    assert!(!finished.stderr.contains("has no repository"), "{}", finished.stderr);
    let comment = elsewhere.comment();
    assert!(comment.contains("### shop: ❌ failed, nothing was changed\n"), "{comment}");
}

/// Of the action, whose inputs are variables.
#[test]
fn wrong_input_of_a_command_that_is_no_run_leaves_the_check_mark_of_a_run() {
    let mut workflow =
        Workflow::new("name: shop\nreport: [comment, status]\nsteps: [{ run: 'true' }]\n");
    workflow.run(&[]).exits(0);
    let before = (workflow.comment(), workflow.status());
    let inputs = [
        [("INPUT_COMMAND", "check"), ("INPUT_DENY", "nothing"), ("INPUT_CLOUD", "")],
        [("INPUT_COMMAND", "matrix"), ("INPUT_JOBS", "0"), ("INPUT_CLOUD", "")],
        [("INPUT_COMMAND", "run"), ("INPUT_KEEP_GOING", "maybe"), ("INPUT_NO_REPORT", "True")],
    ];
    for inputs in inputs {
        for (name, value) in inputs {
            workflow.program = workflow.program.env(name, value);
        }
        let finished = workflow.program.run(&["action"]).exits(2);
        assert!(finished.stdout.contains("::error title="), "{finished:?}");
        assert_eq!((workflow.comment(), workflow.status()), before, "{inputs:?}");
    }
}

#[test]
fn saved_plan_that_cannot_be_read_replaces_the_check_mark_of_an_earlier_run() {
    let workflow = Workflow::new("name: shop\nsteps: [{ run: 'true' }]\n");
    workflow.run(&[]).exits(0);
    workflow.run(&["--plan", "gone.json"]).exits(2);
    let comment = workflow.comment();
    assert!(comment.contains("### shop: ❌ failed, nothing was changed\n"), "{comment}");
    assert!(comment.contains("cannot read the saved plan `gone.json`\n"), "{comment}");
    assert_eq!(workflow.output("status"), "failed");
}
