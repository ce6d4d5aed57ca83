//! What the Fulcio and the Rekor refuse.

use super::{Sigstore, router};
use crate::local::entra::Tokens;
use crate::local::identity::Identity;
use crate::local::initial_state::{InitialState, SigstoreHosts};
use crate::local::proxy::RequestHost;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

struct Scene {
    sigstore: Arc<Sigstore>,
    tokens: Arc<Tokens>,
    state: TempDir,
}

impl Scene {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let identity = Identity::open(state.path(), &InitialState::default()).expect("made");
        let tokens = Arc::new(Tokens::new(identity));
        Self { sigstore: open(&state, &tokens), tokens, state }
    }

    /// The status and the body of an answer.
    async fn post(&self, host: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::post(path).extension(RequestHost(host.to_owned()));
        let request = request.body(Body::from(body.to_string())).expect("a request");
        let answer = router(Arc::clone(&self.sigstore)).oneshot(request).await;
        let answer = answer.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// Why a certificate is refused.
    async fn refusal(&self, token: &str, key: &str, proof: &[u8]) -> String {
        let body = json!({
            "credentials": { "oidcIdentityToken": token },
            "publicKeyRequest": {
                "publicKey": { "content": key }, "proofOfPossession": STANDARD.encode(proof),
            },
        });
        let (status, body) = self.post("fulcio.example.com", "/api/v2/signingCert", &body).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!(3)));
        body["message"].as_str().expect("text").to_owned()
    }

    fn token(&self, audience: &str) -> String {
        let claims = json!({ "iss": "https://a.example.com", "sub": "job", "aud": audience });
        self.tokens.issue_claims(claims, 60)
    }
}

fn open(state: &TempDir, tokens: &Arc<Tokens>) -> Arc<Sigstore> {
    let hosts = SigstoreHosts {
        fulcio: vec!["fulcio.example.com".to_owned()],
        rekor: vec!["rekor.example.com".to_owned()],
        identity: "https://a.example.com/job".to_owned(),
        issuer: "https://a.example.com".to_owned(),
    };
    Arc::new(Sigstore::open(state.path(), hosts, Arc::clone(tokens)).expect("opened"))
}

#[tokio::test]
async fn certificate_needs_a_token_a_key_and_a_proof() {
    let scene = Scene::new();
    let key = KeyPair::generate().expect("a key");
    let (pem, token) = (key.public_key_pem(), scene.token("sigstore"));
    let proof = key.sign(b"job").expect("signed");

    let bad_token = "There was an error processing the identity token";
    assert_eq!(scene.refusal("placeholder", &pem, &proof).await, bad_token);
    assert_eq!(scene.refusal(&scene.token("another"), &pem, &proof).await, bad_token);
    assert_eq!(
        scene.refusal(&token, "key", &proof).await,
        "The public key supplied in the request could not be parsed"
    );
    let other = key.sign(b"another").expect("signed");
    assert_eq!(
        scene.refusal(&token, &pem, &other).await,
        "The signature supplied in the request could not be verified"
    );
}

#[tokio::test]
async fn entry_is_logged_once_and_kept() {
    let scene = Scene::new();
    let certificate = scene.sigstore.roots();
    let entry = |kind: &str, value: &str| {
        json!({
            "apiVersion": "0.0.1", "kind": kind,
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": value } },
                "signature": {
                    "content": "c2ln",
                    "publicKey": { "content": STANDARD.encode(&certificate) },
                },
            },
        })
    };
    let log = "/api/v1/log/entries";
    let good = entry("hashedrekord", &"0".repeat(64));

    let (created, body) = scene.post("rekor.example.com", log, &good).await;
    let reopened = Scene { sigstore: open(&scene.state, &scene.tokens), ..Scene::new() };
    let (conflict, refusal) = reopened.post("rekor.example.com", log, &good).await;

    assert_eq!(created, StatusCode::CREATED);
    let uuid = body.as_object().expect("a mapping").keys().next().expect("an entry");
    assert_eq!(body[uuid]["logIndex"], 0);
    assert_eq!(conflict, StatusCode::CONFLICT);
    assert_eq!(
        refusal["message"],
        format!("an equivalent entry already exists in the transparency log with UUID {uuid}")
    );
    let refusal = async |body: Value| {
        let (status, body) = scene.post("rekor.example.com", log, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        body["message"].as_str().expect("text").to_owned()
    };
    assert_eq!(refusal(entry("dsse", &"0".repeat(64))).await, "unsupported version 0.0.1 of dsse");
    assert_eq!(
        refusal(entry("hashedrekord", "0")).await,
        "error processing entry: invalid hash, signature or public key"
    );
    assert_ne!(reopened.sigstore.log_key(), Scene::new().sigstore.log_key());
    assert_eq!(reopened.sigstore.log_key(), scene.sigstore.log_key());
}
