//! The tags that came from outside, and when they were last looked up there.

use super::record::Fetched;
use crate::oci::Digest;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a tag is not looked up again: long enough for the requests of one pull, which are to
/// see the same image, and short enough for the next run to see another one.
const MAX_AGE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct FetchedTag {
    digest: String,
    /// `None` for one that another process fetched.
    asked: Option<Instant>,
}

/// By their references.
#[derive(Debug, Default)]
pub struct FetchedTags {
    tags: Mutex<HashMap<String, FetchedTag>>,
}

impl FetchedTags {
    /// Those of the record of a state folder.
    pub fn of(record: &[Fetched]) -> Self {
        let manifests = record.iter().filter(|fetched| !fetched.blob);
        let tag = |fetched: &Fetched| {
            (fetched.reference(), FetchedTag { digest: fetched.digest.clone(), asked: None })
        };
        // The last line of a tag is the one that holds.
        Self { tags: Mutex::new(manifests.map(tag).collect()) }
    }

    /// Whether a tag with this digest is to be looked up again. One that was pushed here since,
    /// or never came from outside, is not.
    pub fn is_stale(&self, reference: &str, digest: &Digest) -> bool {
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tags.get(reference).filter(|known| known.digest == digest.as_str());
        // A name that is a digest never moves.
        let is_tag = !reference.contains('@');
        is_tag
            && known.is_some_and(|known| known.asked.is_none_or(|asked| asked.elapsed() > MAX_AGE))
    }

    /// Notes that a tag was looked up now.
    pub fn asked(&self, reference: &str, digest: &Digest) {
        let tag = FetchedTag { digest: digest.to_string(), asked: Some(Instant::now()) };
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.insert(reference.to_owned(), tag);
    }
}
