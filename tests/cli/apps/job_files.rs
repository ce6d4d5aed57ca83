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
            r#"{{ "image": "demo.azurecr.io/train@{DIGEST}", "serverUrl": "demo.azurecr.io", "credentials": {{ "username": "demo", "passwordSecretReference": {{ "sourceVault": {{ "id": "{id}" }}, "secretUrl": "https://shop.vault.azure.net/secrets/acr" }} }} }}"#
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
    for command in ["check", "run"] {
        let refused = inside.run(&[command]).exits(2).stderr;
        assert!(
            refused.contains(
                "cannot write a password into `out/../job.out`: it is in the repository `DIR`"
            ) && refused.contains(
                "name a file outside of it with `to`, or let the service read the password from \
                 Key Vault: `vault-id` and `secret-url` in place of `password`"
            ),
            "{refused}"
        );
    }

    let program =
        repository(&target(&to.display().to_string()), JOB).env("ACR_PASSWORD", "hunter22");
    let checked = program.run(&["check"]).exits(0).stderr;
    assert!(!checked.contains("password-in-repository"), "{checked}");
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

#[test]
fn folder_of_the_file_is_made() {
    let target = "batch-task: { from: job.json, to: out/of/task.json }";
    let task = "{\"id\": \"a\", \"commandLine\": \"b\"}";
    let program = repository(target, task);
    program.run(&["run"]).exits(0);
    assert!(program.path("out/of/task.json").exists());

    for command in ["run", "dry-run"] {
        let in_file = repository(target, task).file("out", "a file");
        let refused = in_file.run(&[command]).exits(3).stderr;
        assert!(
            refused.contains("cannot write the job file `out/of/task.json`")
                && refused.contains("`DIR/out` is no folder")
                && refused.contains(
                    "name a file in a folder that can be written as `to`, relative to that of the \
                     plan"
                ),
            "{refused}"
        );
    }
    let folder = repository("batch-task: { from: job.json, to: out }", task);
    fs::create_dir(folder.path("out")).expect("a folder");
    let refused = folder.run(&["run"]).exits(3).stderr;
    assert!(
        refused.contains("cannot write the job file `out`") && refused.contains("it is a folder"),
        "{refused}"
    );
}

#[test]
fn login_of_the_file_goes_to_no_other_registry() {
    let target = "batch-task: { from: job.json, to: task.json }";
    let task = |server: &str| {
        format!(
            "{{\"id\": \"a\", \"commandLine\": \"b\", \"containerSettings\": {{\"registry\": \
             {{\"registryServer\": \"{server}\", \"username\": \"me\", \"password\": \"x\"}}}}}}"
        )
    };
    for command in ["run", "dry-run"] {
        let refused = repository(target, &task("old.azurecr.io")).run(&[command]).exits(3).stderr;
        assert!(
            refused.contains(
                "`job.json` has a login of `old.azurecr.io`, and the image is in `demo.azurecr.io`"
            ) && refused.contains("give the login as `credentials`, or take it out of the file"),
            "{refused}"
        );
    }
    let program = repository(target, &task("demo.azurecr.io"));
    program.run(&["run"]).exits(0);
    let written = fs::read_to_string(program.path("task.json")).expect("written");
    assert!(written.contains("\"username\": \"me\", \"password\": \"x\""), "{written}");
}

#[test]
fn encoding_of_a_file_is_named() {
    let program = repository("batch-task: { from: job.json, to: task.json }", "");
    let units = "{}".encode_utf16().flat_map(u16::to_le_bytes);
    fs::write(program.path("job.json"), units.collect::<Vec<u8>>()).expect("written");
    let refused = program.run(&["run"]).exits(3).stderr;
    assert!(
        refused.contains("`job.json` is no job of Azure Batch")
            && refused.contains("it is in UTF-16, and job files are read as UTF-8")
            && refused.contains("save it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE` prints it so"),
        "{refused}"
    );
}
