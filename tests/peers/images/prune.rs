//! `shipway images --prune`: what is removed and what is kept.

use super::{AZURE, Cloud, column, pages, push, rows};
use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::cloud::{LocalCloud, state};
use crate::support::images::client;
use serde_json::{Value, json};
use shipway::testing::oci::{Descriptor, Digest, Reference, media_type};
use shipway::testing::registry::{Artifact, Blob, BlobSource, Client, Login};
use std::collections::BTreeMap;

const DAY: i64 = 86_400;

/// A plan whose images are so many days old.
fn aged(host: &str, days: i64) -> Program {
    let time = jiff::Timestamp::now().as_second() - days * DAY;
    pages(host, "").env("SOURCE_DATE_EPOCH", &time.to_string())
}

/// The tags of `web`.
fn tags(host: &str) -> Value {
    let url = format!("http://{host}/v2/web/tags/list");
    let list: Value = serde_json::from_str(&programs::run("curl", &["-sS", &url])).expect("JSON");
    let mut tags = list["tags"].as_array().expect("tags").clone();
    tags.sort_by_key(ToString::to_string);
    tags.into()
}

fn status(host: &str, path: &str) -> String {
    let url = format!("http://{host}/v2/web/{path}");
    let accept = "accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
    programs::run("curl", &["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", accept, &url])
}

/// Attaches a text to an image.
async fn attach(client: &Client, image: &Reference, text: &'static str) -> Reference {
    let subject = client.head_manifest(image).await.expect("an answer").expect("there");
    let descriptor = Descriptor::new("text/plain", Digest::of(text.as_bytes()), text.len() as u64);
    let content = Blob { descriptor, source: BlobSource::Bytes(text.into()) };
    let artifact = Artifact {
        artifact_type: "text/plain".to_owned(),
        content,
        annotations: BTreeMap::new(),
        same_by: Vec::new(),
    };
    let attached = client.attach(image, &subject, &artifact).await.expect("attached");
    image.with_digest(attached.digest)
}

#[test]
fn prune_removes_old_images_with_their_attachments_after_yes() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let new = aged(&host, 1);
    push(&aged(&host, 60), "old", "old");
    // Both at one time, so that they are the same image.
    let twin = aged(&host, 50);
    push(&twin, "older-twin", "twin");
    push(&twin, "stable", "twin");
    push(&new, "new", "new");
    push(&pages(&host, ""), "ageless", "ageless");
    let (old, attached) = tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let client = client(&host, Login::Anonymous);
        let old: Reference = format!("{host}/web:old").parse().expect("a reference");
        let digest = client.head_manifest(&old).await.expect("an answer").expect("there").digest;
        let text = attach(&client, &old, "a text").await;
        let signature = attach(&client, &text, "a signature of the text").await;
        (digest, [text, signature])
    });
    let list = format!("manifests/sha256-{}", old.hex());
    let prune = ["images", "--prune", "--older-than", "30d", "--keep", "2", "--registry-only"];

    let shown = new.run(&prune).exits(0);
    let said = shown.stdout.replace(&host, "HOST").replace(old.short(), "OLD");
    let would: Vec<&str> = said.lines().collect();
    // The newest two are `new` and, of two that are alike, the last by name.
    assert!(would[0].starts_with("would delete HOST/web: old (sha256:OLD…, "), "{said}");
    assert!(would[0].ends_with(", 60d old)"), "{said}");
    assert_eq!(
        would[1..],
        [
            "kept HOST/web: ageless, whose age is not known",
            "kept HOST/web: older-twin, which is part of `stable`",
        ]
    );
    assert!(shown.stderr.starts_with("nothing was deleted: 1 image of up to "), "{}", shown.stderr);
    let advice = " would be; say `--yes` to delete
note: 1 tag stays because its age is not known, as of every reproducible build: build with \
`SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)`, or prune by `--pr`
";
    assert!(shown.stderr.ends_with(advice), "{}", shown.stderr);
    assert_eq!(status(&host, "manifests/old"), "200");
    assert_eq!(status(&host, &list), "200");

    let done = new.run(&[&prune[..], &["--yes", "--output", "json"]].concat()).exits(0);
    let result = rows(&done);
    assert_eq!(result["delete"][0]["tags"], json!(["old"]));
    assert_eq!(result["delete"][0]["deleted"], true);
    assert_eq!(result["kept"].as_array().map(Vec::len), Some(2));
    // Two attached, the lists of each, and the image.
    assert_eq!(result["removed"].as_array().map(Vec::len), Some(5), "{result:#}");
    let gone = attached.map(|one| format!("manifests/{}", one.digest.expect("a digest")));
    for gone in gone.iter().chain([&list, &"manifests/old".to_owned()]) {
        assert_eq!(status(&host, gone), "404", "{gone}");
    }
    assert_eq!(tags(&host), json!(["ageless", "new", "older-twin", "stable"]));
    assert_eq!(new.run(&prune).exits(0).stdout.lines().count(), 2);
}

/// Puts a manifest under a name as it is, and says which digest it has.
fn put(host: &str, name: &str, kind: &str, manifest: &str) -> Digest {
    let url = format!("http://{host}/v2/web/manifests/{name}");
    let kind = format!("content-type: {kind}");
    programs::run("curl", &["-sSf", "-X", "PUT", "-H", &kind, "--data-binary", manifest, &url]);
    Digest::of(manifest.as_bytes())
}

/// Puts an index that lists one manifest.
fn index(host: &str, name: Option<&str>, kind: &str, listed: &Digest) -> Digest {
    let entry = json!({ "mediaType": kind, "digest": listed.as_str(), "size": 1 });
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [entry] });
    let text = index.to_string();
    let digest = Digest::of(text.as_bytes());
    put(host, name.unwrap_or(digest.as_str()), media_type::INDEX, &text)
}

#[test]
fn prune_keeps_nested_indexes_and_tagged_attachments() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = aged(&host, 60);
    push(&program, "pr-7", "seven");
    push(&program, "pr-8", "eight");
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let client = client(&host, Login::Anonymous);
        let name = |tag| -> Reference { format!("{host}/web:{tag}").parse().expect("a reference") };
        let seven = client.head_manifest(&name("pr-7")).await.expect("an answer").expect("there");
        let inner = index(&host, None, media_type::MANIFEST, &seven.digest);
        index(&host, Some("stable"), media_type::INDEX, &inner);
        let text = attach(&client, &name("pr-8"), "a text").await.digest.expect("a digest");
        let accept = format!("accept: {}", media_type::MANIFEST);
        let url = format!("http://{host}/v2/web/manifests/{text}");
        let manifest = programs::run("curl", &["-sSf", "-H", &accept, &url]);
        assert_eq!(put(&host, "kept", media_type::MANIFEST, &manifest), text);
    });

    let prune = ["images", "--prune", "--pr", "7", "--pr", "8", "--registry-only", "--yes"];
    let done = program.run(&prune).exits(0);

    assert_eq!(tags(&host), json!(["kept", "pr-7", "stable"]), "{}", done.stdout);
}

#[test]
fn prune_explains_a_registry_without_delete() {
    let registry = PeerRegistry::without_delete();
    let host = registry.host();
    let program = aged(&host, 60);
    push(&program, "v1", "one");

    let prune = ["images", "--prune", "--keep", "0", "--registry-only", "--yes"];
    let finished = program.run(&prune).exits(3);

    let said = finished.stderr.replace(&host, "HOST");
    let error = said.lines().skip(1).collect::<Vec<_>>();
    assert!(error[0].starts_with("error: cannot delete `HOST/web@sha256:"), "{said}");
    assert!(error[1].ends_with(": 405: UNSUPPORTED: The operation is unsupported."), "{said}");
    assert_eq!(
        error[2],
        "  help: `HOST` does not let manifests be deleted; docker-registry does with \
         `REGISTRY_STORAGE_DELETE_ENABLED=true`, or `storage: { delete: { enabled: true } }` in its \
         configuration"
    );
    assert!(finished.stdout.starts_with("not deleted "), "{}", finished.stdout);
    assert_eq!(tags(&host), json!(["v1"]));
}

#[test]
fn prune_removes_nothing_where_running_images_are_unknown() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let program = aged(&host, 60);
    push(&program, "v1", "one");

    let finished = program.run(&["images", "--prune", "--keep", "0", "--yes"]).exits(3);

    assert_eq!(
        finished.stderr,
        "error: what is deployed is not known, and nothing is removed that may run
  because: the plan has no `azure`, and `AZURE_SUBSCRIPTION_ID` is not set
  help: sign in with `az login`, or add `--registry-only` to remove tags without asking Azure
"
    );
    assert_eq!(tags(&host), json!(["v1"]));
}

#[test]
fn prune_needs_a_filter() {
    let program = pages("127.0.0.1:1", "");

    let nothing = program.run(&["images", "--prune"]).exits(2);
    assert_eq!(
        nothing.stderr,
        "error: `--prune` does not say what is to go
  help: add `--older-than 30d`, `--keep 10`, `--pr 12` or `--closed`\n"
    );
    let soon = program.run(&["images", "--prune", "--older-than", "soon"]).exits(2);
    assert_eq!(
        soon.stderr,
        "error: `--older-than soon` is not a duration
  because: expected a duration such as `10m`, `1h30m` or `500ms`\n"
    );
    program.run(&["images", "--yes"]).exits(2);
}

#[test]
fn prune_keeps_running_images() {
    let cloud = Cloud::start("");
    for (tag, label) in [("also-v1", "one"), ("pr-12", "two"), ("pr-12-twin", "two"), ("v3", "3")] {
        cloud.push(tag, label);
    }
    let prune = |more: &[&str]| cloud.images(&[&["--prune", "--output", "json"], more].concat());

    // Each of the images is of no known age, but has a name.
    let shown = rows(&prune(&["--pr", "12"]).exits(0));
    assert_eq!(shown["delete"][0]["tags"], json!(["pr-12", "pr-12-twin"]));
    assert_eq!(shown["removed"], Value::Null);
    let done = rows(&prune(&["--pr", "12", "--yes"]).exits(0));
    assert_eq!(done["delete"][0]["deleted"], true);
    assert_eq!(column(&cloud.listed(), "tag"), ["also-v1", "v1", "v3"]);

    // What runs is the digest, whatever its tags are called.
    cloud.push("pr-1", "one");
    let kept = rows(&prune(&["--pr", "1", "--yes"]).exits(0));
    assert_eq!(kept["delete"], json!([]));
    assert_eq!(
        kept["kept"],
        json!([{ "reference": format!("{AZURE}/web:pr-1"), "reason": "which `live` runs" }])
    );
    // A tag that shares its image with one that stays goes alone.
    cloud.push("pr-2", "3");
    let untagged = rows(&prune(&["--pr", "2", "--yes"]).exits(0));
    assert_eq!(untagged["untag"][0]["reference"], format!("{AZURE}/web:pr-2"));
    assert_eq!(column(&cloud.listed(), "tag"), ["also-v1", "pr-1", "v1", "v3"]);
}

/// Puts a group that runs one image before another, as no plan of ours does.
async fn put_group(cloud: &LocalCloud, first: &str, then: &str) {
    let (file, client) = (&cloud.file, cloud.client());
    let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", file.tenant_id);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &file.client_id),
        ("client_secret", file.client_secret.expose()),
        ("scope", "https://management.azure.com/.default"),
    ];
    let answer = client.post(url).form(&form).send().await.expect("sent");
    let token: Value = answer.json().await.expect("JSON");
    let url = format!(
        "https://management.azure.com/subscriptions/{}/resourceGroups/demo/providers/\
         Microsoft.ContainerInstance/containerGroups/migrated?api-version=2023-05-01",
        file.subscription_id
    );
    let requests = json!({ "cpu": 1, "memoryInGB": 1 });
    let group = json!({ "location": "westeurope", "properties": {
        "osType": "Linux",
        "initContainers": [{ "name": "first", "properties": { "image": first } }],
        "containers": [{ "name": "then", "properties": {
            "image": then, "resources": { "requests": requests },
        } }],
    } });
    let request = client.put(url).bearer_auth(token["access_token"].as_str().expect("a token"));
    let answer = request.json(&group).send().await.expect("sent");
    let (status, text) = (answer.status(), answer.text().await.expect("text"));
    assert!(status.is_success(), "{status}: {text}");
}

#[test]
fn prune_keeps_images_of_init_containers() {
    let folder = state();
    let cloud = LocalCloud::start(
        folder.path(),
        json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "registries": [{
                "host": AZURE, "name": "demo", "resource-group": "demo", "anonymous-pull": true,
            }],
        }),
    );
    let file = cloud.path.display().to_string();
    let program = aged(AZURE, 60);
    let plan = std::fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let program = program.file("shipway.yml", &plan.replace("login: anonymous", ""));
    for tag in ["migrate", "old", "web"] {
        let (tag, label) = (format!("tag={tag}"), format!("label={tag}"));
        program.run(&["run", "--cloud", &file, "--set", &tag, "--set", &label]).exits(0);
    }
    let image = |tag: &str| format!("{AZURE}/web:{tag}");
    let (first, then) = (image("migrate"), image("web"));
    let put = put_group(&cloud, &first, &then);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(put);

    let prune = ["images", "--cloud", &file, "--prune", "--keep", "0", "--yes"];
    let done = program.run(&prune).exits(0);

    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].starts_with("deleted demo.azurecr.io/web: old (sha256:"), "{done:?}");
    assert_eq!(
        lines[1..],
        [
            "kept demo.azurecr.io/web: migrate, which `migrated` runs",
            "kept demo.azurecr.io/web: web, which `migrated` runs",
        ]
    );
}

#[test]
fn prune_removes_images_of_closed_pull_requests() {
    let folder = state();
    let cloud = LocalCloud::start(
        folder.path(),
        json!({
            "registries": [{ "host": AZURE, "name": "demo", "resource-group": "demo" }],
            "github": { "repository": "octo/demo", "pull-request": {
                "number": 12, "head-sha": "a".repeat(40), "head-ref": "topic", "base-ref": "main",
                "state": "closed",
            }},
        }),
    );
    let file = cloud.path.display().to_string();
    let program = pages(AZURE, "");
    let plan = std::fs::read_to_string(program.path("shipway.yml")).expect("a plan");
    let program = program.file("shipway.yml", &plan.replace("login: anonymous", ""));
    for tag in ["pr-12", "pr-13", "v1"] {
        let (tag, label) = (format!("tag={tag}"), format!("label={tag}"));
        program.run(&["run", "--cloud", &file, "--set", &tag, "--set", &label]).exits(0);
    }

    let prune = ["images", "--cloud", &file, "--prune", "--closed", "--yes"];
    let done = program.run(&prune).exits(0);

    assert!(done.stdout.starts_with("deleted demo.azurecr.io/web: pr-12 (sha256:"), "{done:?}");
    let listed = rows(&program.run(&["images", "--cloud", &file, "--output", "json"]).exits(0));
    assert_eq!(column(&listed, "tag"), ["pr-13", "v1"]);
    assert_eq!(column(&listed, "media-type"), [media_type::MANIFEST; 2]);
}
