//! What is required of images by an identity.

use super::{Scene, digest_of};
use crate::oci::Digest;
use crate::plan::expr::{Object, Value};
use crate::registry::{KeylessAnnotations, NewSignature};
use crate::signing::testing::{ISSUER, Issued, Logged, PLAIN_PUBLIC_KEY, TestSigstore, WORKFLOW};
use crate::signing::{KeylessTrust, Roots, SignedContent, payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::SanType;
use rcgen::string::Ia5String;

pub(super) struct KeylessScene {
    pub scene: Scene,
    pub sigstore: TestSigstore,
}

pub(super) fn required(identity: &str, issuer: &str) -> String {
    format!(
        "{{ signed-by: {{ identity: \"{identity}\", issuer: \"{issuer}\", roots: fulcio.pem, log-key: rekor.pub }} }}"
    )
}

impl KeylessScene {
    pub async fn new() -> Self {
        Self::requiring(&required(WORKFLOW, ISSUER)).await
    }

    pub async fn requiring(require: &str) -> Self {
        let (scene, sigstore) = (Scene::new(require).await, TestSigstore::new());
        let this = Self { scene, sigstore };
        this.trust(&this.sigstore.roots(), &this.sigstore.log_key().to_pem());
        this
    }

    fn trust(&self, roots: &str, log_key: &str) {
        let folder = self.scene.folder.path();
        std::fs::write(folder.join("fulcio.pem"), roots).expect("written");
        std::fs::write(folder.join("rekor.pub"), log_key).expect("written");
    }

    /// Signs the image as the workflow does.
    fn logged(&self) -> (Vec<u8>, Logged) {
        let image = &self.scene.image;
        let payload = payload(image, &digest_of(image));
        let logged = self.sigstore.sign(&payload, &Issued::default());
        (payload, logged)
    }

    pub async fn add(&self, payload: Vec<u8>, logged: Logged) {
        let Logged { signature, certificate, chain, entry } = logged;
        let keyless = KeylessAnnotations {
            certificate: Some(certificate),
            chain: Some(chain),
            entry: Some(entry.to_annotation()),
        };
        let new = NewSignature { payload: payload.into(), signature, keyless };
        self.scene.add(&self.scene.image, &new).await;
    }

    pub async fn sign(&self) {
        let (payload, logged) = self.logged();
        self.add(payload, logged).await;
    }

    pub async fn refused(&self, identity: &str, why: &str, help: &str) {
        let error = self.scene.refusal().await;
        let first = format!("`INDEX` is not signed by `{identity}`");
        assert_eq!(self.scene.chain(&error), [first, format!("its signature is {why}")]);
        assert_eq!(error.failure.help.as_deref(), Some(help));
    }
}

/// What is said of a signature of the workflow.
pub(super) fn signed_by_workflow() -> String {
    format!("`IMAGE` is signed by `{WORKFLOW}` (issuer `{ISSUER}`), log entry 42")
}

#[tokio::test]
async fn signature_of_the_identity_counts() {
    let keyless = KeylessScene::new().await;
    keyless.sign().await;
    let notes = keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);

    let pattern =
        required("https://github.com/octo/.*", ISSUER).replace("identity:", "identity-matches:");
    let keyless = KeylessScene::requiring(&pattern).await;
    keyless.sign().await;
    let notes = keyless.scene.check().await.expect("signed");
    // What was found, and not the pattern.
    assert_eq!(notes, [signed_by_workflow()]);
}

#[tokio::test]
async fn hostile_identity_is_shown_escaped_and_short() {
    let pattern = required(".*", ISSUER).replace("identity:", "identity-matches:");
    let keyless = KeylessScene::requiring(&pattern).await;
    let image = &keyless.scene.image;
    let payload = payload(image, &digest_of(image));
    let name = format!("https://a/`\u{1b}[2J{}", "x".repeat(500));
    let identity = SanType::URI(Ia5String::try_from(name.as_str()).expect("ASCII"));
    let issued = Issued { identity, ..Issued::default() };
    let logged = keyless.sigstore.sign(&payload, &issued);
    keyless.add(payload, logged).await;

    let notes = keyless.scene.check().await.expect("signed");

    let shown = format!("`https://a/\\u{{60}}\\u{{1b}}[2J{}…`", "x".repeat(185));
    let wanted = format!("`IMAGE` is signed by {shown} (issuer `{ISSUER}`), log entry 42");
    assert_eq!(notes, [wanted]);
}

#[tokio::test]
async fn local_cloud_is_named_where_it_certified() {
    let mut keyless = KeylessScene::new().await;
    keyless.sign().await;
    let local = KeylessTrust {
        roots: Roots::parse(&keyless.sigstore.roots()).expect("roots"),
        log_key: keyless.sigstore.log_key(),
        is_local: true,
    };
    // The plan names the certificates of another Fulcio, and the key of another Rekor.
    let other = TestSigstore::new();
    keyless.trust(&other.roots(), &other.log_key().to_pem());
    keyless.scene.trust_local(local);

    let notes = keyless.scene.check().await.expect("signed");

    let note = "of the local cloud: whose job signs in a real run is not shown by this";
    assert_eq!(notes, [format!("{} {note}", signed_by_workflow())]);
}

#[tokio::test]
async fn identity_of_the_local_cloud_is_told_from_that_of_a_job() {
    let mut keyless = KeylessScene::requiring(&required("ann@example.com", ISSUER)).await;
    keyless.sign().await;
    let roots = Roots::parse(&keyless.sigstore.roots()).expect("roots");
    let log_key = keyless.sigstore.log_key();
    let other = TestSigstore::new();
    keyless.trust(&other.roots(), &other.log_key().to_pem());
    keyless.scene.trust_local(KeylessTrust { roots, log_key, is_local: true });
    let why = format!("by `{WORKFLOW}`, as which the local cloud signs, another identity");
    let help = "a real run signs as its own job; a dry run does as the workflow that runs it, \
                elsewhere as one identity that the plan requires: try it outside of GitHub \
                Actions, or require the same identity in each step";
    keyless.refused("ann@example.com", &why, help).await;
}

#[tokio::test]
async fn unsigned_image_is_refused_with_the_way_to_sign() {
    let error = KeylessScene::new().await.scene.refusal().await;
    assert_eq!(
        error.failure.help.as_deref(),
        Some(
            "sign it where it is pushed, as in \
             `push: { sign: { keyless: { fulcio: …, rekor: … } } }`"
        )
    );
}

#[tokio::test]
async fn another_identity_or_issuer_is_refused() {
    let help = "sign it as the identity that is required, or add that of its signature to \
                `signed-by`";
    let keyless = KeylessScene::requiring(&required("ann@example.com", ISSUER)).await;
    keyless.sign().await;
    let why = format!("by `{WORKFLOW}`, another identity");
    keyless.refused("ann@example.com", &why, help).await;

    let keyless =
        KeylessScene::requiring(&required(WORKFLOW, "https://accounts.example.com")).await;
    keyless.sign().await;
    let why = format!("by `{WORKFLOW}` of `{ISSUER}`, another issuer");
    keyless.refused(WORKFLOW, &why, help).await;
}

#[tokio::test]
async fn another_fulcio_or_rekor_is_refused() {
    let (keyless, other) = (KeylessScene::new().await, TestSigstore::new());
    keyless.sign().await;
    keyless.trust(&other.roots(), &keyless.sigstore.log_key().to_pem());
    keyless
        .refused(
            WORKFLOW,
            "by a certificate of another authority",
            "sign the image again by the Fulcio of `roots`; where you trust the other, name its \
             certificates: `curl -fsS FULCIO/api/v1/rootCert -o fulcio.pem`, with its URL in \
             place of `FULCIO`",
        )
        .await;
    keyless.trust(&keyless.sigstore.roots(), &other.log_key().to_pem());
    keyless
        .refused(
            WORKFLOW,
            "in another transparency log",
            "sign the image again by the Rekor whose key is `log-key`; where you trust the other, \
             name its key: `curl -fsS REKOR/api/v1/log/publicKey -o rekor.pub`, with its URL in \
             place of `REKOR`",
        )
        .await;
}

#[tokio::test]
async fn signature_that_was_logged_too_late_is_refused() {
    let keyless = KeylessScene::new().await;
    let (payload, mut logged) = keyless.logged();
    let signature = STANDARD.decode(&logged.signature).expect("base64");
    let signed = SignedContent { message: &payload, payload: &payload, signature: &signature };
    logged.entry = keyless.sigstore.log(&signed, &logged.certificate, 1_800_000_601);
    keyless.add(payload, logged).await;
    keyless
        .refused(
            WORKFLOW,
            "by a certificate that was not valid when it was logged, 2027-01-15T08:10:01Z",
            "sign the image again, with a certificate of Fulcio",
        )
        .await;
}

#[tokio::test]
async fn changed_payload_is_refused() {
    let keyless = KeylessScene::new().await;
    let (mut payload, logged) = keyless.logged();
    payload.push(b' ');
    keyless.add(payload, logged).await;
    let why = "damaged: its entry in the transparency log is of another payload";
    keyless.refused(WORKFLOW, why, &keyless.scene.delete_tag()).await;
}

#[tokio::test]
async fn entry_of_another_signature_is_refused() {
    let keyless = KeylessScene::new().await;
    let ((payload, mut logged), (_, other)) = (keyless.logged(), keyless.logged());
    logged.entry = other.entry;
    keyless.add(payload, logged).await;
    let why = "damaged: its entry in the transparency log is of another signature";
    keyless.refused(WORKFLOW, why, &keyless.scene.delete_tag()).await;
}

#[tokio::test]
async fn signature_without_an_entry_or_a_certificate_is_refused() {
    let keyless = KeylessScene::new().await;
    let (payload, Logged { signature, certificate, .. }) = keyless.logged();
    let keyless_parts =
        KeylessAnnotations { certificate: Some(certificate), ..KeylessAnnotations::default() };
    let new = NewSignature { payload: payload.into(), signature, keyless: keyless_parts };
    keyless.scene.add(&keyless.scene.image, &new).await;
    keyless
        .refused(
            WORKFLOW,
            "in no transparency log",
            "sign it again by a Rekor that answers with a signed entry timestamp, as version 1 \
             does: `push: { sign: { keyless: { fulcio: …, rekor: … } } }`",
        )
        .await;

    let keyless = KeylessScene::new().await;
    let (payload, _) = keyless.logged();
    keyless.scene.sign(&keyless.scene.image, payload).await;
    keyless
        .refused(
            WORKFLOW,
            "by a key, without a certificate",
            "sign it as `push: { sign: { keyless: … } }` does, or add the public key of its \
             signature to `signed-by`",
        )
        .await;
}

#[tokio::test]
async fn signature_for_another_digest_is_refused() {
    let keyless = KeylessScene::new().await;
    let other = Digest::of(b"another");
    let payload = payload(&keyless.scene.image, &other);
    let logged = keyless.sigstore.sign(&payload, &Issued::default());
    keyless.add(payload, logged).await;
    let help = "sign this image: a signature of another one proves nothing of it";
    keyless.refused(WORKFLOW, &format!("for another digest, {other}"), help).await;
}

#[tokio::test]
async fn key_or_identity_counts() {
    let both = required(WORKFLOW, ISSUER).replace("{ signed-by: ", "{ signed-by: [other.pub, ");
    let keyless = KeylessScene::requiring(&both.replace(" } }", " }] }")).await;
    let (payload, _) = keyless.logged();
    keyless.scene.sign(&keyless.scene.image, payload).await;
    let error = keyless.scene.refusal().await;
    assert_eq!(
        keyless.scene.chain(&error),
        [
            format!("`INDEX` is not signed by `other.pub` or `{WORKFLOW}`"),
            "its signature is by another key".to_owned()
        ]
    );
    keyless.sign().await;
    let notes = keyless.scene.check().await.expect("signed");
    assert_eq!(notes, [signed_by_workflow()]);
}

#[tokio::test]
async fn values_that_are_no_pattern_or_issuer_are_refused() {
    let refused = async |require: &str, value: &str| {
        let mut keyless = KeylessScene::requiring(require).await;
        let env = Object::default().with("X", Value::from(value));
        let scope = keyless.scene.performer.plan.scope.clone().with("env", env);
        keyless.scene.performer.plan.scope = scope;
        let error = keyless.scene.requirement().err().expect("refused");
        assert!(error.span.is_some());
        (error.failure.chain, error.failure.help)
    };
    let pattern = required("${{ env.X }}", ISSUER).replace("identity:", "identity-matches:");
    assert_eq!(
        refused(&pattern, "(").await,
        (
            vec!["`(` is not a regular expression".to_owned()],
            Some("write one such as `https://github\\.com/octo/shop/.*`".to_owned())
        )
    );
    assert_eq!(
        refused(&required(WORKFLOW, "${{ env.X }}"), "github").await,
        (
            vec![
                "`github` is not an issuer".to_owned(),
                "expected a URL that begins with `https://`".to_owned()
            ],
            Some(
                "write the `iss` of its tokens, which is \
                 `https://token.actions.githubusercontent.com` for jobs of GitHub Actions"
                    .to_owned()
            )
        )
    );
}

#[tokio::test]
async fn what_an_identity_is_verified_by_has_to_be_usable() {
    let keyless = KeylessScene::new().await;
    let refused = |chain: &[&str], help: &str| {
        let error = keyless.scene.requirement().err().expect("refused");
        assert_eq!(error.failure.chain, chain);
        assert_eq!(error.failure.help.as_deref(), Some(help));
        assert!(error.span.is_some());
    };
    let log_key = keyless.sigstore.log_key().to_pem();
    keyless.trust(PLAIN_PUBLIC_KEY, &log_key);
    refused(
        &[
            "`fulcio.pem` does not verify signatures",
            "it holds a `PUBLIC KEY`, and only certificates are read",
        ],
        "write the certificates of Fulcio, its root too: \
         `curl -fsS FULCIO/api/v1/rootCert -o fulcio.pem`, with its URL in place of `FULCIO`",
    );
    std::fs::remove_file(keyless.scene.folder.path().join("fulcio.pem")).expect("removed");
    refused(
        &["cannot read the certificates `fulcio.pem`", "No such file or directory (os error 2)"],
        "name a file as `roots`, relative to the plan's folder",
    );
    keyless.trust(&keyless.sigstore.roots(), &log_key);
    std::fs::remove_file(keyless.scene.folder.path().join("rekor.pub")).expect("removed");
    refused(
        &["cannot read the public key `rekor.pub`", "No such file or directory (os error 2)"],
        "name a file as `log-key`, relative to the plan's folder, or write the key itself",
    );
    keyless.trust(&keyless.sigstore.roots(), &log_key);
    let words = keyless.scene.requirement().expect("usable").words();
    let log = keyless.sigstore.log_key();
    let start = format!("a signature by `{WORKFLOW}` of `{ISSUER}` (roots ");
    let end = format!(", log key {})", log.fingerprint());
    assert!(words[0].starts_with(&start) && words[0].ends_with(&end), "{words:?}");
}
