//! The endpoints of Rekor.

use super::answers::pem;
use super::call::Call;
use super::log::NumberedEntry;
use crate::oci::Digest;
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

const ENTRIES: &str = "/api/v1/log/entries";

/// The one kind of entry that is taken. Its fields are in the order in which Rekor writes them.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Proposed {
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Deserialize, Serialize)]
struct Spec {
    data: Data,
    signature: Signature,
}

#[derive(Deserialize, Serialize)]
struct Data {
    hash: Hash,
}

#[derive(Deserialize, Serialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    content: String,
    public_key: Key,
}

#[derive(Deserialize, Serialize)]
struct Key {
    content: String,
}

pub(super) fn answer(call: &Call<'_>) -> Option<Response> {
    if call.is(&Method::GET, "/api/v1/log/publicKey") {
        return Some(pem(call.sigstore.authority.log_key()));
    }
    if call.is(&Method::POST, ENTRIES) {
        return Some(add(call).unwrap_or_else(|why| refused(StatusCode::BAD_REQUEST, &why)));
    }
    let (path, uuid) = call.path.rsplit_once('/')?;
    if call.method != Method::GET || path != ENTRIES {
        return None;
    }
    let found = call.sigstore.log.get(uuid)?;
    Some(shown(call, &found, StatusCode::OK))
}

fn add(call: &Call<'_>) -> Result<Response, String> {
    let proposed: Proposed =
        serde_json::from_slice(&call.body).map_err(|error| error.to_string())?;
    check(&proposed)?;
    let body = serde_json::to_string(&proposed).map_err(|error| error.to_string())?;
    let added = call.sigstore.log.add(body).map_err(|error| error.to_string())?;
    let location = format!("{ENTRIES}/{}", added.entry.uuid);
    let mut answer = if added.is_old {
        let uuid = &added.entry.uuid;
        let message =
            format!("an equivalent entry already exists in the transparency log with UUID {uuid}");
        refused(StatusCode::CONFLICT, &message)
    } else {
        shown(call, &added, StatusCode::CREATED)
    };
    if let Ok(location) = location.parse() {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    Ok(answer)
}

/// Refuses what has another form. The signature itself is not verified, since `ring` verifies
/// no hash: the client does, before it keeps the entry.
fn check(proposed: &Proposed) -> Result<(), String> {
    let Proposed { api_version, kind, spec: Spec { data, signature } } = proposed;
    if (api_version.as_str(), kind.as_str()) != ("0.0.1", "hashedrekord") {
        return Err(format!("unsupported version {api_version} of {kind}"));
    }
    let is_hash = data.hash.algorithm == "sha256"
        && data.hash.value.len() == 64
        && hex::decode(&data.hash.value).is_ok();
    let key = STANDARD.decode(&signature.public_key.content).unwrap_or_default();
    let is_certificate = ::pem::parse(&key).is_ok_and(|block| block.tag() == "CERTIFICATE");
    let is_signature = STANDARD.decode(&signature.content).is_ok_and(|it| !it.is_empty());
    if is_hash && is_certificate && is_signature {
        return Ok(());
    }
    Err("error processing entry: invalid hash, signature or public key".to_owned())
}

fn shown(call: &Call<'_>, numbered: &NumberedEntry, status: StatusCode) -> Response {
    let authority = &call.sigstore.authority;
    let NumberedEntry { index, entry, .. } = numbered;
    let body = STANDARD.encode(&entry.body);
    let log = Digest::of(&authority.log_key_der()).hex().to_owned();
    let time = entry.time;
    // Canonical JSON (RFC 8785): the keys in order, and no blanks.
    let signed = format!(
        r#"{{"body":"{body}","integratedTime":{time},"logID":"{log}","logIndex":{index}}}"#
    );
    let promise = match authority.promise(signed.as_bytes()) {
        Ok(promise) => STANDARD.encode(promise),
        Err(error) => return refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let shown = json!({
        entry.uuid.as_str(): {
            "body": body,
            "integratedTime": time,
            "logID": log,
            "logIndex": index,
            "verification": { "signedEntryTimestamp": promise },
        },
    });
    (status, Json(shown)).into_response()
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "code": status.as_u16(), "message": message }))).into_response()
}
