//! Keys for tests. They were made by Python's `cryptography`, and that of cosign sealed by
//! `PyNaCl` and `hashlib.scrypt`.

use super::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub const PLAIN_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgm8IzD0XxcvPQ9+Dp
ava7Zh+1XGb5C2yDJMu84Gqt8XKhRANCAATXuicLoWlsqYCdtWcbTFnDCKb8+uNC
EKxmoXlPZ/i3yKp+lc1CFDnxYHvNf8pGBSEdiLr7y/XRliLzYR66mkQE
-----END PRIVATE KEY-----
";
pub const PLAIN_PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE17onC6FpbKmAnbVnG0xZwwim/Prj
QhCsZqF5T2f4t8iqfpXNQhQ58WB7zX/KRgUhHYi6+8v10ZYi82EeuppEBA==
-----END PUBLIC KEY-----
";
pub const COSIGN_PASSWORD: &str = "correct horse";
pub const COSIGN_KEY: &str = "\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJBeTFYK1FqdVVYRWQ1TnU2VXBsVjR5NkZUSFFsWnZR
MytxRjd3OTV6TWh3PSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJtbkRTU1dCOHdqc3BlZzdCNzBWRVE0TTZwM2M5ZGpxNSJ9LCJj
aXBoZXJ0ZXh0IjoiVGhBVTV5NUJLSC9ja1hLc2NTd3FUZ1g4dEZBM0lkWTYxanBu
a1FtZmZuT2V0U3R2Y3JRYWZtTGMwVFlCdldBWEtCY3F4dmovUldiY3o3SGlybS9N
cVpNSEJRRDlPdWhVUjZWU1hFeVkxaDVOdm5Gck1nRmNlMVFZQ3h0MU9HY1NCTnM0
QXMxS0dSaHRkMUdwL0tic0g1MGdkNklRZC9FU1VFb2JMa1psMXFBMC80cy9QRjZa
VXBOZnJmN3dvQ3Bnc3E0Nk9nWnUzZ0pEUVE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";
pub const COSIGN_PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx1wtxtauEGlII/JB8QGx23TkYT6t
YAwyLIF4UjRcpxI6OIu7wurO+8ywvosbS2eRU32DQWrxkE9icAvBepil+w==
-----END PUBLIC KEY-----
";
/// By `openssl ec -no_public`.
pub const NO_PUBLIC_PART: &str = "\
-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCCeCxF7cGFDWIsikeAE
IZOPKoeDlPQMl0+w0bF6whuxHQ==
-----END PRIVATE KEY-----
";
pub const RSA_PRIVATE_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCqP1dO+V92ULbM
sgbWZnvRMnIgzg4r6UItmcRH19DW2lh2iWpmesFiA06PND1n3KhALN11WXOcSnX9
A4Fwxjgj1KTBrmaqo5djTvsmC6xrAbMAowCx5vBj8J2t5QTwRt0cF8B18nIMPOrw
KwjckXdIYakkv7D/2hkdeP6zQTB08mqHG25/JGTeirMPkkG81I6F1cSaJiSGgmOa
kwCg/LEYhvqyHat65qk7VTfvF0+NZ+C5GpSTU3/irZWKy/5j2l1uz3oAaM2L8mhQ
g/yqkhqhcEBlJyEQAEysQBaHd07KBJ3DUsAWe1xX7CTOEofGG00uYtcySdnhKvE+
D4NgkDjlAgMBAAECggEABJ+7y1VSlnASxvR+4wvdiQ0JtIJkOCUZuwtWHW1rKqq7
hFyvGyFyZysX0yPkFxITL8sIKMvJLBGJqtmRhnKby71WzDvkZfYTgor+n0Xp5O4i
4n2K40oWdWBvp+10eOIz1zN98rYnCtYMu4EvuG3rA3hDk8/xCsHttLM4l73JhyOT
EKBXP9iN5VpvZ7QEtEULqcZ6QxjfdBqUSQJxPWKcWUbS/SVEN85/V0ySyejqSmrX
pC3mXSg8nL9RiDfu6iO1tZ0V+WTcflPPNHfDL2bVzi8ebHKvnHcjFZ03AVkKQO9A
Jx1GDYmLCeI6l67UTK3xGJHVaDFopbEYomEmi/bj8QKBgQDXN6u9azBiQBe46MuX
utpmizWqqVZ6VuSuG/quUp3LmNw1MhhcDZDGzEqwApvz2MjpEByNkqvmE4T1YkEw
PadqfRw5dw18x8mg+rODP5Kgx2p8TYZHH4gjQ0Br9pbHwPvLbXOqqG+53gW55J2C
NQq42arDmE+YYJZNo5tEJPNoEwKBgQDKgiV/k7GaOABjHs4Vize4i0nNxvCqC6gC
EOY8eGM/1YC84A5Rkunaslx+7/nkJKNGCf48o6kSegbudpHVVGtZJ1/lSRe8deCl
7dZG6dgu6yXk8hNS3tDR3AMHZJLsADBcEA6qBfpLHaw+6mc3r8699xoqUjzeG6fd
NPKs837qJwKBgCOUxaT8WrRzqjhc7IP6VW9MpqO/eVeilA4g/BHkAMiPTiDRVmup
pnzne5Wb6NKozZaSnlXdoOPZ6Ep1YxepqcsWQhtSDn3JvhEKQbF6SjCgp39Dheau
VOCXlsgCraz6v+ZDAzN8w3P0O/geztefE1W6Ttwli0tC9LaDTQE4JrHXAoGAYUgy
MV5HFFnQvc0fnTPa2bl4A/WMyXN+CzgJEoWW0CSFirZryn4z/05tpsErn5CGKvBE
BOduIiUizU2CcyPxyctjguchEvThrXRa2ogdxTRLaPdtlwLY9+ekQNnsxpi0opVI
Jh9nBMzFYRgD67l2LMXW+Pu2p9BLTLXR2onCr0MCgYATMSzIticXn6pAD9y0w/qN
R4L/nNYpZY4wB2Uk6G6OoCuMYenASZESGWJrA38ApDC1SEmjr7mRWnKOvAcbRnwx
btiBviGrKLI25owdTcglPHQ89zINQUWc9WDMcOR4K/YKthauqIWkC1/QUIVIb4P5
FA+NLeiLWhp+mc/7ufYRrw==
-----END PRIVATE KEY-----
";
pub const RSA_PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqj9XTvlfdlC2zLIG1mZ7
0TJyIM4OK+lCLZnER9fQ1tpYdolqZnrBYgNOjzQ9Z9yoQCzddVlznEp1/QOBcMY4
I9Skwa5mqqOXY077JgusawGzAKMAsebwY/CdreUE8EbdHBfAdfJyDDzq8CsI3JF3
SGGpJL+w/9oZHXj+s0EwdPJqhxtufyRk3oqzD5JBvNSOhdXEmiYkhoJjmpMAoPyx
GIb6sh2reuapO1U37xdPjWfguRqUk1N/4q2Visv+Y9pdbs96AGjNi/JoUIP8qpIa
oXBAZSchEABMrEAWh3dOygSdw1LAFntcV+wkzhKHxhtNLmLXMknZ4SrxPg+DYJA4
5QIDAQAB
-----END PUBLIC KEY-----
";

pub use super::keyless::testing::{BEGIN, ISSUER, Issued, Logged, TestSigstore, WORKFLOW};

/// PEM with any content.
pub fn pem_of(tag: &str, content: &[u8]) -> String {
    format!("-----BEGIN {tag}-----\n{}\n-----END {tag}-----\n", STANDARD.encode(content))
}

pub fn plain_key() -> SigningKey {
    SigningKey::parse(PLAIN_KEY, None).expect("a key")
}

pub fn cosign_public_key() -> PublicKey {
    PublicKey::parse(COSIGN_PUBLIC_KEY).expect("a key")
}

/// A bundle with a statement of this kind about these subjects, signed by the plain key.
pub fn bundle_of(kind: &str, subject: &Value) -> Vec<u8> {
    let statement = statement_of(kind, subject);
    let signature = plain_key().sign(enveloped(&statement).as_bytes());
    bundle_with(&json!({ "publicKey": { "hint": "" } }), &statement, &signature)
}

/// A statement of in-toto.
pub fn statement_of(kind: &str, subject: &Value) -> String {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": kind,
        "predicate": {},
    })
    .to_string()
}

/// What is signed of a statement in an envelope.
pub fn enveloped(statement: &str) -> String {
    format!("DSSEv1 28 application/vnd.in-toto+json {} {statement}", statement.len())
}

/// A bundle with a signed statement, and what it is verified by.
pub fn bundle_with(material: &Value, statement: &str, signature: &[u8]) -> Vec<u8> {
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": STANDARD.encode(statement),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": STANDARD.encode(signature) }],
        },
    })
    .to_string()
    .into_bytes()
}
