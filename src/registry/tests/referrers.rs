//! Artifacts attached to an image: by the registry's own list, and by a tag
//! where it has none.

use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::registry::testing::fake_registry::{FakeRegistry, Fault};
use crate::registry::testing::images::{client, image, reference, silent};
use crate::registry::{Artifact, Blob, BlobSource, Client, Login};
use serde_json::json;

const SBOM: &str = "application/spdx+json";

fn artifact(text: &str, revision: Option<&str>) -> Artifact {
    let bytes = text.to_owned().into_bytes();
    let descriptor = Descriptor::new(SBOM, Digest::of(&bytes), bytes.len() as u64);
    let key = "org.opencontainers.image.revision";
    Artifact {
        artifact_type: SBOM.to_owned(),
        content: Blob { descriptor, source: BlobSource::Bytes(bytes.into()) },
        annotations: revision.map(|it| (key.to_owned(), it.to_owned())).into_iter().collect(),
        same_by: revision.map(|_| key).into_iter().collect(),
    }
}

/// An image in a registry, by tag and as a descriptor.
async fn pushed(client: &Client, host: &str) -> (Reference, Descriptor) {
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("{host}/web:v1");
    let push = image(&[vec![1; 10]], folder.path(), std::slice::from_ref(&name));
    client.push(push, &silent).await.expect("pushed");
    let reference = reference(&name);
    let subject = client.head_manifest(&reference).await.expect("an answer").expect("there");
    (reference, subject)
}

async fn entries(client: &Client, of: &Reference, subject: &Descriptor) -> Vec<Descriptor> {
    let of = of.with_digest(subject.digest.clone());
    client.referrers(&of, None).await.expect("a list").entries
}

#[tokio::test]
async fn foreign_entries_stay_in_the_referrers_index() {
    let registry = FakeRegistry::start().await;
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let (image, subject) = pushed(&client, &host).await;
    let other = registry.put_manifest("web", "other", ("x/y", b"{}"));
    let entry =
        |digest: &Digest| json!({ "mediaType": "x/y", "digest": digest, "size": 2, "x": [1] });
    // The second is gone, and a registry would not take a list that names it.
    let foreign = json!({
        "schemaVersion": 2, "mediaType": media_type::INDEX, "x-note": "mine",
        "manifests": [entry(&other), entry(&Digest::of(b"gone"))],
    });
    let tag = format!("sha256-{}", subject.digest.hex());
    registry.put_manifest("web", &tag, (media_type::INDEX, foreign.to_string().as_bytes()));

    client.attach(&image, &subject, &artifact("sbom", None)).await.expect("attached");

    let listed = entries(&client, &image, &subject).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].other["x"], json!([1]));
    assert_eq!(listed[1].artifact_type(), Some(SBOM));
}

#[tokio::test]
async fn overwritten_referrers_index_is_written_again() {
    let registry = FakeRegistry::start().await;
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let (image, subject) = pushed(&client, &host).await;
    // What was written is not there when it is read again.
    let tag = format!("sha256-{}", subject.digest.hex());
    registry.fault(&format!("PUT /v2/web/manifests/{tag}"), Fault::Answer(201, &[], String::new()));

    client.attach(&image, &subject, &artifact("sbom", None)).await.expect("attached");

    assert_eq!(entries(&client, &image, &subject).await.len(), 1);
}

#[tokio::test]
async fn concurrent_attachments_are_all_listed() {
    let registry = FakeRegistry::start().await;
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let (image, subject) = pushed(&client, &host).await;
    let artifacts: Vec<Artifact> =
        (0..12).map(|number| artifact(&format!("text {number}"), None)).collect();

    let all = artifacts.iter().map(|artifact| client.attach(&image, &subject, artifact));
    let all = futures::future::try_join_all(all).await.expect("attached");

    let listed = entries(&client, &image, &subject).await;
    let mut listed: Vec<&Digest> = listed.iter().map(|entry| &entry.digest).collect();
    let mut all: Vec<&Digest> = all.iter().map(|attached| &attached.digest).collect();
    listed.sort();
    all.sort();
    assert_eq!(listed, all);
}

#[tokio::test]
async fn attach_all_reads_and_writes_the_index_once() {
    let registry = FakeRegistry::start().await;
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let (image, subject) = pushed(&client, &host).await;
    let (sbom, text) = (artifact("{\"sbom\":1}", None), artifact("text", None));
    registry.call(&subject.digest, "SUBJECT");
    registry.log();

    let first = client.attach_all(&image, &subject, &[&sbom, &text]).await.expect("attached");
    let log = registry.log();
    let again = client.attach_all(&image, &subject, &[&sbom, &text]).await.expect("attached");

    assert!(first.iter().all(|attached| !attached.already));
    let asked = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    let tag = format!("/v2/web/manifests/sha256-{}", subject.digest.hex());
    assert_eq!(asked("GET /v2/web/referrers/"), 1, "{log}");
    assert_eq!(asked(&format!("PUT {tag}")), 1, "{log}");
    assert_eq!(asked(&format!("GET {tag}")), 3, "{log}");
    let digests = |all: &[crate::registry::Attached]| -> Vec<Digest> {
        all.iter().map(|attached| attached.digest.clone()).collect()
    };
    assert_eq!(digests(&again), digests(&first));
    assert!(again.iter().all(|attached| attached.already));
    assert_eq!(
        registry.log().replace(&tag, "TAG"),
        "GET /v2/web/referrers/SUBJECT -> 404\nGET TAG -> 200"
    );
}

#[tokio::test]
async fn referrers_pages_are_read_and_filtered() {
    let registry = FakeRegistry::start().await;
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let subject = reference(&format!("{host}/web")).with_digest(Digest::of(b"subject"));
    let page = |text: &str, kind: &str| {
        let entry = json!({
            "mediaType": media_type::MANIFEST, "digest": Digest::of(text.as_bytes()), "size": 1,
            "artifactType": kind,
        });
        json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()
    };
    let path = "GET /v2/web/referrers/";
    let next = &[("link", "</v2/web/referrers/next>; rel=\"next\"")];
    registry.fault(path, Fault::Answer(200, next, page("one", SBOM)));
    registry.fault(path, Fault::Answer(200, &[], page("two", "x/other")));

    let found = client.referrers(&subject, Some(SBOM)).await.expect("a list");

    let digests: Vec<&Digest> = found.entries.iter().map(|entry| &entry.digest).collect();
    assert_eq!(digests, [&Digest::of(b"one")]);
    assert_eq!(found.index, None);
}

#[tokio::test]
async fn equivalent_artifact_is_not_attached_again() {
    let registry = FakeRegistry::start().await;
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let (image, subject) = pushed(&client, &host).await;
    let attach = async |text: &str, revision: &str| {
        let artifact = artifact(text, Some(revision));
        client.attach(&image, &subject, &artifact).await.expect("attached").already
    };

    assert!(!attach("built at ten", "abc").await);
    assert!(attach("built at eleven", "abc").await);
    assert!(!attach("built at twelve", "def").await);
    assert_eq!(entries(&client, &image, &subject).await.len(), 2);
}
