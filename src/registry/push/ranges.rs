//! Uploads a blob in ranges: a large one, so that what has arrived is kept, and any
//! blob where the registry does not accept large bodies.
//!
//! OCI distribution specification, "Pushing a blob in chunks". After a broken
//! connection the registry tells how much has arrived.

use super::transfer::{Transfer, is_forgotten, is_refused};
use crate::registry::error::Failure;
use crate::registry::wire::{self, Payload, Request};
use reqwest::{Method, Response};
use url::Url;

/// The size of a range where the registry does not accept whole bodies.
pub const RANGE_BYTES: u64 = 16 << 20;
/// The size of a range where that is refused too: some registries accept no more.
const SMALL_RANGE_BYTES: u64 = 4 << 20;
/// How often a range may bring no progress.
const MAX_SETBACKS: u32 = 3;

/// An open upload at a registry.
#[derive(Clone)]
pub struct UploadSession {
    /// The URL that continues it.
    pub url: Url,
    /// The smallest range that the registry accepts, in bytes (`OCI-Chunk-Min-Length`).
    min_bytes: Option<u64>,
    /// How many bytes the registry has.
    arrived: u64,
    /// How many it had before this process, once that is known.
    before: Option<u64>,
    /// Whether the registry answered a range with 201 as if it were a whole blob, as
    /// Amazon's does.
    created: bool,
}

/// The outcome of sending ranges.
pub enum RangesOutcome {
    /// The blob is there.
    All,
    /// The registry does not support ranges, and has not refused a whole body.
    NotInParts,
}

/// The response to a range.
enum RangeOutcome {
    /// The registry has this many bytes now.
    At(u64),
    /// The range is too large, or begins at the wrong byte.
    Refused(Failure),
    /// The registry does not support ranges.
    Unsupported(Failure),
}

impl UploadSession {
    /// An upload that was opened just now.
    pub fn new(url: Url, min_bytes: Option<u64>) -> Self {
        Self { url, min_bytes, arrived: 0, before: Some(0), created: false }
    }

    /// An upload of an earlier process.
    pub fn interrupted(url: Url) -> Self {
        Self { before: None, ..Self::new(url, None) }
    }

    /// How many bytes the registry had before this process.
    pub fn before(&self) -> u64 {
        self.before.unwrap_or(0)
    }

    /// Whether something has arrived, so that only the rest has to be sent.
    pub fn has_some(&self) -> bool {
        self.arrived > 0
    }

    /// Sends what the registry lacks, and ends the upload.
    pub async fn send(&mut self, transfer: &Transfer<'_>) -> Result<RangesOutcome, Failure> {
        let payload = transfer.blob.payload();
        let known = &transfer.repository.known;
        // A registry without support for ranges may still accept a whole body.
        let whole = known.range_bytes().is_none();
        let mut setbacks = 0;
        while self.arrived < payload.length() {
            let before = self.arrived;
            transfer.meter.set(before);
            let part = payload.part(before, self.range_size(transfer));
            let refusal = match self.send_range(transfer, part).await? {
                RangeOutcome::At(next) => {
                    self.arrived = next.min(payload.length());
                    None
                }
                RangeOutcome::Unsupported(_) if whole && before == 0 => {
                    return Ok(RangesOutcome::NotInParts);
                }
                RangeOutcome::Unsupported(failure) => return Err(failure),
                RangeOutcome::Refused(failure) if whole && is_too_long(&failure, before) => {
                    return Ok(RangesOutcome::NotInParts);
                }
                RangeOutcome::Refused(failure) => {
                    if known.range_bytes() == Some(RANGE_BYTES) {
                        known.learn(|support| support.max_bytes = Some(SMALL_RANGE_BYTES));
                    }
                    self.ask(transfer).await?;
                    Some(failure)
                }
            };
            if self.arrived <= before {
                setbacks += 1;
            }
            if whole && setbacks > 0 && self.created {
                return Ok(RangesOutcome::NotInParts);
            }
            if setbacks > MAX_SETBACKS {
                return Err(refusal.unwrap_or_else(|| {
                    Failure::Unexpected(
                        "the registry accepts a range and does not keep it".to_owned(),
                    )
                }));
            }
        }
        self.end(transfer, whole).await
    }

    /// Ends the upload. A registry that answered a range as if it were the whole blob
    /// may refuse that: because the blob is complete, or because it has lost all
    /// ranges but one.
    async fn end(&self, transfer: &Transfer<'_>, whole: bool) -> Result<RangesOutcome, Failure> {
        match transfer.close(&self.url, Payload::Empty).await {
            Ok(()) => Ok(RangesOutcome::All),
            Err(failure) if self.created && is_refused(&failure) => {
                if transfer.is_there().await {
                    Ok(RangesOutcome::All)
                } else if whole {
                    Ok(RangesOutcome::NotInParts)
                } else {
                    Err(failure)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// The size of the next range.
    fn range_size(&self, transfer: &Transfer<'_>) -> u64 {
        let repository = transfer.repository;
        let large = transfer.size() >= repository.parts.from;
        let usual = if large { repository.parts.size } else { RANGE_BYTES };
        repository.known.range_bytes().unwrap_or(usual).max(self.min_bytes.unwrap_or(0))
    }

    async fn send_range(
        &mut self,
        transfer: &Transfer<'_>,
        part: Payload,
    ) -> Result<RangeOutcome, Failure> {
        let at = self.arrived;
        let end = at + part.length();
        let request = Request::new(Method::PATCH, self.url.clone(), transfer.scope())
            .header("content-type", "application/octet-stream")
            .header("content-range", &format!("{at}-{}", end - 1))
            .payload(part)
            .metered(transfer.meter.clone());
        let response = transfer.repository.host.send(&request).await?;
        match response.status().as_u16() {
            status @ 200..=204 => {
                self.created |= status == 201;
                self.follow(transfer, &response)?;
                let arrived = range_end(&response).unwrap_or(end);
                // `Range: 0-0` means both no byte and one.
                Ok(RangeOutcome::At(if end == 1 { 1 } else { arrived }))
            }
            413 | 416 => Ok(RangeOutcome::Refused(wire::refused("PATCH", response).await.into())),
            status => {
                let failure = Failure::from(wire::refused("PATCH", response).await);
                let unknown = matches!(status, 400 | 404 | 405 | 411 | 415 | 501);
                if unknown && !is_forgotten(&failure) {
                    Ok(RangeOutcome::Unsupported(failure))
                } else {
                    Err(failure)
                }
            }
        }
    }

    /// Asks how many bytes the registry has.
    pub async fn ask(&mut self, transfer: &Transfer<'_>) -> Result<(), Failure> {
        let request = Request::new(Method::GET, self.url.clone(), transfer.scope());
        let response = transfer.repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        self.follow(transfer, &response)?;
        self.arrived = range_end(&response).unwrap_or(0).min(transfer.size());
        self.before.get_or_insert(self.arrived);
        Ok(())
    }

    fn follow(&mut self, transfer: &Transfer<'_>, response: &Response) -> Result<(), Failure> {
        if let Some(url) = transfer.location(response)? {
            transfer.keep(&url);
            self.url = url;
        }
        Ok(())
    }
}

/// Whether a range was refused for its length rather than its position.
fn is_too_long(failure: &Failure, at: u64) -> bool {
    failure.status() == Some(413) || at == 0
}

/// `Range: 0-N`: N + 1 bytes have arrived.
fn range_end(response: &Response) -> Option<u64> {
    let range = wire::header(response, "range")?;
    let (start, end) = range.trim_start_matches("bytes=").split_once('-')?;
    let end: u64 = end.parse().ok()?;
    // `0-0` is sent for an empty upload and for one of a single byte.
    (start == "0").then_some(if end == 0 { 0 } else { end + 1 })
}
