//! Who uploads what: a blob that several repositories of a registry lack goes
//! up once, the others take it over from there.

use super::repository::Found;
use super::upload::Upload;
use super::{Blob, Cargo};
use crate::registry::Digest;
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
    let has = found.iter().find(|found| !lacks(found) && !found.repository.targets.is_empty());
    let elsewhere = || found.first().and_then(|found| blob.mountable(found.repository.host));
    let mut from = has.map(|found| found.repository.name).or_else(elsewhere);
    let present = from.is_some();
    for found in found.iter().filter(lacks) {
        let upload = Upload { repository: found.repository, blob, from };
        if present || from.is_none() {
            shares.now.push(upload);
        } else {
            shares.later.push(upload);
        }
        from = from.or(Some(found.repository.name));
    }
}

/// The blobs by digest.
pub(super) fn by_digest(blobs: &[Blob]) -> BTreeMap<&Digest, &Blob> {
    blobs.iter().map(|blob| (&blob.descriptor.digest, blob)).collect()
}
