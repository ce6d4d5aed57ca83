//! A layer before it is packed.

use super::entry::LayerEntry;
use std::time::SystemTime;

/// The entries of one layer.
#[derive(Clone)]
pub struct ListedLayer {
    /// The source path, for progress reports.
    pub name: String,
    pub entries: Vec<LayerEntry>,
    /// A time before the entries were listed.
    pub started_at: SystemTime,
}
