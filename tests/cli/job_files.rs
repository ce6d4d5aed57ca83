//! Files of jobs: before and after, byte by byte.

use crate::support::Program;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const JOB: &str = r#"{
    "properties": {
        "nodeCount": 1,
        "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/out",
        "containerSettings": {
            "shmSize": "2g",
            "imageSourceRegistry": { "image": "FILL-IN-HERE" }
        },
        "$comment": "the rest of job's parameters"
    }
}
"#;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn plan(target: &str) -> String {
    format!(
        "name: train\nsecrets: {{ acr: {{ env: ACR_PASSWORD }} }}\nsteps:\n- deploy:\n    image: \
         demo.azurecr.io/train@{DIGEST}\n    {target}\n"
    )
}

/// A repository with the plan and the job, in a folder below that of the program.
fn repository(target: &str, job: &str) -> Program {
    let program = Program::with_plan(&plan(target)).file("job.json", job);
    fs::create_dir(program.path(".git")).expect("a folder");
    program
}

/// The file with what stands for the image replaced.
fn expected(image: &str) -> String {
    JOB.replace("{ \"image\": \"FILL-IN-HERE\" }", image)
}

#[test]
fn reference_to_a_password_is_passed_on_and_the_rest_stays() {
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/shop";
    let program = repository(
        &format!(
            "batch-ai-job: {{ from: job.json, to: out.json, credentials: {{ username: demo, \
             vault-id: {id}, secret-url: 'https://shop.vault.azure.net/secrets/acr' }} }}"
        ),
        JOB,
    );

    let run = program.run(&["run"]).exits(0);

    run.says_in_order(&[&format!("wrote the job file `out.json`: demo.azurecr.io/train@{DIGEST}")]);
    let written = fs::read_to_string(program.path("out.json")).expect("written");
    assert_eq!(
        written,
        expected(&format!(
            r#"{{
                "serverUrl": "demo.azurecr.io",
                "image": "demo.azurecr.io/train@{DIGEST}",
                "credentials": {{
                    "username": "demo",
                    "passwordSecretReference": {{
                        "sourceVault": {{
                            "id": "{id}"
                        }},
                        "secretUrl": "https://shop.vault.azure.net/secrets/acr"
                    }}
                }}
            }}"#
        ))
    );
    let checked = program.run(&["check"]).exits(0).stderr;
    assert!(checked.contains("Batch AI ended on 2019-03-31"), "{checked}");
}

#[test]
fn password_is_written_outside_of_the_repository_alone() {
    let target = |to: &str| {
        format!(
            "batch-ai-job: {{ from: job.json, to: '{to}', credentials: {{ username: demo, password: \
             '${{{{ secrets.acr }}}}' }} }}"
        )
    };
    let outside = tempfile::tempdir().expect("a folder");
    let to = outside.path().join("job.json");
    let inside = repository(&target("out/../job.out"), JOB).env("ACR_PASSWORD", "hunter22");
    let refused = inside.run(&["run"]).exits(2).stderr;
    assert!(
        refused.contains(
            "cannot write a password into `out/../job.out`: it is in the repository `DIR`"
        ) && refused.contains(
            "name a file outside of it with `to`, or let the service read the password from Key \
             Vault: `vault-id` and `secret-url` in place of `password`"
        ),
        "{refused}"
    );

    let program =
        repository(&target(&to.display().to_string()), JOB).env("ACR_PASSWORD", "hunter22");
    let run = program.run(&["run"]).exits(0);
    assert!(!run.stderr.contains("hunter22"), "{}", run.stderr);
    let written = fs::read_to_string(&to).expect("written");
    assert!(written.contains(r#""password": "hunter22""#), "{written}");
    let mode = fs::metadata(&to).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn task_of_batch_gets_the_identity() {
    let task = "{\n  \"id\": \"train\",\n  \"commandLine\": \"\"\n}\n";
    let program = repository(
        "batch-task: { from: job.json, to: task.json, credentials: { identity: /ids/pull } }",
        task,
    );

    program.run(&["run"]).exits(0);

    assert_eq!(
        fs::read_to_string(program.path("task.json")).expect("written"),
        format!(
            "{{\n  \"id\": \"train\",\n  \"commandLine\": \"\",\n  \"containerSettings\": {{\n    \
             \"imageName\": \"demo.azurecr.io/train@{DIGEST}\",\n    \"registry\": {{\n      \
             \"registryServer\": \"demo.azurecr.io\",\n      \"identityReference\": {{\n        \
             \"resourceId\": \"/ids/pull\"\n      }}\n    }}\n  }}\n}}\n"
        )
    );
    let shown = program.run(&["plan", "--offline"]).exits(0).stdout;
    assert!(shown.contains("job file `task.json`"), "{shown}");
}

#[test]
fn job_that_cannot_be_used_is_refused_before_the_first_step() {
    let target = "batch-ai-job: { from: job.json, to: out.json }";
    let refused = |job: &str| repository(target, job).run(&["run"]).exits(3).stderr;
    let invalid = refused(&JOB.replace("1,", "\"1\","));
    assert!(
        invalid.contains("`job.json` is no job of Batch AI")
            && invalid.contains("`properties.nodeCount` is not an integer"),
        "{invalid}"
    );
    let text = refused("{");
    assert!(text.contains("it is not JSON"), "{text}");

    let program = repository(target, JOB);
    fs::remove_file(program.path("job.json")).expect("removed");
    let missing = program.run(&["run"]).exits(3).stderr;
    assert!(
        missing.contains("cannot read the job `job.json`")
            && missing.contains("`from` is relative to the folder of the plan"),
        "{missing}"
    );
    assert!(!Path::new(&program.path("out.json")).exists());
}

#[test]
fn dry_run_writes_no_file() {
    let program = repository(
        "batch-task: { from: job.json, to: out.json }",
        "{\"id\": \"a\", \"commandLine\": \"b\"}",
    );

    let run = program.run(&["dry-run", "--runtime", "built-in"]).exits(0).stderr;

    assert!(
        run.contains(&format!(
            "a dry run does not write the job file `out.json`, which would name \
             demo.azurecr.io/train@{DIGEST}"
        )),
        "{run}"
    );
    assert!(!program.path("out.json").exists());
}
