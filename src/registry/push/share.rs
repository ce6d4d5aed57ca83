//! Decides which repository uploads which blob: a large blob that several repositories
//! of a registry lack is uploaded once, and the others mount it.

use super::content::{Blob, PushBlobs};
use super::destination::Discovery;
use super::open::MAX_SINGLE_POST_BYTES;
use super::upload::Upload;

/// The uploads to one registry.
pub struct Shares<'a> {
    pub now: Vec<Upload<'a>>,
    /// Uploads that mount a blob of one of the first, once that is there.
    pub later: Vec<Upload<'a>>,
}

/// Shares out the missing blobs, the largest first.
pub fn share<'a>(discoveries: &[Discovery<'a>], blobs: &'a PushBlobs) -> Shares<'a> {
    let mut shares = Shares { now: Vec::new(), later: Vec::new() };
    for blob in &blobs.blobs {
        share_one(discoveries, blob, &mut shares);
    }
    shares
}

fn share_one<'a>(discoveries: &[Discovery<'a>], blob: &'a Blob, shares: &mut Shares<'a>) {
    let digest = &blob.descriptor.digest;
    let name = |it: &Discovery<'a>| it.destination.repository.name;
    let lacks = |it: &&Discovery<'a>| it.missing.contains(digest);
    let expects = |it: &&Discovery<'a>| it.destination.repository.expects(digest);
    let has = discoveries.iter().find(|it| !lacks(it) && !expects(it)).map(name);
    let mountable =
        || discoveries.first().and_then(|it| blob.mountable(it.destination.repository.host));
    let has = has.or_else(mountable);
    let mut first = discoveries.iter().find(expects).map(name);
    for discovery in discoveries.iter().filter(lacks) {
        let repository = &discovery.destination.repository;
        // Mounting a blob from the repository itself both asks for it and opens an
        // upload, in one request.
        let itself = discovery.assumed.contains(digest).then_some(repository.name);
        match (has, first) {
            (None, Some(first)) if blob.descriptor.size > MAX_SINGLE_POST_BYTES => {
                shares.later.push(Upload { repository, blob, from: Some(first) });
            }
            // Waiting for another upload would take longer than sending a small blob.
            (has, _) => shares.now.push(Upload { repository, blob, from: has.or(itself) }),
        }
        first = first.or(Some(repository.name));
    }
}
