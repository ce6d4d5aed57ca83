//! The tables of keys in `docs/reference.md` are those of the description.
//!
//! `UPDATE_DOCS=1 cargo test --lib plan::describe` rewrites them.

use super::object::constant_schema;
use super::{Object, PlanMapping as _, shape_schema, table};
use crate::plan::literal::{Attempts, Name, Period, Shape, TagName};
use crate::plan::schema::{
    Aci, AppEnvironment, AppProbe, Azure, AzureFile, BatchAiCredentials, BatchAiJob, BatchTask,
    BatchTaskCredentials, BodyExpectation, Container, ContainerApp, Create, Deploy, DnsConfig,
    Dockerfile, Environment, ExistingImage, Expect, GitVolume, Gpu, HealthProbe, Identity, Ingress,
    InitContainer, Keyless, Layer, Layers, LogAnalytics, Mount, NamedSecret, Plan, Push,
    ReferencedSecret, Registry, Require, Scale, Service, Sign, SignerIdentity, Step, TagTarget,
    UserPassword, VariableValue, Verify,
};
use crate::value::{GroupName, Port};
use std::fs;
use std::path::Path;

/// The mapping of each marker in the reference.
fn objects() -> Vec<(&'static str, Object)> {
    vec![
        ("plan", Plan::object()),
        ("azure", Azure::object()),
        ("registry", Registry::object()),
        ("user", UserPassword::object()),
        ("create", Create::object()),
        ("environment", Environment::object()),
        ("named-secret", NamedSecret::object()),
        ("referenced-secret", ReferencedSecret::object()),
        ("service", Service::object()),
        ("step", Step::object()),
        ("dockerfile", Dockerfile::object()),
        ("layers", Layers::object()),
        ("layer", Layer::object()),
        ("existing-image", ExistingImage::object()),
        ("tag", TagTarget::object()),
        ("push", Push::object()),
        ("sign", Sign::object()),
        ("keyless", Keyless::object()),
        ("deploy", Deploy::object()),
        ("require", Require::object()),
        ("signer-identity", SignerIdentity::object()),
        ("aci", Aci::object()),
        ("container-app", ContainerApp::object()),
        ("app-environment", AppEnvironment::object()),
        ("ingress", Ingress::object()),
        ("scale", Scale::object()),
        ("app-probe", AppProbe::object()),
        ("batch-task", BatchTask::object()),
        ("batch-task-credentials", BatchTaskCredentials::object()),
        ("batch-ai-job", BatchAiJob::object()),
        ("batch-ai-credentials", BatchAiCredentials::object()),
        ("container", Container::object()),
        ("init-container", InitContainer::object()),
        ("variable", VariableValue::object()),
        ("gpu", Gpu::object()),
        ("azure-file", AzureFile::object()),
        ("git", GitVolume::object()),
        ("mount", Mount::object()),
        ("probe", HealthProbe::object()),
        ("dns-config", DnsConfig::object()),
        ("identity", Identity::object()),
        ("log-analytics", LogAnalytics::object()),
        ("verify", Verify::object()),
        ("expect", Expect::object()),
        ("body", BodyExpectation::object()),
    ]
}

/// The text with the table of every marker put in.
fn with_tables(text: &str) -> String {
    let mut updated = String::new();
    let mut rest = text;
    let mut objects = objects();
    while let Some((before, after)) = rest.split_once("<!-- keys: ") {
        let (name, after) = after.split_once(" -->\n").expect("a marker ends in its line");
        let (_, after) = after.split_once("<!-- end -->").expect("a table has an end");
        let at = objects.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or_else(|| panic!("`{name}` is unknown or stands twice"));
        let (_, object) = objects.remove(at);
        let table = table(&object);
        updated.extend([before, "<!-- keys: ", name, " -->\n", &table, "<!-- end -->"]);
        rest = after;
    }
    let missing: Vec<_> = objects.iter().map(|(name, _)| *name).collect();
    assert!(missing.is_empty(), "the reference has no table of {missing:?}");
    updated + rest
}

#[test]
fn the_reference_has_the_tables_of_the_description() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let text = fs::read_to_string(&path).expect("the reference is there");
    let updated = with_tables(&text);
    if text != updated && std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, updated).expect("can be written");
        return;
    }
    assert_eq!(text, updated, "stale; run this test with UPDATE_DOCS=1");
}

#[test]
fn every_key_has_a_meaning() {
    for (name, object) in objects() {
        for one in object.keys() {
            let about = super::object::sentence(one.key.about);
            assert!(about.ends_with('.'), "`{}` of {name}: {about:?}", one.key.name);
        }
    }
}

#[test]
fn schema_has_the_range_of_a_number() {
    let schema = |shape: &Shape| shape_schema(shape)["anyOf"].to_string();
    let expression = r#"{"type":"string","pattern":"\\$\\{\\{"}"#;
    let port = schema(&Shape::of::<Port>());
    let number = format!(r#"{{"type":"integer","minimum":1,"maximum":65535}},{expression}]"#);
    assert!(port.ends_with(&number), "{port}");
    let timeout = schema(&Shape::of::<Period>());
    assert!(timeout.starts_with(r#"[{"type":"string","pattern":"#), "{timeout}");
    assert!(timeout.ends_with(&format!(",{expression}]")) && !timeout.contains("integer"));

    let cores = shape_schema(&Shape::of::<f64>())["oneOf"][0].to_string();
    assert_eq!(cores, r#"{"type":"number","minimum":0}"#);
    let attempts = constant_schema(&Shape::of::<Attempts>())["oneOf"][0].to_string();
    assert_eq!(attempts, r#"{"type":"integer","minimum":1,"maximum":100}"#);
}

#[test]
fn schema_takes_the_types_that_a_text_may_be_read_from() {
    let types = |shape: &Shape| constant_schema(shape).to_string();
    let all = r#"{"type":["string","number","boolean"]}"#;
    assert_eq!(types(&Shape::ANY), all);
    let name = types(&Shape::of::<Name>());
    assert!(name.starts_with(r#"{"type":["string","boolean"],"pattern":"#), "{name}");
    let group = types(&Shape::of::<GroupName>());
    assert!(group.contains(r#"{"type":"integer","minimum":0}"#), "{group}");
    let tag = types(&Shape::of::<TagName>());
    assert!(tag.contains(r#"{"type":"number","minimum":0}"#), "{tag}");
}
