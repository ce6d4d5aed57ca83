//! What Fulcio certifies, and which of its certificates are refused.

use super::{Fake, answered, token};
use crate::http::{Retry, Retryable as _};
use crate::signing::testing::{ISSUER, Issued, TestSigstore, WORKFLOW};
use crate::signing::{PublicKey, SigningKey};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::SanType;
use rcgen::string::Ia5String;
use serde_json::{Value, json};
use std::sync::Arc;

/// The answer of a Fulcio that issues for the key that it was asked for.
fn certified(sigstore: &TestSigstore, key: &SigningKey) -> Value {
    certified_as(sigstore, key, &Issued::default())
}

fn certified_as(sigstore: &TestSigstore, key: &SigningKey, issued: &Issued) -> Value {
    let certificate = sigstore.issue(key, issued).to_pem();
    let all = sigstore.roots();
    let (between, root) = all.split_at(all.find(&sigstore.root()).expect("a root"));
    json!({ "chain": { "certificates": [certificate, between, root] } })
}

#[tokio::test]
async fn key_is_certified_by_a_proof_of_the_subject() {
    let sigstore = Arc::new(TestSigstore::new());
    let key = Arc::new(SigningKey::generate());
    let (of, known) = (Arc::clone(&sigstore), Arc::clone(&key));
    let fake = Fake::start(move |_, body| {
        let asked: Value = serde_json::from_slice(body).expect("JSON");
        let token = asked["credentials"]["oidcIdentityToken"].as_str().expect("a token");
        assert!(token.starts_with("e30.") && token.ends_with(".signature"));
        let request = &asked["publicKeyRequest"];
        let public = request["publicKey"]["content"].as_str().expect("a key");
        let public = PublicKey::parse(public).expect("a key");
        let proof = STANDARD.decode(request["proofOfPossession"].as_str().expect("a proof"));
        assert!(public.verifies(b"repo:octo/shop:ref:refs/heads/main", &proof.expect("base64")));
        let answer = json!({ "signedCertificateEmbeddedSct": certified(&of, &known) });
        answered(StatusCode::OK, &answer)
    })
    .await;

    let issued = fake.fulcio().certify(&token(), &key).await.expect("issued");

    assert_eq!(fake.seen(), ["POST /base/api/v2/signingCert"]);
    assert_eq!(issued.certificate.key, key.public_key());
    assert_eq!(issued.chain.matches("BEGIN CERTIFICATE").count(), 2);
}

#[tokio::test]
async fn certificate_of_another_key_or_chain_is_refused() {
    let refusal = async |answer: Value, key: &SigningKey| {
        let fake = Fake::start(move |_, _| answered(StatusCode::OK, &answer)).await;
        let error = fake.fulcio().certify(&token(), key).await.expect_err("refused");
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(
            error.help().as_deref(),
            Some("is `fulcio` the URL of a Fulcio, without `/api`?")
        );
        fake.chain(&error)
    };
    let (sigstore, other) = (TestSigstore::new(), TestSigstore::new());
    let key = SigningKey::generate();
    let wanted = |why: &str| format!("cannot use the certificate from Fulcio at URL/: {why}");

    let detached = |signed: Value| json!({ "signedCertificateDetachedSct": signed });
    let of_another = detached(certified(&sigstore, &SigningKey::generate()));
    assert_eq!(refusal(of_another, &key).await, wanted("it is for another key"));
    let leaf = certified(&sigstore, &key)["chain"]["certificates"][0].clone();
    let root = other.root();
    let mixed = detached(json!({ "chain": { "certificates": [leaf, root] } }));
    assert_eq!(
        refusal(mixed, &key).await,
        wanted("its chain is not valid: none of the roots issued it")
    );
    let alone = certified(&sigstore, &key)["chain"]["certificates"][0].clone();
    let alone = detached(json!({ "chain": { "certificates": [alone] } }));
    let why = "of its chain, it has no certificates in PEM";
    assert_eq!(refusal(alone, &key).await, wanted(why));
    assert_eq!(refusal(json!({}), &key).await, wanted("it is missing in the answer"));
    let text = detached(json!({ "chain": { "certificates": ["<html>"] } }));
    assert_eq!(refusal(text, &key).await, wanted("it is not one in PEM"));
}

#[tokio::test]
async fn certificate_of_another_identity_or_issuer_is_refused() {
    let refusal = async |issued: Issued| {
        let (sigstore, key) = (TestSigstore::new(), SigningKey::generate());
        let signed = certified_as(&sigstore, &key, &issued);
        let answer = json!({ "signedCertificateEmbeddedSct": signed });
        let fake = Fake::start(move |_, _| answered(StatusCode::OK, &answer)).await;
        let error = fake.fulcio().certify(&token(), &key).await.expect_err("refused");
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(
            error.help().as_deref(),
            Some(
                "nothing was signed or logged; name a `fulcio` that certifies who the token says, \
                 or have this one set up for the issuer of the token"
            )
        );
        fake.chain(&error)
    };
    let wanted = |why: &str| format!("cannot use the certificate from Fulcio at URL/: it is {why}");
    let uri = |name: &str| SanType::URI(Ia5String::try_from(name).expect("ASCII"));
    let other = "https://github.com/octo/shop/.github/workflows/pull.yml@refs/heads/main";

    let issued = Issued { identity: uri(other), ..Issued::default() };
    let why = format!("for `{other}`, and the token for `{WORKFLOW}`");
    assert_eq!(refusal(issued).await, wanted(&why));
    let issued = Issued { further: Some(uri("https://a\n::error::")), ..Issued::default() };
    let why =
        format!("for `{WORKFLOW}` and `https://a\\n::error::`, and the token for `{WORKFLOW}`");
    assert_eq!(refusal(issued).await, wanted(&why));
    let dns = SanType::DnsName(Ia5String::try_from("example.com").expect("ASCII"));
    let issued = Issued { identity: dns, ..Issued::default() };
    let why = format!("for a certificate without a name, and the token for `{WORKFLOW}`");
    assert_eq!(refusal(issued).await, wanted(&why));
    let issued = Issued { issuer: "https://accounts.example.com", ..Issued::default() };
    let why =
        format!("for a token of `https://accounts.example.com`, and the token is of `{ISSUER}`");
    assert_eq!(refusal(issued).await, wanted(&why));
    let why = format!("for a token of no issuer, and the token is of `{ISSUER}`");
    assert_eq!(refusal(Issued { issuer: "", ..Issued::default() }).await, wanted(&why));
}

#[tokio::test]
async fn refusal_of_fulcio_is_shown_with_the_remedy() {
    let refusal = async |status: StatusCode, body: Value| {
        let fake = Fake::start(move |_, _| answered(status, &body)).await;
        let key = SigningKey::generate();
        let error = fake.fulcio().certify(&token(), &key).await.expect_err("refused");
        (fake.chain(&error), error.help(), error.retry())
    };
    let body = json!({ "code": 3, "message": "There was an error processing the identity token" });
    assert_eq!(
        refusal(StatusCode::BAD_REQUEST, body).await,
        (
            "cannot get a certificate from Fulcio at URL/\nPOST URL/api/v2/signingCert: 400: \
             {\"code\":3,\"message\":\"There was an error processing the identity token\"}"
                .to_owned(),
            Some(
                "Fulcio has to accept the issuer of the token, and tokens for the audience \
                 `sigstore` are valid for some minutes"
                    .to_owned()
            ),
            Retry::Never
        )
    );
    // Another program answers there.
    let (chain, help, _) = refusal(StatusCode::OK, json!("<html>")).await;
    let start = "cannot get a certificate from Fulcio at URL/\nPOST URL/api/v2/signingCert: the answer cannot be read: ";
    assert!(chain.starts_with(start), "{chain}");
    assert_eq!(help.as_deref(), Some("is `fulcio` the URL of a Fulcio, without `/api`?"));
    let (_, _, retry) = refusal(StatusCode::SERVICE_UNAVAILABLE, json!({})).await;
    assert_eq!(retry, Retry::Backoff);
}
