//! Who uploads what: a large blob that several repositories of a registry lack
//! goes up once, the others take it over from there.

use super::Blob;
use super::destination::Found;
use super::repository::Cargo;
use super::upload::{SINGLE, Upload};
use crate::oci::Digest;
use std::collections::BTreeMap;

/// The uploads to one registry.
pub(super) struct Shares<'a> {
    /// What can begin at once.
    pub(super) now: Vec<Upload<'a>>,
    /// What takes over a blob of the first, once that is there.
    pub(super) later: Vec<Upload<'a>>,
}

/// Shares out the blobs that are missing, the largest first.
pub(super) fn share<'a>(found: &[Found<'a>], cargo: &'a Cargo) -> Shares<'a> {
    let mut shares = Shares { now: Vec::new(), later: Vec::new() };
    for blob in &cargo.blobs {
        share_one(found, blob, &mut shares);
    }
    shares
}

fn share_one<'a>(found: &[Found<'a>], blob: &'a Blob, shares: &mut Shares<'a>) {
    let lacks = |found: &&Found<'a>| found.missing.contains(&blob.descriptor.digest);
    let digest = &blob.descriptor.digest;
    let on_its_way = |found: &&Found<'a>| found.destination.repository.expects(digest);
    let has = found.iter().find(|found| !lacks(found) && !on_its_way(found));
    let elsewhere =
        || found.first().and_then(|found| blob.mountable(found.destination.repository.host));
    let has = has.map(|found| found.destination.repository.name).or_else(elsewhere);
    let mut first = found.iter().find(on_its_way).map(|found| found.destination.repository.name);
    for found in found.iter().filter(lacks) {
        let repository = &found.destination.repository;
        // Asking whether it is there and opening an upload are one request.
        let itself = found.unasked.contains(&blob.descriptor.digest).then_some(repository.name);
        match (has, first) {
            (None, Some(first)) if blob.descriptor.size > SINGLE => {
                shares.later.push(Upload { repository, blob, from: Some(first) });
            }
            // To wait for it elsewhere would take longer than to send it.
            (has, _) => shares.now.push(Upload { repository, blob, from: has.or(itself) }),
        }
        first = first.or(Some(repository.name));
    }
}

/// The blobs by digest.
pub(super) fn by_digest(blobs: &[Blob]) -> BTreeMap<&Digest, &Blob> {
    blobs.iter().map(|blob| (&blob.descriptor.digest, blob)).collect()
}
