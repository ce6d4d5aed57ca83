//! The clients and stores that attempts share.

use super::clients::Clients;
use super::deploy::EarlyReads;
use super::pinned_images::PinnedImages;
use crate::http;
use crate::image;
use crate::registry;
use crate::secret::Redactor;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::SetOnce;

/// What attempts reach the outside with.
pub struct Services {
    pub clients: Clients,
    pub http: http::Client,
    /// The store of built and imported images.
    pub images: image::Store,
    pub redactor: Redactor,
    pub early_reads: EarlyReads,
    pub early_uploads: EarlyUploads,
    pub pinned_images: PinnedImages,
    /// Set when the first step starts: preflight has passed and the start is in
    /// the journal. An early upload sends nothing before that.
    pub uploads_allowed: Arc<SetOnce<()>>,
}

/// Layers that a build has begun to upload before its push, by index of the
/// service.
#[derive(Default)]
pub struct EarlyUploads(Mutex<BTreeMap<usize, registry::EarlyUploads>>);

impl EarlyUploads {
    /// Keeps the upload that a build of the service has begun.
    pub fn insert(&self, service: usize, upload: registry::EarlyUploads) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service, upload);
    }

    /// Takes the upload over for the push.
    pub fn take(&self, service: usize) -> Option<registry::EarlyUploads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&service)
    }

    /// Aborts the upload, because nothing is going to be pushed.
    pub fn abort(&self, service: usize) {
        drop(self.take(service));
    }
}
