//! The outputs of steps.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map;

/// The outputs of a step, by name.
///
/// The type of a value says who may see it: `String` is redacted text for events
/// and reports, the journal records a secret output by its source, and the run
/// itself holds values that may be secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Outputs<V = String>(BTreeMap<String, V>);

/// The names of outputs that the program itself sets or reads. All outputs are
/// listed by action in `docs/reference.md`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutputName {
    ImageId,
    Platform,
    References,
    Digest,
    /// `repository@digest`.
    Image,
    Tags,
    BytesSent,
    BytesReused,
    ResourceId,
    Changed,
    Fqdn,
    Ip,
    Url,
    Urls,
    Status,
    LatencyMs,
}

impl OutputName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageId => "image-id",
            Self::Platform => "platform",
            Self::References => "references",
            Self::Digest => "digest",
            Self::Image => "image",
            Self::Tags => "tags",
            Self::BytesSent => "bytes-sent",
            Self::BytesReused => "bytes-reused",
            Self::ResourceId => "resource-id",
            Self::Changed => "changed",
            Self::Fqdn => "fqdn",
            Self::Ip => "ip",
            Self::Url => "url",
            Self::Urls => "urls",
            Self::Status => "status",
            Self::LatencyMs => "latency-ms",
        }
    }
}

impl<V> Outputs<V> {
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn get(&self, name: OutputName) -> Option<&V> {
        self.0.get(name.as_str())
    }

    /// Replaces an output of the same name.
    pub fn set(&mut self, name: OutputName, value: V) {
        self.insert(name.as_str(), value);
    }

    /// Like [`Outputs::set`], for the outputs of a `run` step, whose names are the
    /// user's.
    pub fn insert(&mut self, name: impl Into<String>, value: V) {
        self.0.insert(name.into(), value);
    }

    pub fn remove(&mut self, name: OutputName) {
        self.0.remove(name.as_str());
    }

    /// Sorted by name.
    pub fn iter(&self) -> btree_map::Iter<'_, String, V> {
        self.0.iter()
    }
}

impl<V> Default for Outputs<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Extend<(String, V)> for Outputs<V> {
    fn extend<I: IntoIterator<Item = (String, V)>>(&mut self, outputs: I) {
        self.0.extend(outputs);
    }
}

impl<V> FromIterator<(String, V)> for Outputs<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(outputs: I) -> Self {
        Self(outputs.into_iter().collect())
    }
}

impl<V, const N: usize> From<[(OutputName, V); N]> for Outputs<V> {
    fn from(outputs: [(OutputName, V); N]) -> Self {
        outputs.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect()
    }
}

impl<V> IntoIterator for Outputs<V> {
    type Item = (String, V);
    type IntoIter = btree_map::IntoIter<String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Outputs<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = btree_map::Iter<'a, String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
