//! Getting blobs, whole or in part, and deleting them.

use super::call::RegistryCall;
use super::error::DistributionError;
use super::headers::set_header;
use super::registries::Registries;
use crate::oci::Digest;
use axum::body::Body;
use http::{HeaderMap, Method, Response, StatusCode, header};
use serde_json::json;
use std::io::SeekFrom;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

/// How much of a file is read at a time.
const READ_CHUNK_BYTES: usize = 256 * 1024;

struct BlobRequest {
    host: String,
    repository: String,
    digest: Digest,
    /// Whether the request is a HEAD.
    head_only: bool,
    range: Option<String>,
}

pub async fn answer(
    registries: &Registries,
    call: RegistryCall,
    repository: &str,
    digest: &str,
) -> Result<Response<Body>, DistributionError> {
    let digest: Digest =
        digest.parse().map_err(|error| DistributionError::invalid_digest(&format!("{error}")))?;
    match *call.request.method() {
        Method::GET | Method::HEAD => {
            let range = call.request.headers().get(header::RANGE);
            let wanted = BlobRequest {
                repository: repository.to_owned(),
                digest,
                head_only: call.request.method() == Method::HEAD,
                range: range.and_then(|value| value.to_str().ok()).map(str::to_owned),
                host: call.host,
            };
            get(registries, &wanted).await
        }
        Method::DELETE => {
            if !registries.storage.unlink_blob(&call.host, repository, &digest)? {
                return Err(DistributionError::unknown_blob(digest.as_str()));
            }
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::ACCEPTED;
            Ok(answer)
        }
        _ => Err(DistributionError::method()),
    }
}

async fn get(
    registries: &Registries,
    wanted: &BlobRequest,
) -> Result<Response<Body>, DistributionError> {
    if let Some(answer) = from_outside(registries, wanted).await? {
        return Ok(answer);
    }
    let BlobRequest { host, repository, digest, .. } = wanted;
    let path = registries
        .storage
        .blob_path(host, repository, digest)
        .ok_or_else(|| DistributionError::unknown_blob(digest.as_str()))?;
    send(&path, digest, wanted.range.as_deref()).await
}

/// The response with a blob that is still outside, or being fetched. A HEAD
/// fetches nothing.
async fn from_outside(
    registries: &Registries,
    wanted: &BlobRequest,
) -> Result<Option<Response<Body>>, DistributionError> {
    let BlobRequest { host, repository, digest, .. } = wanted;
    let upstream = &registries.upstream;
    let mut answer = Response::new(Body::empty());
    if wanted.head_only {
        let size = upstream.expected(host, repository, digest);
        return Ok(size.map(|size| {
            describe(answer.headers_mut(), digest, size);
            answer
        }));
    }
    let Some(flight) = upstream.blob(host, repository, digest)? else { return Ok(None) };
    // A range is served from the whole blob, so it is fetched first.
    if wanted.range.is_none()
        && !flight.begun().await?
        && let Ok(stream) = Arc::clone(&flight).follow().await
    {
        describe(answer.headers_mut(), digest, flight.size);
        *answer.body_mut() = Body::from_stream(stream);
        return Ok(Some(answer));
    }
    upstream.whole(host, repository, digest).await?;
    Ok(None)
}

fn describe(headers: &mut HeaderMap, digest: &Digest, length: u64) {
    set_header(headers, header::CONTENT_LENGTH, &length.to_string());
    set_header(headers, header::CONTENT_TYPE, "application/octet-stream");
    set_header(headers, header::ACCEPT_RANGES, "bytes");
    set_header(headers, header::ETAG, &format!("\"{digest}\""));
    set_header(headers, "docker-content-digest", digest.as_str());
}

async fn send(
    path: &Path,
    digest: &Digest,
    range: Option<&str>,
) -> Result<Response<Body>, DistributionError> {
    let unreadable = |error: std::io::Error| {
        let message = format!("cannot read the blob: {error}");
        DistributionError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &message)
    };
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let size = file.metadata().await.map_err(unreadable)?.len();
    let (status, first, length) = match range.map(|text| part(text, size)) {
        None | Some(ByteRange::Whole) => (StatusCode::OK, 0, size),
        Some(ByteRange::Bytes { first, last }) => {
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Some(ByteRange::Beyond) => {
            return Err(DistributionError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "RANGE_INVALID",
                "the range is outside of the blob",
            )
            .about(json!({"size": size}))
            .with(header::CONTENT_RANGE, format!("bytes */{size}")));
        }
    };
    if first > 0 {
        file.seek(SeekFrom::Start(first)).await.map_err(unreadable)?;
    }
    let body = ReaderStream::with_capacity(file.take(length), READ_CHUNK_BYTES);
    let mut answer = Response::new(Body::from_stream(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    describe(headers, digest, length);
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + length - 1;
        set_header(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
    }
    Ok(answer)
}

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ByteRange {
    /// Everything. Also for invalid headers and several ranges, which a server may
    /// ignore (RFC 9110, section 14.2).
    Whole,
    Bytes {
        first: u64,
        last: u64,
    },
    Beyond,
}

fn part(text: &str, size: u64) -> ByteRange {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-'))
    else {
        return ByteRange::Whole;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => ByteRange::Beyond,
        (Ok(first), Ok(last)) if first < size => {
            ByteRange::Bytes { first, last: last.min(size - 1) }
        }
        (Ok(first), Err(_)) if first < size && last.trim().is_empty() => {
            ByteRange::Bytes { first, last: size - 1 }
        }
        (Ok(_), Ok(_)) => ByteRange::Beyond,
        (Ok(_), Err(_)) if last.trim().is_empty() => ByteRange::Beyond,
        (Err(_), Ok(count)) if first.trim().is_empty() => match (count, size) {
            (0, _) | (_, 0) => ByteRange::Beyond,
            _ => ByteRange::Bytes { first: size.saturating_sub(count), last: size - 1 },
        },
        _ => ByteRange::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteRange, part};

    #[test]
    fn ranges_of_the_conformance_tests() {
        let bytes = |first, last| ByteRange::Bytes { first, last };

        assert_eq!(part("bytes=500-1499", 4_000), bytes(500, 1_499));
        assert_eq!(part("bytes=500-", 4_000), bytes(500, 3_999));
        assert_eq!(part("bytes=-500", 4_000), bytes(3_500, 3_999));
        assert_eq!(part("bytes=2000-5000", 4_000), bytes(2_000, 3_999));
        assert_eq!(part("bytes=-5000", 4_000), bytes(0, 3_999));
        assert_eq!(part("bytes=500-0", 4_000), ByteRange::Beyond);
        assert_eq!(part("bytes=5000-10000", 4_000), ByteRange::Beyond);
        assert_eq!(part("bytes=0-", 0), ByteRange::Beyond);
        assert_eq!(part("bytes=0-1,5-6", 4_000), ByteRange::Whole);
        assert_eq!(part("lines=1-2", 4_000), ByteRange::Whole);
    }
}
