//! The endpoints of Fulcio.

use super::answers::{pem, refused};
use super::authority::CertificateContent;
use super::call::Call;
use super::job;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::json;

/// The length of a subject public key info on P-256, and where its point begins (RFC 5480).
const P256_BYTES: usize = 91;
const P256_POINT: usize = 26;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateRequest {
    credentials: Credentials,
    public_key_request: PublicKeyRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    oidc_identity_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyRequest {
    public_key: PublicKey,
    proof_of_possession: String,
}

#[derive(Deserialize)]
struct PublicKey {
    content: String,
}

pub(super) fn answer(call: &Call<'_>) -> Option<Response> {
    let authority = &call.sigstore.authority;
    if call.is(&Method::GET, "/api/v1/rootCert") {
        return Some(pem(authority.chain()));
    }
    if call.is(&Method::GET, "/api/v2/trustBundle") {
        let chains = json!({ "chains": [{ "certificates": authority.certificates() }] });
        return Some(Json(chains).into_response());
    }
    if call.is(&Method::POST, "/api/v2/signingCert") {
        return Some(certify(call).unwrap_or_else(|why| refused(StatusCode::BAD_REQUEST, &why)));
    }
    None
}

/// Issues a certificate. The errors are those of Fulcio.
fn certify(call: &Call<'_>) -> Result<Response, String> {
    let request: CertificateRequest =
        serde_json::from_slice(&call.body).map_err(|error| error.to_string())?;
    let PublicKeyRequest { public_key, proof_of_possession } = request.public_key_request;
    let signer = job::signer(&call.sigstore.tokens, &request.credentials.oidc_identity_token);
    let signer = signer.ok_or("There was an error processing the identity token")?;
    let key = ::pem::parse(&public_key.content).ok().map(::pem::Pem::into_contents);
    let key = key.filter(|key| key.len() == P256_BYTES);
    let key = key.ok_or("The public key supplied in the request could not be parsed")?;
    let point = &key[P256_POINT..];
    let proof = STANDARD.decode(proof_of_possession).unwrap_or_default();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(signer.subject.as_bytes(), &proof)
        .map_err(|_| "The signature supplied in the request could not be verified")?;
    let (identity, issuer) = (signer.identity.as_str(), signer.issuer.as_str());
    let authority = &call.sigstore.authority;
    let issued = authority.issue(&CertificateContent { point, identity, issuer });
    let issued = issued.map_err(|error| error.to_string())?;
    let [between, root] = authority.certificates();
    let certificates = [issued.as_str(), between, root];
    let answer =
        json!({ "signedCertificateDetachedSct": { "chain": { "certificates": certificates } } });
    Ok(Json(answer).into_response())
}
