use super::{JobCredentials, JobFormat, JobImage, decode, login_of_another, write};
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

    let expected = JOB.replace(
        r#"{ "image": "ubuntu" }"#,
        r#"{ "image": "demo.azurecr.io/train@sha256:00", "serverUrl": "demo.azurecr.io", "credentials": { "username": "demo", "passwordSecretReference": { "sourceVault": { "id": "/subscriptions/s/vaults/shop" }, "secretUrl": "https://shop.vault.azure.net/secrets/acr" } } }"#,
    );
    assert_eq!(written, expected);
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
fn login_of_the_file_stays_without_one_of_the_plan() {
    let task = |registry: &str| {
        format!(
            r#"{{"id":"a","commandLine":"x","containerSettings":{{"imageName":"z","registry":{registry}}}}}"#
        )
    };
    let written = |registry: &str, credentials| {
        let image = image(credentials);
        let written = write(&task(registry), JobFormat::BatchTask, &image).expect("written");
        let (_, after) = written.split_once("\"registry\":").expect("a registry");
        after[..after.len() - 2].to_owned()
    };
    let own =
        r#"{"registryServer":"old.io", "identityReference":{"resourceId":"/mine"},"x-note":1}"#;
    assert_eq!(written(own, None), own.replace("old.io", "demo.azurecr.io"));
    // That of the plan takes its place.
    assert_eq!(
        written(own, Some(password())),
        r#"{"registryServer":"demo.azurecr.io","x-note":1, "username": "demo", "password": "hunter22"}"#
    );
    let of_user = r#"{"username":"me","password":"x","x-note":1,"registryServer":"old.io"}"#;
    assert_eq!(
        written(of_user, Some(JobCredentials::Identity("/ids/pull".to_owned()))),
        r#"{"x-note":1,"registryServer":"demo.azurecr.io", "identityReference": { "resourceId": "/ids/pull" }}"#
    );
    assert_eq!(written("null", None), r#"{ "registryServer": "demo.azurecr.io" }"#);

    let job = JOB.replace(
        r#"{ "image": "ubuntu" }"#,
        r#"{ "image": "ubuntu", "x-note": 1, "credentials": { "username": "me", "passwordSecretReference": {} } }"#,
    );
    let written = write(&job, JobFormat::BatchAi, &image(None));
    let expected = job.replace("\"ubuntu\"", "\"demo.azurecr.io/train@sha256:00\"").replace(
        "\"passwordSecretReference\": {} }",
        "\"passwordSecretReference\": {} }, \"serverUrl\": \"demo.azurecr.io\"",
    );
    // The description of the service asks for its members.
    assert_eq!(
        written.expect_err("refused").to_string(),
        "`properties.containerSettings.imageSourceRegistry.credentials.passwordSecretReference.sourceVault` \
         is missing; `properties.containerSettings.imageSourceRegistry.credentials.passwordSecretReference.secretUrl` \
         is missing"
    );
    let fill = |text: &str| {
        text.replace(
            "Reference\": {}",
            "Reference\": {\"sourceVault\":{\"id\":\"/v\"},\"secretUrl\":\"u\"}",
        )
    };
    let written = write(&fill(&job), JobFormat::BatchAi, &image(None)).expect("written");
    assert_eq!(written, fill(&expected));
}

#[test]
fn login_of_another_registry_is_found() {
    let task = |registry: &str| {
        let text = format!(r#"{{"containerSettings":{{"registry":{registry}}}}}"#);
        login_of_another(&text, JobFormat::BatchTask, "demo.azurecr.io")
    };
    let old = Some("https://old.io/".to_owned());
    assert_eq!(task(r#"{"registryServer":"https://old.io/","username":"u","password":"p"}"#), old);
    assert_eq!(task(r#"{"registryServer":"https://Demo.azurecr.io/v2","username":"u"}"#), None);
    assert_eq!(
        task(r#"{"registryServer":"old.io","identityReference":{"resourceId":"/a"}}"#),
        None
    );
    assert_eq!(task(r#"{"registryServer":"old.io","username":"","password":null}"#), None);
    assert_eq!(task(r#"{"registryServer":"","username":"u"}"#), None);
    assert_eq!(task(r#"{"username":"u"}"#), None);
    let job = r#"{"properties":{"containerSettings":{"imageSourceRegistry":{"serverUrl":"https://index.docker.io/v1/","credentials":{"username":"u"}}}}}"#;
    let found = |server| login_of_another(job, JobFormat::BatchAi, server);
    assert_eq!(found("docker.io"), None);
    assert_eq!(found("demo.azurecr.io").as_deref(), Some("https://index.docker.io/v1/"));
}

#[test]
fn json_that_no_type_holds_stays_as_it_is() {
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for odd in ["1e400", "-1e-999", "123456789012345678901234567890", r#""\ud800 half""#, &deep] {
        let task =
            format!(r#"{{"id":"a","commandLine":"x","odd":{odd},"containerSettings":null}}"#);
        let written = write(&task, JobFormat::BatchTask, &image(None)).expect("written");
        let start = format!(
            r#"{{"id":"a","commandLine":"x","odd":{odd},"containerSettings":{{ "imageName""#
        );
        assert!(written.starts_with(&start), "{written}");
    }
    let number = r#"{"properties":{"nodeCount":1e400,"stdOutErrPathPrefix":"x"}}"#;
    let refused = write(number, JobFormat::BatchAi, &image(None)).expect_err("refused");
    assert_eq!(refused.to_string(), "`properties.nodeCount` is not an integer");
}

#[test]
fn byte_order_mark_stays_and_other_encodings_are_named() {
    let task = r#"{"id":"a","commandLine":"x"}"#;
    let marked = format!("\u{feff}{task}");
    let text = decode(marked.as_bytes()).expect("text");
    let written = write(text, JobFormat::BatchTask, &image(None)).expect("written");
    let plain = write(task, JobFormat::BatchTask, &image(None)).expect("written");
    assert_eq!(written, format!("\u{feff}{plain}"));

    let units = |mark: &str| -> Vec<u8> {
        format!("{mark}{task}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    for bytes in [units(""), units("\u{feff}"), [&[0xfe, 0xff][..], &units("")].concat()] {
        let refused = decode(&bytes).expect_err("refused");
        assert_eq!(refused.to_string(), "it is in UTF-16, and job files are read as UTF-8");
        assert_eq!(
            refused.help(),
            Some("save it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE` prints it so")
        );
    }
    let refused = decode(b"{\n\"id\": \"caf\xe9\"}").expect_err("refused");
    assert_eq!(refused.to_string(), "it is not UTF-8: its line 2 has other bytes");
    assert_eq!(
        refused.help(),
        Some("save it as UTF-8: `iconv -f ISO-8859-1 -t UTF-8 FILE` prints text of Latin-1 so")
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
    assert_eq!(ai("{} x"), "it is not JSON");
    assert_eq!(ai(r#"{"properties": 1}"#), "`properties` is not an object");
    assert_eq!(
        ai(r#"{"properties": {"containerSettings": {"imageSourceRegistry": "a"}}}"#),
        "`properties.containerSettings.imageSourceRegistry` is not an object"
    );
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
