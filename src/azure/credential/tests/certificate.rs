//! Signing in with a certificate. `certificate.pem` was made for these tests alone.

use super::{SCOPE, detect, form, issued};
use crate::azure::credential::SignInMethod;
use crate::azure::fake::{FakeAzure, shown};
use crate::secret::Redactor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use std::path::Path;

const PEM: &str = include_str!("certificate.pem");

fn variables(path: &Path) -> [(&'static str, String); 3] {
    [
        ("AZURE_TENANT_ID", "tenant-1".to_owned()),
        ("AZURE_CLIENT_ID", "client-1".to_owned()),
        ("AZURE_CLIENT_CERTIFICATE_PATH", path.display().to_string()),
    ]
}

fn part(token: &str, at: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(at).expect("a part")).expect("base64")
}

/// The content of the first block of the file with this label.
fn pem(label: &str) -> Vec<u8> {
    let start = format!("-----BEGIN {label}-----");
    let block = PEM.split(&start).nth(1).and_then(|rest| rest.split("-----").next());
    let digits: String = block.expect("a block").split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(digits).expect("base64")
}

#[tokio::test]
async fn assertion_is_signed_with_the_key_of_the_certificate() {
    let fake = FakeAzure::start(|_| issued("entra-token", 3_600)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.pem");
    std::fs::write(&path, PEM).expect("written");
    let given = variables(&path);
    let given: Vec<(&str, &str)> = given.iter().map(|(name, it)| (*name, it.as_str())).collect();
    let redactor = Redactor::default();
    let credential = detect(&fake, &redactor, &given).expect("a sign-in method");
    assert_eq!(credential.method(), Some(SignInMethod::ClientCertificate));

    assert_eq!(credential.token(SCOPE).await.expect("a token").expose(), "entra-token");

    let sent = form(&fake.requests()[0])["client_assertion"].clone();
    let json = |at| serde_json::from_slice::<Value>(&part(&sent, at)).expect("JSON");
    let (header, claims) = (json(0), json(1));
    let thumbprint = ring::digest::digest(&ring::digest::SHA256, &pem("CERTIFICATE"));
    assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(thumbprint));
    assert_eq!(claims["iss"], "client-1");
    assert_eq!(claims["sub"], "client-1");
    assert_eq!(claims["aud"], "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token");
    let key = ring::signature::RsaKeyPair::from_pkcs8(&pem("PRIVATE KEY")).expect("a key");
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public());
    let signed = sent.rsplit_once('.').expect("a signature").0;
    public.verify(signed.as_bytes(), &part(&sent, 2)).expect("a good signature");
    assert_eq!(redactor.redact(&sent), "***");
}

#[tokio::test]
async fn certificate_that_cannot_be_used_says_why() {
    let fake = FakeAzure::start(|_| issued("entra-token", 3_600)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.pem");
    let shown_of = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&path, text).expect("written");
        }
        let given = variables(&path);
        let given: Vec<(&str, &str)> =
            given.iter().map(|(name, it)| (*name, it.as_str())).collect();
        let error = detect(&fake, &Redactor::default(), &given).expect_err("refused");
        shown(&error).replace(&path.display().to_string(), "PATH")
    };
    let start = "cannot sign in to Azure with a client certificate";
    let said = |reason: &str| format!("{start}\n  {reason}");
    let missing = shown_of(None);
    assert!(
        missing.starts_with(&said("cannot read the certificate `PATH`: No such file")),
        "{missing}"
    );
    let key_alone = PEM.split_once("-----END CERTIFICATE-----").expect("two parts").1;
    assert_eq!(
        shown_of(Some(key_alone)),
        said(
            "`PATH` has no certificate in PEM: `openssl pkcs12 -in PATH -nodes` writes what a \
              PKCS #12 file has"
        )
    );
    let certificate_alone = PEM.split("-----BEGIN PRIVATE KEY-----").next().expect("a part");
    assert_eq!(
        shown_of(Some(certificate_alone)),
        said(
            "`PATH` has no private key in PEM: `openssl pkcs12 -in PATH -nodes` writes what a \
              PKCS #12 file has"
        )
    );
    let encrypted = PEM.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(
        shown_of(Some(&encrypted)),
        said(
            "the key in `PATH` is encrypted: `openssl pkey -in PATH` writes it without a password"
        )
    );
}
