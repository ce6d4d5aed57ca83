//! Fulcio and Rekor, as the client sees them.

mod fulcio;

use super::{Fulcio, IdentityToken, Rekor, SigstoreError};
use crate::http::{Client, Retryable as _, Settings};
use crate::secret::Redactor;
use crate::signing::testing::{ISSUER, Issued, TestSigstore, WORKFLOW};
use crate::signing::{LogEntry, SignedContent, SigningKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, Response, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use url::Url;

/// Answers a request: its method and path, and its body.
type Answer = dyn Fn(&str, &[u8]) -> Response<axum::body::Body> + Send + Sync;

struct Fake {
    url: Url,
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct FakeState {
    answer: Arc<Answer>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(
        answer: impl Fn(&str, &[u8]) -> Response<axum::body::Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let state = FakeState { answer: Arc::new(answer), seen: Arc::clone(&seen) };
        let app = Router::new().fallback(serve).with_state(state);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url: Url::parse(&format!("http://{address}/base/")).expect("a URL"), seen }
    }

    fn fulcio(&self) -> Fulcio {
        Fulcio { http: client(), url: self.url.clone() }
    }

    fn rekor(&self) -> Rekor {
        Rekor { http: client(), url: self.url.clone() }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }

    /// The messages of an error, without the port of this server.
    fn chain(&self, error: &SigstoreError) -> String {
        let url = self.url.as_str();
        let mut text = error.to_string();
        let mut next = std::error::Error::source(error);
        while let Some(cause) = next {
            text = format!("{text}\n{cause}");
            next = cause.source();
        }
        text.replace(url, "URL/")
    }
}

async fn serve(
    State(state): State<FakeState>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<axum::body::Body> {
    let name = format!("{method} {}", uri.path());
    state.seen.lock().expect("no panic").push(name.clone());
    (state.answer)(&name, &body)
}

fn answered(status: StatusCode, body: &Value) -> Response<axum::body::Body> {
    let mut answer = Response::new(body.to_string().into());
    *answer.status_mut() = status;
    answer
}

fn client() -> Client {
    Client::new(Settings::default()).expect("a client")
}

fn token() -> IdentityToken {
    let claims = json!({
        "iss": ISSUER,
        "sub": "repo:octo/shop:ref:refs/heads/main",
        "job_workflow_ref": WORKFLOW.trim_start_matches("https://github.com/"),
    });
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let secret = Redactor::default().adopt("token", format!("e30.{claims}.signature"));
    IdentityToken::of(secret).expect("a token")
}

struct Logged {
    sigstore: TestSigstore,
    certificate: crate::signing::Certificate,
    signature: Vec<u8>,
}

impl Logged {
    fn new() -> Self {
        let (sigstore, key) = (TestSigstore::new(), SigningKey::generate());
        let certificate = sigstore.issue(&key, &Issued::default());
        Self { sigstore, certificate, signature: key.sign(b"payload") }
    }

    fn signed(&self) -> SignedContent<'_> {
        SignedContent { message: b"payload", payload: b"payload", signature: &self.signature }
    }

    fn entry(&self) -> LogEntry {
        self.sigstore.log(&self.signed(), &self.certificate.to_pem(), 1_800_000_300)
    }
}

fn shown(entry: &LogEntry) -> Value {
    json!({
        "24296fb24b8ad77a": {
            "body": entry.body,
            "integratedTime": entry.integrated_time,
            "logID": entry.log_id,
            "logIndex": entry.log_index,
            "verification": { "signedEntryTimestamp": STANDARD.encode(&entry.promise) },
        },
    })
}

#[tokio::test]
async fn signature_is_logged() {
    let logged = Logged::new();
    let entry = logged.entry();
    let answer = shown(&entry);
    let wanted: Value =
        serde_json::from_slice(&STANDARD.decode(&entry.body).expect("base64")).expect("JSON");
    let fake = Fake::start(move |_, body| {
        let proposed: Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(proposed, wanted);
        answered(StatusCode::CREATED, &answer)
    })
    .await;

    let added = fake.rekor().log(&logged.signed(), &logged.certificate).await.expect("logged");

    assert_eq!(added, entry);
    assert_eq!(fake.seen(), ["POST /base/api/v1/log/entries"]);
}

#[tokio::test]
async fn entry_that_is_there_is_taken_from_its_location() {
    let logged = Logged::new();
    let entry = logged.entry();
    let answer = shown(&entry);
    let there = |location: &'static str| {
        let answer = answer.clone();
        move |name: &str, _: &[u8]| {
            if name.starts_with("GET") {
                return answered(StatusCode::OK, &answer);
            }
            let mut conflict = answered(StatusCode::CONFLICT, &json!({ "code": 409 }));
            let location = location.parse().expect("a header");
            conflict.headers_mut().insert("location", location);
            conflict
        }
    };
    let fake = Fake::start(there("/api/v1/log/entries/24296fb24b8ad77a")).await;

    let found = fake.rekor().log(&logged.signed(), &logged.certificate).await.expect("there");

    assert_eq!(found, entry);
    assert_eq!(fake.seen()[1], "GET /base/api/v1/log/entries/24296fb24b8ad77a");

    let fake = Fake::start(there("http://elsewhere.example.com/x")).await;
    let refused = fake.rekor().log(&logged.signed(), &logged.certificate).await;
    let error = refused.expect_err("refused");
    assert_eq!(
        fake.chain(&error),
        "cannot log the signature in Rekor at URL/\nPOST URL/api/v1/log/entries: 409: \
         {\"code\":409}"
    );
}

#[tokio::test]
async fn what_is_no_entry_is_refused() {
    let logged = Logged::new();
    let refusal = async |answer: Value| {
        let fake = Fake::start(move |_, _| answered(StatusCode::CREATED, &answer)).await;
        let refused = fake.rekor().log(&logged.signed(), &logged.certificate).await;
        let error = refused.expect_err("refused");
        (fake.chain(&error), error.help())
    };
    let mut bad = shown(&logged.entry());
    bad["24296fb24b8ad77a"]["verification"]["signedEntryTimestamp"] = "?".into();
    let help = Some("is `rekor` the URL of a Rekor of version 1, without `/api`?".to_owned());
    assert_eq!(
        refusal(bad).await,
        (
            "cannot use what Rekor at URL/ answers: its promise is not one: Invalid symbol 63, \
             offset 0."
                .to_owned(),
            help.clone()
        )
    );
    assert_eq!(
        refusal(json!({})).await,
        ("cannot use what Rekor at URL/ answers: it has 0 entries, not one".to_owned(), help)
    );
}

#[tokio::test]
async fn key_of_the_log_is_read() {
    let key = SigningKey::generate().public_key();
    let pem = key.to_pem();
    let fake = Fake::start(move |_, _| Response::new(pem.clone().into())).await;
    assert_eq!(fake.rekor().public_key().await.expect("a key"), key);
    assert_eq!(fake.seen(), ["GET /base/api/v1/log/publicKey"]);

    let fake = Fake::start(move |_, _| Response::new("<html>".into())).await;
    let error = fake.rekor().public_key().await.expect_err("no key");
    assert_eq!(
        fake.chain(&error),
        "cannot use what Rekor at URL/ answers: of its public key, it is not a public key in PEM"
    );
    let fake = Fake::start(move |_, _| answered(StatusCode::NOT_FOUND, &json!({}))).await;
    let error = fake.rekor().public_key().await.expect_err("no key");
    assert_eq!(
        fake.chain(&error),
        "cannot read the public key of Rekor at URL/\nGET URL/api/v1/log/publicKey: 404: {}"
    );
    assert_eq!(
        error.help().as_deref(),
        Some("is `rekor` the URL of a Rekor of version 1, without `/api`?")
    );
}

#[test]
fn token_that_is_missing_or_says_nothing_has_a_remedy() {
    use super::error::{BadToken, NoToken};
    let shown = |error: SigstoreError| {
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        (error.to_string(), cause, error.help().expect("a remedy"))
    };
    let texts =
        |one: &str, two: &str, three: &str| (one.to_owned(), two.to_owned(), three.to_owned());
    let what = "cannot get a token that says who signs";
    assert_eq!(
        shown(NoToken::NotPermitted.into()),
        texts(
            what,
            "the job has no `permissions: id-token: write`",
            "give the job `permissions: id-token: write`; a pull request from a fork does not \
             get it"
        )
    );
    assert_eq!(
        shown(NoToken::Elsewhere.into()),
        texts(
            what,
            "this is not a job of GitHub Actions",
            "run it in a job of GitHub Actions, or give a token of another issuer: \
             `keyless: { …, identity-token: \"${{ secrets.NAME }}\" }`"
        )
    );
    assert_eq!(
        shown(NoToken::BadAddress.into()),
        texts(
            what,
            "`ACTIONS_ID_TOKEN_REQUEST_URL` is not a URL",
            "run it in a job of GitHub Actions, or give a token of another issuer: \
             `keyless: { …, identity-token: \"${{ secrets.NAME }}\" }`"
        )
    );
    assert_eq!(
        shown(NoToken::Withheld.into()),
        texts(what, "the code of a fork gets none", "sign where the fork's commit is merged")
    );
    let bad = "cannot read the token that says who signs";
    let help = "`identity-token` is a token of OpenID Connect, for the audience `sigstore`";
    for (source, cause) in [
        (BadToken::NotJwt, "it is not a JSON Web Token"),
        (BadToken::NoIssuer, "it has no `iss`"),
        (BadToken::NoSubject, "it has neither `sub` nor `email`"),
        (BadToken::NotVerified, "its `email` is not verified"),
    ] {
        assert_eq!(shown(SigstoreError::BadToken { source }), texts(bad, cause, help));
    }
}
