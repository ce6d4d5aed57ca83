use super::{JobCredentials, JobFormat, JobImage, write};
use crate::secret::Redactor;

fn image(credentials: Option<JobCredentials>) -> JobImage {
    JobImage {
        server: "demo.azurecr.io".to_owned(),
        image: "demo.azurecr.io/train@sha256:00".to_owned(),
        credentials,
    }
}

fn password() -> JobCredentials {
    let password = Redactor::default().adopt("a password", "hunter22".to_owned());
    JobCredentials::Password { username: "demo".to_owned(), password }
}

fn reference() -> JobCredentials {
    JobCredentials::Reference {
        username: "demo".to_owned(),
        vault_id: "/subscriptions/s/vaults/shop".to_owned(),
        secret_url: "https://shop.vault.azure.net/secrets/acr".to_owned(),
    }
}

/// Odd in every way that must stay: spaces, an escape, a number, an order of its own.
const JOB: &str = r#"{
    "$schema" : "https://example.com/job.json",
    "properties": {
        "nodeCount":   1,
        "$comment": "tab \u0009 here",
        "containerSettings": {
            "shmSize": "2g",
            "imageSourceRegistry": { "image": "ubuntu" }   },
        "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/out",
        "customToolkitSettings": { "commandLine": "python train.py --rate 1e-3" }
    }
}

"#;

#[test]
fn all_but_the_image_stays_to_the_byte() {
    let written = write(JOB, JobFormat::BatchAi, &image(Some(reference()))).expect("written");

    let (before, rest) = JOB.split_once("{ \"image\": \"ubuntu\" }").expect("the old image");
    let new = written.strip_prefix(before).and_then(|it| it.strip_suffix(rest)).expect(&written);
    assert_eq!(
        new,
        r#"{
                "serverUrl": "demo.azurecr.io",
                "image": "demo.azurecr.io/train@sha256:00",
                "credentials": {
                    "username": "demo",
                    "passwordSecretReference": {
                        "sourceVault": {
                            "id": "/subscriptions/s/vaults/shop"
                        },
                        "secretUrl": "https://shop.vault.azure.net/secrets/acr"
                    }
                }
            }"#
    );
    // Written again, nothing changes.
    let again = write(&written, JobFormat::BatchAi, &image(Some(reference()))).expect("written");
    assert_eq!(again, written);
}

#[test]
fn objects_on_the_way_are_made() {
    let job = "{\r\n  \"properties\": {\r\n    \"nodeCount\": 1,\r\n    \"stdOutErrPathPrefix\": \"x\"\r\n  }\r\n}";
    let written = write(job, JobFormat::BatchAi, &image(None)).expect("written");
    assert_eq!(
        written,
        "{\r\n  \"properties\": {\r\n    \"nodeCount\": 1,\r\n    \"stdOutErrPathPrefix\": \"x\",\r\n    \
         \"containerSettings\": {\r\n      \"imageSourceRegistry\": {\r\n        \"serverUrl\": \
         \"demo.azurecr.io\",\r\n        \"image\": \"demo.azurecr.io/train@sha256:00\"\r\n      }\r\n    \
         }\r\n  }\r\n}"
    );
}

#[test]
fn text_of_one_line_stays_one() {
    let job = r#"{"properties":{"nodeCount":1,"stdOutErrPathPrefix":"x","containerSettings":{}}}"#;
    let written = write(job, JobFormat::BatchAi, &image(Some(password()))).expect("written");
    assert_eq!(
        written,
        r#"{"properties":{"nodeCount":1,"stdOutErrPathPrefix":"x","containerSettings":{ "imageSourceRegistry": { "serverUrl": "demo.azurecr.io", "image": "demo.azurecr.io/train@sha256:00", "credentials": { "username": "demo", "password": "hunter22" } } }}}"#
    );
}

#[test]
fn task_keeps_its_run_options() {
    let task = r#"{
  "id": "train",
  "commandLine": "",
  "containerSettings": { "containerRunOptions": "--rm" }
}
"#;
    let identity = JobCredentials::Identity("/ids/pull".to_owned());
    let written = write(task, JobFormat::BatchTask, &image(Some(identity))).expect("written");
    assert_eq!(
        written,
        r#"{
  "id": "train",
  "commandLine": "",
  "containerSettings": { "containerRunOptions": "--rm", "imageName": "demo.azurecr.io/train@sha256:00", "registry": { "registryServer": "demo.azurecr.io", "identityReference": { "resourceId": "/ids/pull" } } }
}
"#
    );
    let read: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(
        read["containerSettings"]["registry"]["identityReference"]["resourceId"],
        "/ids/pull"
    );
}

#[test]
fn what_is_no_job_is_refused() {
    let refused = |text: &str, format| {
        let error = write(text, format, &image(None)).expect_err("refused");
        error.to_string()
    };
    let ai = |text: &str| refused(text, JobFormat::BatchAi);
    assert_eq!(ai("{"), "it is not JSON");
    assert_eq!(ai("[]"), "it is not a JSON object");
    assert_eq!(ai(r#"{"properties": 1}"#), "`properties` is not an object");
    assert_eq!(
        ai(r#"{"properties": {"containerSettings": {}, "containerSettings": {}}}"#),
        "`properties.containerSettings` stands there twice"
    );
    assert_eq!(
        ai(r#"{"properties": {"nodeCount": "1", "schedulingPriority": "urgent",
            "inputDirectories": [{"id": "a"}]}}"#),
        "`properties.stdOutErrPathPrefix` is missing; `properties.nodeCount` is not an integer; \
         `properties.schedulingPriority` is \"urgent\", not one of \"low\", \"normal\", \"high\"; \
         `properties.inputDirectories[0].path` is missing"
    );
    assert_eq!(
        refused(r#"{"id": 1}"#, JobFormat::BatchTask),
        "`id` is not a string; `commandLine` is missing"
    );
}
