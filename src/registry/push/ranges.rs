//! A blob in ranges, for registries that take no large body at once.
//!
//! OCI distribution specification, "Pushing a blob in chunks". Where an upload
//! breaks, the registry says how much of it has arrived.

use super::upload::Upload;
use crate::registry::error::Failure;
use crate::registry::wire::{self, Meter, Payload, Request};
use reqwest::{Method, Response};
use url::Url;

/// The size of a range.
pub(in crate::registry) const RANGE: u64 = 16 << 20;
/// What is tried where that is too much: some registries take no more.
const SMALLER: u64 = 4 << 20;
/// How often the registry may say that less has arrived than before.
const SETBACKS: u32 = 3;

/// An upload that the registry has opened.
pub(super) struct Session {
    /// Where it goes on.
    pub(super) url: Url,
    /// The least that a range may have.
    pub(super) least: Option<u64>,
    /// How much the registry has.
    pub(super) arrived: u64,
}

/// What the registry makes of a range.
enum Step {
    /// It has this many bytes now.
    At(u64),
    /// The range is too large, or begins in the wrong place.
    Refused(Failure),
}

impl Session {
    /// Sends what the registry does not have yet, and ends the upload.
    pub(super) async fn send(&mut self, upload: &Upload<'_>, meter: &Meter) -> Result<(), Failure> {
        let payload = upload.blob.payload();
        let host = upload.repository.host;
        let mut setbacks = 0;
        while self.arrived < payload.length() {
            let before = self.arrived;
            meter.set(before);
            let most = host.ranges().unwrap_or(RANGE).max(self.least.unwrap_or(0));
            let part = payload.part(before, most);
            let refusal = match self.range(upload, part, meter).await? {
                Step::At(next) => {
                    self.arrived = next.min(payload.length());
                    None
                }
                Step::Refused(failure) => {
                    if host.ranges() == Some(RANGE) {
                        host.set_ranges(SMALLER);
                    }
                    self.ask(upload).await?;
                    Some(failure)
                }
            };
            if self.arrived <= before {
                setbacks += 1;
            }
            if setbacks > SETBACKS {
                return Err(refusal.unwrap_or_else(|| {
                    Failure::Nonsense("the registry takes a range and does not keep it".to_owned())
                }));
            }
        }
        upload.close(&self.url, Payload::Empty, meter).await
    }

    async fn range(
        &mut self,
        upload: &Upload<'_>,
        part: Payload,
        meter: &Meter,
    ) -> Result<Step, Failure> {
        let at = self.arrived;
        let end = at + part.length();
        let request = Request::new(Method::PATCH, self.url.clone(), upload.scope())
            .header("content-type", "application/octet-stream")
            .header("content-range", &format!("{at}-{}", end - 1))
            .payload(part)
            .metered(meter.clone());
        let response = upload.repository.host.send(&request).await?;
        match response.status().as_u16() {
            // 201 is what Amazon's registry says.
            200..=204 => {
                self.moved(upload, &response)?;
                let arrived = range_end(&response).unwrap_or(end);
                // A range of one byte looks like none.
                Ok(Step::At(if end == 1 { 1 } else { arrived }))
            }
            413 | 416 => Ok(Step::Refused(wire::refused("PATCH", response).await.into())),
            _ => Err(wire::refused("PATCH", response).await.into()),
        }
    }

    /// Asks how much the registry has.
    pub(super) async fn ask(&mut self, upload: &Upload<'_>) -> Result<(), Failure> {
        let request = Request::new(Method::GET, self.url.clone(), upload.scope());
        let response = upload.repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("GET", response).await.into());
        }
        self.moved(upload, &response)?;
        self.arrived = range_end(&response).unwrap_or(0);
        Ok(())
    }

    fn moved(&mut self, upload: &Upload<'_>, response: &Response) -> Result<(), Failure> {
        if let Some(url) = upload.location(response)? {
            self.url = url;
        }
        Ok(())
    }
}

/// `Range: 0-N`: N + 1 bytes have arrived.
fn range_end(response: &Response) -> Option<u64> {
    let range = wire::header(response, "range")?;
    let (start, end) = range.trim_start_matches("bytes=").split_once('-')?;
    let end: u64 = end.parse().ok()?;
    // `0-0` is what an empty upload says, and what one of a single byte says.
    (start == "0").then_some(if end == 0 { 0 } else { end + 1 })
}
