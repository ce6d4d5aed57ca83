//! Pushing blobs: in one request, in two, in chunks, or mounted from another
//! repository (distribution specification, "Pushing blobs").

use super::call::RegistryCall;
use super::error::DistributionError;
use super::headers::set_header;
use super::login::Permission;
use super::upload_session::{LockedSession, UploadOwner, UploadSessions, append};
use crate::oci::Digest;
use axum::body::Body;
use http::{Method, Response, StatusCode, header};

/// `POST …/blobs/uploads/`
pub async fn open(
    sessions: &UploadSessions,
    call: RegistryCall,
    repository: &str,
) -> Result<Response<Body>, DistributionError> {
    if call.request.method() != Method::POST {
        return Err(DistributionError::method());
    }
    let owner = UploadOwner { host: call.host.clone(), repository: repository.to_owned() };
    if let Some(digest) = call.query("mount").and_then(|digest| digest.parse().ok())
        && mount(sessions, &call, &owner, &digest)?
    {
        return Ok(created(&call, repository, &digest));
    }
    if let Some(algorithm) = call.query("digest-algorithm")
        && !matches!(algorithm.as_str(), "sha256" | "sha384" | "sha512")
    {
        return Err(DistributionError::invalid_digest("the digest algorithm is not supported"));
    }
    let digest = call.query("digest").map(|text| parse(&text)).transpose()?;
    match digest {
        None => {
            let session = sessions.begin(&owner).await?;
            Ok(accepted(&call, repository, &session))
        }
        Some(digest) => {
            let answer = created(&call, repository, &digest);
            let (_ends, session) = sessions.begin_single().await?;
            let session = append(session, call.request.into_body()).await?;
            sessions.finish(session, &owner, &digest).await?;
            Ok(answer)
        }
    }
}

/// Mounts a blob from another repository of the registry, from any if the client
/// names none.
fn mount(
    sessions: &UploadSessions,
    call: &RegistryCall,
    owner: &UploadOwner,
    digest: &Digest,
) -> Result<bool, DistributionError> {
    let storage = &sessions.storage;
    let there = match call.query("from") {
        Some(from) => {
            call.access.allows(Permission::Repository(&from, "pull"))
                && storage.blob_path(&owner.host, &from, digest).is_some()
        }
        None => storage.has_blob_anywhere(&owner.host, digest),
    };
    if there {
        storage.link_blob(&owner.host, &owner.repository, digest)?;
    }
    Ok(there)
}

/// `GET`, `PATCH`, `PUT` and `DELETE` of an upload.
pub async fn resume(
    sessions: &UploadSessions,
    call: RegistryCall,
    repository: &str,
    id: &str,
) -> Result<Response<Body>, DistributionError> {
    let owner = UploadOwner { host: call.host.clone(), repository: repository.to_owned() };
    let session = sessions.resume(&owner, id).await?;
    match *call.request.method() {
        Method::GET => Ok(status(StatusCode::NO_CONTENT, &call, repository, &session)),
        Method::PATCH => {
            check_order(&call, repository, &session)?;
            let path = location(&call, repository, &session);
            let session = append(session, call.request.into_body()).await?;
            Ok(progress(StatusCode::ACCEPTED, &path, &session))
        }
        Method::PUT => {
            let Some(digest) = call.query("digest") else {
                return Err(DistributionError::invalid_digest(
                    "the upload is closed without a digest",
                ));
            };
            let digest = parse(&digest)?;
            check_order(&call, repository, &session)?;
            let answer = created(&call, repository, &digest);
            let session = append(session, call.request.into_body()).await?;
            sessions.finish(session, &owner, &digest).await?;
            Ok(answer)
        }
        Method::DELETE => {
            sessions.cancel(&session.id)?;
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::NO_CONTENT;
            Ok(answer)
        }
        _ => Err(DistributionError::method()),
    }
}

fn parse(digest: &str) -> Result<Digest, DistributionError> {
    digest.parse().map_err(|error| DistributionError::invalid_digest(&format!("{error}")))
}

/// Fails unless a chunk begins where the last one ended.
fn check_order(
    call: &RegistryCall,
    repository: &str,
    session: &LockedSession,
) -> Result<(), DistributionError> {
    let Some(value) = call.request.headers().get(header::CONTENT_RANGE) else { return Ok(()) };
    let Some((first, last)) = value.to_str().ok().and_then(content_range) else {
        let message = "`Content-Range` is not a range";
        return Err(DistributionError::new(
            StatusCode::BAD_REQUEST,
            "BLOB_UPLOAD_INVALID",
            message,
        ));
    };
    let length = call.request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let fits = length.is_none_or(|length| last.checked_sub(first).map(|n| n + 1) == Some(length));
    if first == session.size && fits {
        return Ok(());
    }
    Err(DistributionError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "RANGE_INVALID",
        "the chunk does not begin where the last one ended",
    )
    .with(header::LOCATION, location(call, repository, session))
    .with(header::RANGE, range(session.size)))
}

/// `a-b` as the distribution specification has it, or `bytes a-b/size` as HTTP has
/// it and some clients send it.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let text = text.trim_start_matches("bytes").trim_start_matches(['=', ' ']);
    let (first, last) = text.split('/').next()?.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

fn location(call: &RegistryCall, repository: &str, session: &LockedSession) -> String {
    call.path(repository, &format!("blobs/uploads/{}", session.id))
}

/// The range of the bytes that have arrived. The specification has no form for an
/// empty range; docker-registry answers `0-0` too.
fn range(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

fn accepted(call: &RegistryCall, repository: &str, session: &LockedSession) -> Response<Body> {
    status(StatusCode::ACCEPTED, call, repository, session)
}

fn status(
    status: StatusCode,
    call: &RegistryCall,
    repository: &str,
    session: &LockedSession,
) -> Response<Body> {
    progress(status, &location(call, repository, session), session)
}

fn progress(status: StatusCode, location: &str, session: &LockedSession) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    set_header(headers, header::LOCATION, location);
    set_header(headers, header::RANGE, &range(session.size));
    set_header(headers, "docker-upload-uuid", &session.id);
    answer
}

fn created(call: &RegistryCall, repository: &str, digest: &Digest) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::CREATED;
    let headers = answer.headers_mut();
    set_header(headers, header::LOCATION, &call.path(repository, &format!("blobs/{digest}")));
    set_header(headers, "docker-content-digest", digest.as_str());
    answer
}
