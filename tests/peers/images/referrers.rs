//! Artifacts in docker-registry, which has no list of them.

use crate::peer::programs;
use crate::peer::registry::PeerRegistry;
use crate::support::Program;
use crate::support::images::{client, image, reference, silent};
use serde_json::{Value, json};
use shipway::testing::oci::{Descriptor, Digest, Reference, media_type};
use shipway::testing::registry::{Artifact, Blob, BlobSource, Client, Login};

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
async fn docker_registry_lists_artifacts_under_a_tag() {
    let registry = PeerRegistry::open();
    let host = registry.host();
    let client = client(&host, Login::Anonymous);
    let (image, subject) = pushed(&client, &host).await;

    let one = client.attach(&image, &subject, &artifact("{\"one\":1}", None)).await;
    let one = one.expect("attached");
    assert!(!one.already);
    let again = client.attach(&image, &subject, &artifact("{\"one\":1}", None)).await;
    assert_eq!(
        again.expect("attached"),
        shipway::testing::registry::Attached { already: true, ..one.clone() }
    );
    let two = client.attach(&image, &subject, &artifact("two", None)).await.expect("attached");

    let listed = entries(&client, &image, &subject).await;
    let digests: Vec<&Digest> = listed.iter().map(|entry| &entry.digest).collect();
    assert_eq!(digests, [&one.digest, &two.digest]);

    // Other programs see the same.
    let raw = |name: &str| -> Value {
        let name = format!("docker://{host}/web{name}");
        let arguments = ["inspect", "--raw", "--tls-verify=false", &name];
        serde_json::from_str(&programs::run("skopeo", &arguments)).expect("JSON")
    };
    let index = raw(&format!(":sha256-{}", subject.digest.hex()));
    assert_eq!(index["manifests"][0]["artifactType"], SBOM);
    let manifest = raw(&format!("@{}", one.digest));
    assert_eq!(
        manifest,
        json!({
            "schemaVersion": 2,
            "mediaType": media_type::MANIFEST,
            "artifactType": SBOM,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "size": 2,
            },
            "layers": [{ "mediaType": SBOM, "digest": Digest::of(b"{\"one\":1}"), "size": 9 }],
            "subject": { "mediaType": media_type::MANIFEST, "digest": subject.digest, "size": subject.size },
        })
    );

    let plan = format!(
        "name: none\nregistries: {{ '{host}': {{ login: anonymous }} }}\nsteps: [{{ run: 'true' }}]\n"
    );
    let program = Program::with_plan(&plan);
    let shown = program.run(&["images", &format!("{host}/web:v1"), "--referrers"]).exits(0).stdout;
    let lines: Vec<Vec<&str>> =
        shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["TYPE", "DIGEST", "SIZE", "AGE"]);
    assert_eq!(lines[1][0], SBOM);
    assert_eq!(lines[1][2..], ["11", "B", "-"]);
    let name = format!("{host}/web@{}", subject.digest);
    let json = ["images", &name, "--referrers", "--output", "json", "--artifact-type", "x/none"];
    assert_eq!(program.run(&json).exits(0).stdout, "[]\n");
}
