//! What is required of images in a registry.

mod bundles;
mod keyless;

use super::{RequiredImage, Requirement};
use crate::oci::{Descriptor, Digest, Manifest, Reference, media_type};
use crate::plan::schema::{Action, Require};
use crate::registry::testing::fake_registry::FakeRegistry;
use crate::registry::{
    Artifact, Blob, BlobSource, KeylessAnnotations, NewSignature, signature_tag,
};
use crate::run::outcome::StepError;
use crate::run::perform::performer::Performer;
use crate::run::perform::plan::RunPlan;
use crate::run::perform::test_support::performer;
use crate::signing::testing::{COSIGN_PUBLIC_KEY, PLAIN_KEY, PLAIN_PUBLIC_KEY, plain_key};
use crate::signing::{KeylessTrust, payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use tempfile::TempDir;

const IN_TOTO: &str = "application/vnd.in-toto+json";

struct Scene {
    registry: FakeRegistry,
    performer: Performer,
    folder: TempDir,
    /// An image that an index lists, and that index.
    image: Reference,
    index: Reference,
}

impl Scene {
    /// `require` is the value of the key.
    async fn new(require: &str) -> Self {
        let registry = FakeRegistry::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("own.pub"), PLAIN_PUBLIC_KEY).expect("written");
        std::fs::write(folder.path().join("other.pub"), COSIGN_PUBLIC_KEY).expect("written");
        std::fs::write(folder.path().join("own.key"), PLAIN_KEY).expect("written");
        let plan = format!(
            "name: a\nsteps:\n- verify: {{ http: \"https://a.io/\", require: {require} }}\n"
        );
        let performer = performer(&plan, folder.path()).await;
        let place: Reference = format!("{}/web", registry.host()).parse().expect("a reference");
        let described = |kind: &str, digest: &Digest| Descriptor::new(kind, digest.clone(), 1);
        let config = described(media_type::CONFIG, &Digest::of(b"config"));
        let image = Manifest::of_image(config, Vec::new()).to_bytes();
        let image = registry.put_manifest("web", "amd64", (media_type::MANIFEST, &image));
        let index = Manifest::of_index(vec![described(media_type::MANIFEST, &image)]).to_bytes();
        let index = registry.put_manifest("web", "v1", (media_type::INDEX, &index));
        let (image, index) = (place.with_digest(image), place.with_digest(index));
        Self { registry, performer, folder, image, index }
    }

    fn requirement(&self) -> Result<Requirement, StepError> {
        let Action::Verify(verify) = &self.performer.plan.step(0, 0).action else {
            panic!("no verify")
        };
        let require: &Require = verify.require.as_ref().expect("there");
        let plan = RunPlan { folder: self.folder.path().to_owned(), ..self.performer.plan.clone() };
        Requirement::new(require, &plan.key_files(0), &plan.scope)
    }

    /// Checks the image, which the plan names by the tag of its index.
    async fn check(&self) -> Result<Vec<String>, StepError> {
        let named = vec![self.index.clone().with_tag("v1")];
        let image = RequiredImage { image: self.image.clone(), named };
        let requirement = self.requirement().expect("keys");
        let notes = requirement.check(&self.performer, &image).await?;
        Ok(notes.iter().map(|note| self.shown(note)).collect())
    }

    async fn refusal(&self) -> StepError {
        self.check().await.expect_err("refused")
    }

    /// Lets what a local cloud certifies and logs count too.
    fn trust_local(&mut self, trust: KeylessTrust) {
        self.performer.services.clients.signers.local = Some(trust);
    }

    /// The remedy for a signature of the image that is damaged.
    fn delete_tag(&self) -> String {
        let tag = signature_tag(&self.image, &digest_of(&self.image));
        format!("delete the tag `{tag}`, which holds its signatures, and sign the image again")
    }

    /// A text with short names.
    fn shown(&self, text: &str) -> String {
        text.replace(&self.image.to_string(), "IMAGE").replace(&self.index.to_string(), "INDEX")
    }

    fn chain(&self, error: &StepError) -> Vec<String> {
        error.failure.chain.iter().map(|line| self.shown(line)).collect()
    }

    /// Adds a signature of `of` by the plain key over a payload.
    async fn sign(&self, of: &Reference, payload: Vec<u8>) {
        let signature = STANDARD.encode(plain_key().sign(&payload));
        let keyless = KeylessAnnotations::default();
        let new = NewSignature { payload: payload.into(), signature, keyless };
        self.add(of, &new).await;
    }

    async fn add(&self, of: &Reference, new: &NewSignature) {
        let digest = of.digest.as_ref().expect("a digest");
        let registry = &self.performer.services.clients.registry;
        registry.add_signature(of, digest, new, &|_| false).await.expect("added");
    }

    /// Attaches a statement to `to`.
    async fn attach(&self, to: &Reference, statement: &serde_json::Value) {
        self.attach_as(to, IN_TOTO, statement.to_string().into_bytes()).await;
    }

    /// Attaches something. Returns the digest of the artifact.
    async fn attach_as(&self, to: &Reference, kind: &str, bytes: Vec<u8>) -> Digest {
        let content = Descriptor::new(kind, Digest::of(&bytes), bytes.len() as u64);
        let artifact = Artifact {
            artifact_type: kind.to_owned(),
            content: Blob { descriptor: content, source: BlobSource::Bytes(bytes.into()) },
            annotations: BTreeMap::new(),
            same_by: Vec::new(),
        };
        let registry = &self.performer.services.clients.registry;
        let subject = registry.head_manifest(to).await.expect("an answer").expect("there");
        registry.attach(to, &subject, &artifact).await.expect("attached").digest
    }
}

fn digest_of(reference: &Reference) -> Digest {
    reference.digest.clone().expect("a digest")
}

fn statement(kind: &str, digest: &Digest) -> serde_json::Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "web", "digest": { "sha256": digest.hex() } }],
        "predicateType": kind,
        "predicate": {},
    })
}

#[tokio::test]
async fn signature_of_the_image_or_of_its_index_counts() {
    let scene = Scene::new("{ signed-by: [other.pub, own.pub] }").await;
    scene.sign(&scene.index, payload(&scene.index, &digest_of(&scene.index))).await;
    assert_eq!(scene.check().await.expect("signed"), ["`INDEX` is signed by `own.pub`"]);

    let scene = Scene::new("{ signed-by: own.pub }").await;
    scene.sign(&scene.image, payload(&scene.image, &digest_of(&scene.image))).await;
    assert_eq!(scene.check().await.expect("signed"), ["`IMAGE` is signed by `own.pub`"]);
}

#[tokio::test]
async fn index_that_does_not_list_the_image_does_not_count() {
    let scene = Scene::new("{ signed-by: own.pub }").await;
    let elsewhere = Manifest::of_index(Vec::new()).to_bytes();
    let other = scene.registry.put_manifest("web", "v1", (media_type::INDEX, &elsewhere));
    let other = scene.index.with_digest(other);
    scene.sign(&other, payload(&other, &digest_of(&other))).await;

    assert_eq!(scene.chain(&scene.refusal().await), ["`IMAGE` is not signed"]);
}

#[tokio::test]
async fn unsigned_image_is_refused() {
    let scene = Scene::new("{ signed-by: own.pub }").await;

    let error = scene.refusal().await;

    assert_eq!(scene.chain(&error), ["`INDEX` is not signed"]);
    assert_eq!(
        error.failure.help.as_deref(),
        Some(
            "sign it where it is pushed, as in \
             `push: { sign: { key: \"${{ secrets.NAME }}\" } }`"
        )
    );
}

#[tokio::test]
async fn signature_by_another_key_is_refused() {
    let scene = Scene::new("{ signed-by: other.pub }").await;
    scene.sign(&scene.index, payload(&scene.index, &digest_of(&scene.index))).await;

    let error = scene.refusal().await;

    assert_eq!(
        scene.chain(&error),
        ["`INDEX` is not signed by `other.pub`", "its signature is by another key"]
    );
    assert_eq!(
        error.failure.help.as_deref(),
        Some(
            "sign it with the private key of `other.pub`, or add the public key of its \
             signature to `signed-by`"
        )
    );
}

#[tokio::test]
async fn signature_for_another_digest_is_refused() {
    let scene = Scene::new("{ signed-by: own.pub }").await;
    let other = Digest::of(b"another");
    scene.sign(&scene.image, payload(&scene.image, &other)).await;

    let error = scene.refusal().await;

    let why = format!("its signature is for another digest, {other}");
    assert_eq!(scene.chain(&error), ["`INDEX` is not signed by `own.pub`".to_owned(), why]);
    assert_eq!(
        error.failure.help.as_deref(),
        Some("sign this image: a signature of another one proves nothing of it")
    );
}

#[tokio::test]
async fn damaged_signature_is_refused() {
    let scene = Scene::new("{ signed-by: own.pub }").await;
    let content = payload(&scene.image, &digest_of(&scene.image));
    let blob = Digest::of(&content);
    scene.sign(&scene.image, content).await;
    scene.registry.remove_blob("web", &blob);

    let error = scene.refusal().await;

    assert_eq!(
        scene.chain(&error),
        [
            "`INDEX` is not signed by `own.pub`",
            "its signature is damaged: the registry does not have its payload"
        ]
    );
    assert_eq!(error.failure.help.as_deref(), Some(scene.delete_tag().as_str()));
}

#[tokio::test]
async fn several_refused_signatures_are_listed() {
    let scene = Scene::new("{ signed-by: own.pub }").await;
    let other = Digest::of(b"another");
    scene.sign(&scene.image, payload(&scene.image, &other)).await;
    scene.sign(&scene.image, b"{}".to_vec()).await;

    let error = scene.refusal().await;

    assert_eq!(
        scene.chain(&error),
        ["`INDEX` is not signed by `own.pub`", "it has 2 signatures, and no valid one"]
    );
    assert_eq!(
        error.failure.details,
        [
            format!("signature 1 is for another digest, {other}"),
            "signature 2 is damaged: its payload is not simple signing: missing field \
             `critical` at line 1 column 2"
                .to_owned(),
        ]
    );
}

#[tokio::test]
async fn provenance_names_the_image_or_its_index() {
    let scene = Scene::new("{ provenance: true }").await;
    let kind = "https://slsa.dev/provenance/v1";
    let none = scene.refusal().await;
    assert_eq!(scene.chain(&none), ["`INDEX` has no provenance"]);
    assert_eq!(
        none.failure.help.as_deref(),
        Some("attach one where it is pushed, as in `push: { provenance: true }`")
    );

    scene
        .attach(&scene.index, &statement("https://spdx.dev/Document", &digest_of(&scene.index)))
        .await;
    scene.attach(&scene.index, &statement(kind, &Digest::of(b"another"))).await;
    let other = scene.refusal().await;
    assert_eq!(
        scene.chain(&other),
        ["`INDEX` has no provenance", "the one that is attached to it names another image"]
    );

    scene.attach(&scene.index, &statement(kind, &digest_of(&scene.index))).await;
    let wanted = "`INDEX` has a provenance, `https://slsa.dev/provenance/v1`";
    assert_eq!(scene.check().await.expect("there"), [wanted]);
}

#[tokio::test]
async fn provenance_of_buildkit_is_beside_the_image() {
    let mut scene = Scene::new("{ provenance: true }").await;
    let image = digest_of(&scene.image);
    let kind = "https://slsa.dev/provenance/v0.2";
    let statement = statement(kind, &image).to_string();
    let blob = scene.registry.put_blob("web", statement.as_bytes());
    let layer = Descriptor::new(IN_TOTO, blob, statement.len() as u64);
    let config = Descriptor::new(media_type::CONFIG, Digest::of(b"c"), 1);
    let attestation = Manifest::of_image(config, vec![layer]).to_bytes();
    let digest = scene.registry.put_manifest("web", "x", (media_type::MANIFEST, &attestation));
    let mut entry = Descriptor::new(media_type::MANIFEST, digest, attestation.len() as u64);
    entry.annotations = BTreeMap::from([
        ("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned()),
        ("vnd.docker.reference.digest".to_owned(), image.to_string()),
    ]);
    let own = Descriptor::new(media_type::MANIFEST, image, 1);
    let index = Manifest::of_index(vec![own, entry]).to_bytes();
    let index = scene.registry.put_manifest("web", "v1", (media_type::INDEX, &index));
    scene.index = scene.index.with_digest(index);

    let wanted = "`IMAGE` has a provenance, `https://slsa.dev/provenance/v0.2`";
    assert_eq!(scene.check().await.expect("there"), [wanted]);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused() {
    #[track_caller]
    fn refused(scene: &Scene, chain: &[&str], help: &str) {
        let error = scene.requirement().err().expect("refused");
        assert_eq!(error.failure.chain, chain);
        assert_eq!(error.failure.help.as_deref(), Some(help));
        assert!(error.span.is_some());
    }
    refused(
        &Scene::new("{ signed-by: gone.pub }").await,
        &["cannot read the public key `gone.pub`", "No such file or directory (os error 2)"],
        "name a file as `signed-by`, relative to the plan's folder, or write the key itself",
    );
    refused(
        &Scene::new("{ signed-by: own.key }").await,
        &["`own.key` does not verify signatures", "it is a private key"],
        "keep it out of the repository, and give its public key: \
         `openssl pkey -in signing.key -pubout -out signing.pub`",
    );
}

#[tokio::test]
async fn key_in_the_plan_is_called_by_its_digest() {
    let key = PLAIN_PUBLIC_KEY.replace('\n', "\\n");
    let scene = Scene::new(&format!("{{ signed-by: \"{key}\", provenance: true }}")).await;

    let words = scene.requirement().expect("a key").words();

    let fingerprint = plain_key().public_key().fingerprint();
    assert_eq!(words, [format!("a signature by `key {fingerprint}`"), "a provenance".to_owned()]);
}
