//! A blob in ranges: a large one, so that what has arrived is kept, and any for
//! registries that take no large body at once.
//!
//! OCI distribution specification, "Pushing a blob in chunks". Where an upload
//! breaks, the registry says how much of it has arrived.

use super::upload::{Trip, is_forgotten, is_refused};
use crate::registry::error::Failure;
use crate::registry::wire::{self, Payload, Request};
use reqwest::{Method, Response};
use url::Url;

/// The size of a range.
pub(super) const RANGE: u64 = 16 << 20;
/// What is tried where that is too much: some registries take no more.
const SMALLER: u64 = 4 << 20;
/// How often the registry may say that less has arrived than before.
const SETBACKS: u32 = 3;

/// An upload that the registry has opened.
#[derive(Clone)]
pub(super) struct Session {
    /// Where it goes on.
    pub(super) url: Url,
    /// The least that a range may have.
    least: Option<u64>,
    /// How much the registry has.
    arrived: u64,
    /// How much it had when this process came, once that is known.
    before: Option<u64>,
    /// Whether it called a range a blob, as Amazon's does.
    created: bool,
}

/// What came of sending ranges.
pub(super) enum Sent {
    /// The blob is there.
    All,
    /// The registry takes none, and has not refused a whole body.
    NotInParts,
}

/// What the registry makes of a range.
enum Step {
    /// It has this many bytes now.
    At(u64),
    /// The range is too large, or begins in the wrong place.
    Refused(Failure),
    /// It takes no ranges.
    Unknown(Failure),
}

impl Session {
    /// One that was opened just now.
    pub(super) fn new(url: Url, least: Option<u64>) -> Self {
        Self { url, least, arrived: 0, before: Some(0), created: false }
    }

    /// One of an earlier process.
    pub(super) fn interrupted(url: Url) -> Self {
        Self { before: None, ..Self::new(url, None) }
    }

    /// How much the registry had when this process came.
    pub(super) fn before(&self) -> u64 {
        self.before.unwrap_or(0)
    }

    /// Whether something has arrived, so that only the rest is to be sent.
    pub(super) fn has_some(&self) -> bool {
        self.arrived > 0
    }

    /// Sends what the registry does not have yet, and ends the upload.
    pub(super) async fn send(&mut self, trip: &Trip<'_>) -> Result<Sent, Failure> {
        let payload = trip.upload.blob.payload();
        let known = &trip.upload.repository.known;
        // A body that is whole may go where none in ranges does.
        let whole = known.ranges().is_none();
        let mut setbacks = 0;
        while self.arrived < payload.length() {
            let before = self.arrived;
            trip.meter.set(before);
            let part = payload.part(before, self.step(trip));
            let refusal = match self.range(trip, part).await? {
                Step::At(next) => {
                    self.arrived = next.min(payload.length());
                    None
                }
                Step::Unknown(_) if whole && before == 0 => return Ok(Sent::NotInParts),
                Step::Unknown(failure) => return Err(failure),
                Step::Refused(failure) if whole && is_too_long(&failure, before) => {
                    return Ok(Sent::NotInParts);
                }
                Step::Refused(failure) => {
                    if known.ranges() == Some(RANGE) {
                        known.learn(|ways| ways.most = Some(SMALLER));
                    }
                    self.ask(trip).await?;
                    Some(failure)
                }
            };
            if self.arrived <= before {
                setbacks += 1;
            }
            if whole && setbacks > 0 && self.created {
                return Ok(Sent::NotInParts);
            }
            if setbacks > SETBACKS {
                return Err(refusal.unwrap_or_else(|| {
                    Failure::Nonsense("the registry takes a range and does not keep it".to_owned())
                }));
            }
        }
        self.end(trip, whole).await
    }

    /// Ends the upload. A registry that called a range a blob may refuse that,
    /// for it is one, or for it has lost all but one range.
    async fn end(&self, trip: &Trip<'_>, whole: bool) -> Result<Sent, Failure> {
        match trip.close(&self.url, Payload::Empty).await {
            Ok(()) => Ok(Sent::All),
            Err(failure) if self.created && is_refused(&failure) => {
                if trip.is_there().await {
                    Ok(Sent::All)
                } else if whole {
                    Ok(Sent::NotInParts)
                } else {
                    Err(failure)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// How much to send at a time.
    fn step(&self, trip: &Trip<'_>) -> u64 {
        let repository = trip.upload.repository;
        let large = trip.size() >= repository.parts.from;
        let usual = if large { repository.parts.size } else { RANGE };
        repository.known.ranges().unwrap_or(usual).max(self.least.unwrap_or(0))
    }

    async fn range(&mut self, trip: &Trip<'_>, part: Payload) -> Result<Step, Failure> {
        let at = self.arrived;
        let end = at + part.length();
        let request = Request::new(Method::PATCH, self.url.clone(), trip.upload.scope())
            .header("content-type", "application/octet-stream")
            .header("content-range", &format!("{at}-{}", end - 1))
            .payload(part)
            .metered(trip.meter.clone());
        let response = trip.upload.repository.host.send(&request).await?;
        match response.status().as_u16() {
            status @ 200..=204 => {
                self.created |= status == 201;
                self.moved(trip, &response)?;
                let arrived = range_end(&response).unwrap_or(end);
                // A range of one byte looks like none.
                Ok(Step::At(if end == 1 { 1 } else { arrived }))
            }
            413 | 416 => Ok(Step::Refused(wire::refused("PATCH", response).await.into())),
            status => {
                let failure = Failure::from(wire::refused("PATCH", response).await);
                let unknown = matches!(status, 400 | 404 | 405 | 411 | 415 | 501);
                if unknown && !is_forgotten(&failure) {
                    Ok(Step::Unknown(failure))
                } else {
                    Err(failure)
                }
            }
        }
    }

    /// Asks how much the registry has.
    pub(super) async fn ask(&mut self, trip: &Trip<'_>) -> Result<(), Failure> {
        let request = Request::new(Method::GET, self.url.clone(), trip.upload.scope());
        let response = trip.upload.repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        self.moved(trip, &response)?;
        self.arrived = range_end(&response).unwrap_or(0).min(trip.size());
        self.before.get_or_insert(self.arrived);
        Ok(())
    }

    fn moved(&mut self, trip: &Trip<'_>, response: &Response) -> Result<(), Failure> {
        if let Some(url) = trip.location(response)? {
            trip.record.keep(&url, &trip.upload.repository.host.address);
            self.url = url;
        }
        Ok(())
    }
}

/// Whether a range was refused for its length rather than its place.
fn is_too_long(failure: &Failure, at: u64) -> bool {
    failure.status() == Some(413) || at == 0
}

/// `Range: 0-N`: N + 1 bytes have arrived.
fn range_end(response: &Response) -> Option<u64> {
    let range = wire::header(response, "range")?;
    let (start, end) = range.trim_start_matches("bytes=").split_once('-')?;
    let end: u64 = end.parse().ok()?;
    // `0-0` is what an empty upload says, and what one of a single byte says.
    (start == "0").then_some(if end == 0 { 0 } else { end + 1 })
}
