//! Signatures with a certificate and an entry, in a registry.

use super::KeylessClients;
use crate::http::{Client as HttpClient, Settings};
use crate::oci::{Digest, Reference};
use crate::plan::expr::{Object, Scope, Value};
use crate::plan::schema::{Action, Keyless, Push, SignWith};
use crate::registry::testing::fake_registry::FakeRegistry;
use crate::run::outcome::{AttemptError, StepError};
use crate::run::perform::performer::Performer;
use crate::run::perform::sign::SignedManifest;
use crate::run::perform::test_support::performer;
use crate::signing::PublicKey;
use crate::signing::testing::{BEGIN, Issued, TestSigstore, WORKFLOW};
use crate::sigstore::{Fulcio, Rekor};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use url::Url;

const PLAN: &str = "name: a\nsecrets: { token: { env: T } }\nsteps:\n\
    - push: { image: \"a.io/b:v1\", sign: { keyless: { fulcio: \"${{ env.FULCIO }}\", rekor: \"https://rekor.example.com\", identity-token: \"${{ secrets.token }}\" } } }\n";

/// A Fulcio and a Rekor under one URL.
#[derive(Clone)]
struct Fake {
    sigstore: Arc<TestSigstore>,
    /// When entries are logged, in seconds since 1970.
    at: i64,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(at: i64) -> (Self, Url) {
        let (sigstore, seen) = (Arc::new(TestSigstore::new()), Arc::default());
        let fake = Self { sigstore, at, seen };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let app = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (fake, Url::parse(&url).expect("a URL"))
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().expect("no panic"))
    }
}

async fn answer(State(fake): State<Fake>, method: Method, uri: Uri, body: Bytes) -> String {
    let name = format!("{method} {}", uri.path());
    fake.seen.lock().expect("no panic").push(name.clone());
    let asked: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    match name.as_str() {
        "POST /api/v2/signingCert" => {
            let key = asked["publicKeyRequest"]["publicKey"]["content"].as_str().expect("a key");
            let key = PublicKey::parse(key).expect("a key");
            let leaf = fake.sigstore.issue_for(key, &Issued::default()).to_pem();
            let chain = json!({ "certificates": [leaf, fake.sigstore.roots()] });
            json!({ "signedCertificateEmbeddedSct": { "chain": chain } }).to_string()
        }
        "GET /api/v1/log/publicKey" => fake.sigstore.log_key().to_pem(),
        "POST /api/v1/log/entries" => {
            let entry = fake.sigstore.promise(&asked.to_string(), fake.at);
            json!({ "uuid": {
                "body": entry.body,
                "integratedTime": entry.integrated_time,
                "logID": entry.log_id,
                "logIndex": entry.log_index,
                "verification": { "signedEntryTimestamp": STANDARD.encode(entry.promise) },
            } })
            .to_string()
        }
        other => panic!("{other}"),
    }
}

fn scope(performer: &Performer, fulcio: &str) -> Scope {
    let claims = URL_SAFE_NO_PAD
        .encode(r#"{"iss":"https://token.actions.githubusercontent.com","sub":"1"}"#);
    let token = performer.services.redactor.adopt("secrets.token", format!("e30.{claims}.x"));
    let secrets = Object::default().with("token", Value::secret(&token));
    let env = Object::default().with("FULCIO", Value::from(fulcio));
    performer.plan.scope.clone().with("secrets", secrets).with("env", env)
}

fn keyless(performer: &Performer) -> &Keyless {
    let Action::Push(Push { sign: Some(sign), .. }) = &performer.plan.step(0, 0).action else {
        panic!("no signature")
    };
    let SignWith::Keyless(keyless) = &sign.with else { panic!("a key") };
    keyless
}

struct Scene {
    performer: Performer,
    registry: FakeRegistry,
    fake: Fake,
    url: Url,
    digest: Digest,
    targets: Vec<Reference>,
}

impl Scene {
    async fn new(at: i64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (performer, registry) =
            (performer(PLAN, folder.path()).await, FakeRegistry::start().await);
        let (fake, url) = Fake::start(at).await;
        let target = |name: &str| format!("{}/{name}", registry.host()).parse();
        let targets = ["web:v1", "web:v2", "api:v1"].map(|name| target(name).expect("a reference"));
        let digest = Digest::of(b"image");
        Self { performer, fake, url, digest, targets: targets.to_vec(), registry }
    }

    /// Signs. Returns what is said of each signature.
    async fn sign(&self) -> Result<Vec<String>, StepError> {
        let scope = scope(&self.performer, "https://fulcio.example.com");
        let services = &self.performer.services;
        let http = HttpClient::new(Settings::default()).expect("a client");
        let clients = KeylessClients {
            fulcio: Fulcio { http: http.clone(), url: self.url.clone() },
            rekor: Rekor { http, url: self.url.clone() },
            ..KeylessClients::new(services, keyless(&self.performer), &scope)?
        };
        // The token that the plan gives is for the real services alone.
        assert!(services.clients.signers.local_trust().is_none());
        let manifest = SignedManifest { digest: &self.digest, targets: &self.targets };
        let signed = clients.sign(&services.clients.registry, &manifest).await;
        let signed = signed.map_err(|error| match error {
            AttemptError::Failed(error) => *error,
            AttemptError::Stopped | AttemptError::TimedOut { .. } => panic!("it was stopped"),
        })?;
        let shown = signed.iter().map(|one| {
            let name = one.repository.name().replace(&self.registry.host(), "HOST");
            format!("{name}{} {}", one.how, one.attached.already)
        });
        Ok(shown.collect())
    }
}

#[tokio::test]
async fn each_repository_has_a_signature_with_an_entry_of_its_own() {
    let scene = Scene::new(BEGIN + 300).await;
    let by = format!("by `{WORKFLOW}`, entry 42 of the log,");

    let first = scene.sign().await.expect("signed");
    let asked = scene.fake.seen();
    let again = scene.sign().await.expect("signed");

    assert_eq!(first, [format!("HOST/api {by} false"), format!("HOST/web {by} false")]);
    let entries = asked.iter().filter(|name| *name == "POST /api/v1/log/entries").count();
    assert_eq!((asked.len(), entries), (4, 2), "{asked:?}");
    assert_eq!(again, [format!("HOST/api {by} true"), format!("HOST/web {by} true")]);
    assert_eq!(scene.fake.seen(), ["POST /api/v2/signingCert", "GET /api/v1/log/publicKey"]);
    let registry = &scene.performer.services.clients.registry;
    let stored = registry.signatures(&scene.targets[0], &scene.digest).await.expect("a list");
    let [stored] = stored.as_slice() else { panic!("{stored:?}") };
    assert!(stored.keyless.certificate.is_some() && stored.keyless.chain.is_some());
}

#[tokio::test]
async fn signature_that_does_not_verify_is_not_attached() {
    let scene = Scene::new(BEGIN + 601).await;

    let error = scene.sign().await.expect_err("refused");

    assert_eq!(
        error.failure.chain,
        [
            "the signature that was made does not verify",
            "it is by a certificate that was not valid when it was logged, 2027-01-15T08:10:01Z"
        ]
    );
    assert_eq!(
        error.failure.help.as_deref(),
        Some("are `fulcio` and `rekor` of the same Sigstore, and is this machine's clock right?")
    );
    let registry = &scene.performer.services.clients.registry;
    for target in &scene.targets {
        assert_eq!(registry.signatures(target, &scene.digest).await.expect("a list"), []);
    }
}

#[tokio::test]
async fn values_that_are_no_url_or_no_secret_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let performer = performer(PLAN, folder.path()).await;
    let refused = |scope: &Scope| {
        let clients = KeylessClients::new(&performer.services, keyless(&performer), scope);
        let error = clients.err().expect("refused");
        assert!(error.span.is_some());
        (error.failure.chain, error.failure.help)
    };
    assert_eq!(
        refused(&scope(&performer, "http://fulcio.example.com")),
        (
            vec![
                "`http://fulcio.example.com` is not the URL of `fulcio`".to_owned(),
                "expected a URL that begins with `https://`".to_owned()
            ],
            Some(
                "write the URL below which its `/api` is, such as `https://fulcio.example.com`"
                    .to_owned()
            )
        )
    );
    let plain = Object::default().with("token", Value::from("e30.e30.x"));
    let plain = scope(&performer, "https://fulcio.example.com").with("secrets", plain);
    assert_eq!(
        refused(&plain),
        (
            vec!["the token that says who signs is not a secret".to_owned()],
            Some(
                "declare it under `secrets`, and write `${{ secrets.NAME }}` as \
                 `identity-token`"
                    .to_owned()
            )
        )
    );
}
